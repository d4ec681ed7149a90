"""A small picture on a terminal, two pixels in a cell."""

from collections.abc import Sequence
from typing import Final, TypeAlias

Pixel: TypeAlias = tuple[int, int, int]

UPPER: Final = "▀"  # its colour fills the upper half of a cell, the colour behind it the lower one
INDENT: Final = "  "
WIPE: Final = "\r\x1b[J"  # takes away the cursor's line and all below it
CUBE: Final = (0, 95, 135, 175, 215, 255)  # shades of each part in the 216 colours that older terminals have
FIRST: Final = 16  # number of the first of these


def blocks(rows: Sequence[Sequence[Pixel]], *, fine: bool) -> tuple[str, ...]:
    """One line for two rows of pixels; a last row without a partner stands on black.

    fine: in all colours, and else in the nearest of 216.
    """
    lowers = [*rows[1::2], *([(0, 0, 0)] * len(rows[-1]) for _ in range(len(rows) % 2))]
    return tuple(INDENT + _line(upper, lower, fine) for upper, lower in zip(rows[::2], lowers, strict=True))


def below(lines: Sequence[str]) -> str:
    """What puts lines under the cursor's own, in the place of those that were there, and the cursor back."""
    return "".join(f"\n\x1b[2K{line}" for line in lines) + f"\x1b[{len(lines)}A\r"


def above(lines: Sequence[str]) -> str:
    """What puts lines where the cursor is, and the cursor under them."""
    return "".join(f"{line}\n" for line in lines)


def _line(upper: Sequence[Pixel], lower: Sequence[Pixel], fine: bool) -> str:
    colour = _exact if fine else _nearest
    cells = (f"\x1b[38;{colour(one)};48;{colour(other)}m{UPPER}" for one, other in zip(upper, lower, strict=True))
    return "".join(cells) + "\x1b[0m"


def _exact(pixel: Pixel) -> str:
    return ";".join(map(str, (2, *pixel)))


def _nearest(pixel: Pixel) -> str:
    red, green, blue = (min(range(len(CUBE)), key=lambda place: abs(CUBE[place] - part)) for part in pixel)
    return f"5;{FIRST + 36 * red + 6 * green + blue}"
