"""The box of an inpainted part, in the integer arithmetic of A1111; pixels, width first."""

from typing import NamedTuple

from paramc.ir.geometry import Size


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
