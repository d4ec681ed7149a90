"""Sizes in pixels."""

from typing import NamedTuple


class Size(NamedTuple):
    """Width and height in pixels; 0 = derived from the other."""

    width: int
    height: int
