"""Sizes of a second pass and of an inpainted part, in the integer arithmetic of A1111; pixels, width first."""

import math
from typing import Final, NamedTuple

from paramc.ir.geometry import Size

NO_SIZE: Final = Size(0, 0)
LATENT_SCALE: Final = 8  # pixels per latent cell


class Enlargement(NamedTuple):
    """`scaled` is the size to enlarge to; `excess` latent cells of each side are then cut away."""

    scaled: Size
    excess: Size


class Box(NamedTuple):
    """A part of a picture, [left, right) x [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top


def enlarged(first: Size, *, scale: float = 1.0, wanted: Size = NO_SIZE) -> Enlargement:
    """The size of the second pass: by a factor, or one that is wanted.

    A wanted side of 0 follows from the other; two sides are covered, and what stands out is cut.
    """
    if wanted == NO_SIZE:
        return Enlargement(Size(int(first.width * scale), int(first.height * scale)), Size(0, 0))
    if wanted.height == 0 or (wanted.width and _is_taller(first, wanted)):
        scaled = Size(wanted.width, wanted.width * first.height // first.width)
    else:
        scaled = Size(wanted.height * first.width // first.height, wanted.height)
    if 0 in wanted:
        return Enlargement(scaled, Size(0, 0))
    excess = Size((scaled.width - wanted.width) // LATENT_SCALE, (scaled.height - wanted.height) // LATENT_SCALE)
    return Enlargement(scaled, excess)


def _is_taller(first: Size, wanted: Size) -> bool:
    return first.width / first.height < wanted.width / wanted.height


def first_pass_of(final: Size) -> Size:
    """The first pass of an old second pass, which stated the final size only: about 512 x 512, sides up to a 64th."""
    scale = math.sqrt(512 * 512 / (final.width * final.height))
    return Size(*(math.ceil(scale * side / 64) * 64 for side in final))


def padded(box: Box, padding: int, size: Size) -> Box:
    """`box` with `padding` pixels around it, as far as the picture goes."""
    return Box(
        max(box.left - padding, 0),
        max(box.top - padding, 0),
        min(box.right + padding, size.width),
        min(box.bottom + padding, size.height),
    )


def widened(box: Box, shape: Size, size: Size) -> Box:
    """`box` made longer on one axis until it has the proportions of `shape`, as far as the picture of `size` goes."""
    if box.width / box.height > shape.width / shape.height:
        wanted = int(box.width / (shape.width / shape.height) - box.height)
        top, bottom = _stretched(box.top, box.bottom, wanted, size.height)
        return Box(box.left, top, box.right, bottom)
    wanted = int(box.height * (shape.width / shape.height) - box.width)
    left, right = _stretched(box.left, box.right, wanted, size.width)
    return Box(left, box.top, right, box.bottom)


def _stretched(start: int, end: int, by: int, limit: int) -> tuple[int, int]:
    """Both ends moved apart; at an edge of the picture the whole moves to the other side."""
    start, end = start - by // 2, end + by - by // 2
    if end >= limit:
        start, end = start - (end - limit), limit
    if start < 0:
        start, end = 0, end - start
    return start, min(end, limit)
