"""Sizes in pixels."""

import re
from typing import Annotated, NamedTuple, TypeAlias

from pydantic import BeforeValidator

_SPELT = re.compile(r"\s*(-?\d{1,9})\s*[x×]\s*(-?\d{1,9})\s*")


class Size(NamedTuple):
    """Width and height in pixels; 0 = derived from the other."""

    width: int
    height: int


def derived(before: Size, wanted: Size) -> Size:
    """A size of which one side, where it is 0, follows from the shape that there is."""
    if wanted.width == 0:
        return Size(wanted.height * before.width // max(before.height, 1), wanted.height)
    if wanted.height == 0:
        return Size(wanted.width, wanted.width * before.height // max(before.width, 1))
    return wanted


def multiplied(size: Size, factor: float, cell: int) -> Size:
    """A size that is so many times as large, in whole cells of so many pixels, halves to even ones (ComfyUI)."""
    return Size(*(round(side // cell * factor) * cell for side in size))


def read_size(value: object) -> object:
    """`512x768` as its two numbers; anything else as it is."""
    match = _SPELT.fullmatch(value) if isinstance(value, str) else None
    return (int(match[1]), int(match[2])) if match else value


Sides: TypeAlias = Annotated[Size, BeforeValidator(read_size)]
"""A size in the IR, which may be written as a text."""
