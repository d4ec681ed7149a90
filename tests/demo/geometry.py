"""What is to be seen in a picture of plain shapes, by geometry on the mask of what differs from the border."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from paramc.runtime.demo.scenes import language, outline

LEAST_CONTRAST = 25  # of what differs from the border, in RGB
SHARE = 0.45  # of the highest contrast, from which on a pixel belongs to a shape
SPECK = 14  # pixels; anything smaller is none
ASIDE = 0.07  # of the picture's width, from which on a shape stands at a side
CELLS = 32  # of a template

Pixels = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Seen(NamedTuple):
    """Words of the demo model's language; `ink`: the mean colour of the shapes, `share`: of the picture they cover."""

    colour: str
    shape: str
    place: str
    count: int
    ink: tuple[float, float, float]
    share: float


def seen_in(picture: Image.Image) -> Seen | None:
    """What there is to be seen, None for nothing but background."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float64)
    mask = foreground(pixels)
    parts = [part for part in components(mask) if part.sum() >= SPECK]
    if not parts:
        return None
    whole = np.logical_or.reduce(parts)
    ink = np.median(pixels[whole], axis=0)
    red, green, blue = map(float, pixels[whole].mean(axis=0))
    largest = max(parts, key=lambda part: int(part.sum()))
    return Seen(_colour(ink), _shape(largest), _place(whole), len(parts), (red, green, blue), float(whole.mean()))


def foreground(pixels: Pixels) -> Mask:
    """Pixels unlike every one on the border."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    border = np.unique(border.round(-1), axis=0)
    distance = np.sqrt(((pixels[:, :, None] - border) ** 2).sum(-1)).min(-1)
    return np.asarray(distance > max(LEAST_CONTRAST, SHARE * distance.max()))


def components(mask: Mask) -> Iterator[Mask]:
    """The parts of a mask that hang together."""
    left = {(int(row), int(column)) for row, column in zip(*np.nonzero(mask), strict=True)}
    while left:
        part = np.zeros_like(mask)
        open_ = [left.pop()]
        while open_:
            row, column = open_.pop()
            part[row, column] = True
            for beside in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if beside in left:
                    left.remove(beside)
                    open_.append(beside)
        yield part


def _colour(ink: Pixels) -> str:
    known = language().colours
    return min(known, key=lambda name: float(((ink - np.array(known[name])) ** 2).sum()))


def _place(mask: Mask) -> str:
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    across, down = (
        (columns.min() + columns.max() + 1) / 2 / width - 0.5,
        (rows.min() + rows.max() + 1) / 2 / height - 0.5,
    )
    wanted = (_side(float(across)), _side(float(down)))
    return next(name for name, place in language().places.items() if place == wanted)


def _side(offset: float) -> int:
    return 0 if abs(offset) < ASIDE else 1 if offset > 0 else -1


def _shape(part: Mask) -> str:
    rows, columns = np.nonzero(part)
    cut = part[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    found = np.asarray(Image.fromarray(cut).resize((CELLS, CELLS)), dtype=bool)
    return max(language().shapes, key=lambda shape: _overlap(found, _template(shape)))


def _overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


@cache
def _template(shape: str) -> Mask:
    """The shape, filling its box."""
    size = 8 * CELLS
    canvas = Image.new("1", (size, size))
    pen = ImageDraw.Draw(canvas)
    if shape in ("circle", "ring"):
        pen.ellipse((0, 0, size - 1, size - 1), fill=1)
        hole = 0.19 * size if shape == "ring" else size
        if shape == "ring":
            pen.ellipse((hole, hole, size - 1 - hole, size - 1 - hole), fill=0)
    else:
        corners = np.array(outline(shape))
        low, high = corners.min(axis=0), corners.max(axis=0)
        pen.polygon([(float(x), float(y)) for x, y in (corners - low) / (high - low) * (size - 1)], fill=1)
    return np.asarray(canvas.resize((CELLS, CELLS)), dtype=bool)
