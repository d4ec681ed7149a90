"""How many steps of a schedule a pass runs when it begins on a picture."""

from typing import NamedTuple


class Steps(NamedTuple):
    """`scheduled` steps make the schedule; `encoded` is the index of the level that the picture is noised to."""

    scheduled: int
    encoded: int


GREATEST_STRENGTH = 0.999


def steps_from_picture(steps: int, strength: float, *, exactly: bool) -> Steps:
    """Steps of image-to-image (A1111). strength: [0, 1].

    exactly: as many steps are run as asked for, of a longer schedule; else the share of the schedule that `strength`
    leaves, and one more. Shares are products in float64, rounded down: 0.7 of 10 is 7, 0.29 of 100 is 28.
    """
    if exactly:
        return Steps(int(steps / min(strength, GREATEST_STRENGTH)) if strength > 0 else 0, steps - 1)
    return Steps(steps, int(min(strength, GREATEST_STRENGTH) * steps))
