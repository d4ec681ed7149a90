"""How fast the parts of the demo model learn."""

from math import cos, pi
from typing import Final, NamedTuple

WARMING: Final = 50  # steps until the full rate


class Rate(NamedTuple):
    """The learning rate at its highest, and at the end."""

    highest: float
    last: float


def warmed_cosine(rate: Rate, step: int, steps: int) -> float:
    """The rate of a step: up in a line, then down along half a cosine."""
    along = (step - WARMING) / max(1, steps - WARMING)
    falling = rate.last + (rate.highest - rate.last) * (1 + cos(pi * max(0.0, along))) / 2
    return falling * min(1.0, (step + 1) / WARMING)
