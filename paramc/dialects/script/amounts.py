"""What the values of a script's calls amount to: strengths, steps, noise levels, sizes."""

from collections.abc import Sequence
from math import isfinite
from typing import Final

from paramc.dialects.script.values import INDEXED, Made, Piece, origins

FLOW: Final = "simple"  # the schedule of flow models
EVEN: Final = "uniform"
ROUND: Final[tuple[int, ...]] = (
    10,
    20,
    *(10**digits for digits in range(2, 17)),
)  # parts of 1 that people like, the roundest first
MOST_STRENGTH: Final = 0.999  # that a UI counts with


def asked_strength(strength: float, steps: int, *, rounds_down: bool) -> float:
    """The strength at which a UI runs as many steps as the library does: one more than int(strength · steps).

    The library runs int(steps · strength) of them, or leaves out int(steps − steps · strength) (`rounds_down`).
    """
    run = run_steps(strength, steps, rounds_down=rounds_down)
    if run >= steps:
        return 1.0
    for unit in ROUND:
        value: float = -(-max(run - 1, 0) * unit // steps) / unit
        if int(value * steps) == run - 1:
            return value
    return strength


def run_steps(strength: float, steps: int, *, rounds_down: bool) -> int:
    """How many of its steps the library runs, at least one."""
    run = steps - int(steps - steps * strength) if rounds_down else int(steps * strength)
    return min(max(run, 1), steps)


def hires_strength(run: int, planned: int) -> float:
    """The shortest strength at which a UI plans `planned` steps to run `run` of them: int(run ÷ strength)."""
    for unit in ROUND:
        for value in (run * unit // planned / unit, (run * unit // planned - 1) / unit):
            if value > 0 and int(run / min(value, MOST_STRENGTH)) == planned:
                return value
    return run / planned


def levels_of(value: object) -> str | None:
    """The schedule of a list of noise levels from 1 down to 0, by its spacing; None for one that is none we know."""
    if isinstance(value, list) and value:
        steps = len(value)
        in_table = any(
            value == [1 - n * cells // steps / cells for n in range(steps)] for cells in (1000, 10_000)
        )  # the levels of a table of so many
        even = value == [1 - n / steps for n in range(steps)]
        return FLOW if in_table else EVEN if even else None
    made = next(iter(origins(value)), None)
    while isinstance(made, Made) and isinstance(made.owner, Made):
        made = made.owner
    if made is None or not made.name.endswith("linspace"):
        return None
    return EVEN if _was_cut_nowhere(value) else "sgm_uniform"


def _was_cut_nowhere(value: object) -> bool:
    """Was nothing cut off a list on its way?"""
    made = value
    while isinstance(made, Made):
        if made.name == INDEXED:
            return False
        made = made.owner
    return True


def pieces_of(index: object) -> list[int | None]:
    """The lengths that an index leaves of each side, None for the whole."""
    items = index if isinstance(index, list) else [index]
    lengths: list[int | None] = []
    for item in items:
        lower = whole(item.lower or 0) if isinstance(item, Piece) else None
        upper = whole(item.upper) if isinstance(item, Piece) else None
        lengths.append(None if lower is None or upper is None else upper - lower)
    return lengths


def pair(arguments: Sequence[object]) -> tuple[int, int] | None:
    for item in arguments:
        if isinstance(item, list) and len(item) == 2:
            sides = [whole(side) for side in item]
            if sides[0] is not None and sides[1] is not None:
                return sides[0], sides[1]
    return None


def whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def real(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 and isfinite(value) else None
