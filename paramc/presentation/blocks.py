"""A small picture on a terminal, two pixels in a cell."""

from collections.abc import Sequence
from typing import Final, TypeAlias

Pixel: TypeAlias = tuple[int, int, int]

UPPER: Final = "▀"  # its colour fills the upper half of a cell, the colour behind it the lower one
INDENT: Final = "  "


def blocks(rows: Sequence[Sequence[Pixel]]) -> tuple[str, ...]:
    """One line for two rows of pixels; a last row without a partner stands on black."""
    lowers = [*rows[1::2], *([(0, 0, 0)] * len(rows[-1]) for _ in range(len(rows) % 2))]
    return tuple(INDENT + _line(upper, lower) for upper, lower in zip(rows[::2], lowers, strict=True))


def below(lines: Sequence[str]) -> str:
    """What puts lines under the cursor's own, in the place of those that were there, and the cursor back."""
    return "".join(f"\n\x1b[2K{line}" for line in lines) + f"\x1b[{len(lines)}A\r"


def _line(upper: Sequence[Pixel], lower: Sequence[Pixel]) -> str:
    cells = (f"\x1b[38;2;{_rgb(one)};48;2;{_rgb(other)}m{UPPER}" for one, other in zip(upper, lower, strict=True))
    return "".join(cells) + "\x1b[0m"


def _rgb(pixel: Pixel) -> str:
    return ";".join(map(str, pixel))
