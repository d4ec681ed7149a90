"""Edges by Canny's method (1986) with the conventions of OpenCV, which every UI takes them from.

Gradients by Sobel's 3 × 3 kernels on whole numbers, edge pixels repeated; their size is |dx| + |dy|, of the channel in
which that is largest; directions are cut at 22.5° and 67.5° in fixed point.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
SHIFT: Final = 15
TAN_22_5: Final = 13573  # tan 22.5° · 2¹⁵, rounded


def edges(picture: NDArray[np.uint8], low: float, high: float) -> NDArray[np.uint8]:
    """The edges of a picture, (height, width, channels), as white lines on black, (height, width).

    low, high: sizes of gradients, above which a pixel goes on with an edge, and begins one.
    """
    dx, dy, size = _gradients(picture.astype(np.int64))
    low, high = sorted((low, high))
    thin = (size > np.floor(low)) & _is_ridge(dx, dy, size)
    return np.where(_grown(thin & (size > np.floor(high)), thin), 255, 0).astype(np.uint8)


def _gradients(picture: Ints) -> tuple[Ints, Ints, Ints]:
    """The gradient across, down, and its size, of the channel where it is largest."""
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    smooth_down = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    smooth_across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    dx = smooth_down[:, 2:] - smooth_down[:, :-2]
    dy = smooth_across[2:] - smooth_across[:-2]
    size = np.abs(dx) + np.abs(dy)
    channel = size.argmax(axis=2)[..., None]
    across, down, longest = (np.take_along_axis(values, channel, axis=2)[..., 0] for values in (dx, dy, size))
    return across, down, longest


def _is_ridge(dx: Ints, dy: Ints, size: Ints) -> Flags:
    """Where the gradient is larger than at both neighbours along it; of equal ones the first counts."""
    around = np.pad(size, 1)
    height, width = size.shape

    def at(down: int, across: int) -> Ints:
        return around[1 + down : 1 + down + height, 1 + across : 1 + across + width]

    x, y = np.abs(dx), np.abs(dy) << SHIFT
    flat = x * TAN_22_5
    steep = flat + (x << (SHIFT + 1))
    level = (size > at(0, -1)) & (size >= at(0, 1))
    upright = (size > at(-1, 0)) & (size >= at(1, 0))
    falling = (size > at(-1, -1)) & (size > at(1, 1))
    rising = (size > at(-1, 1)) & (size > at(1, -1))
    slanted = np.where((dx ^ dy) < 0, rising, falling)
    return np.where(y < flat, level, np.where(y > steep, upright, slanted)).astype(np.bool_)


def _grown(seeds: Flags, allowed: Flags) -> Flags:
    """The seeds and every allowed pixel that touches them, corners included, directly or through others."""
    height, width = seeds.shape
    found = np.pad(seeds, 1)
    free = np.pad(allowed, 1)
    stack = [(int(row), int(column)) for row, column in zip(*np.nonzero(found), strict=True)]
    while stack:
        row, column = stack.pop()
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                place = row + down, column + across
                if free[place] and not found[place]:
                    found[place] = True
                    stack.append(place)
    return found[1 : height + 1, 1 : width + 1]
