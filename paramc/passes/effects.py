"""What the values in which two jobs differ do to the picture, the strongest first."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from paramc.diagnostics.model import InvalidValue
from paramc.ir.job import Job
from paramc.ir.names import sampler_of
from paramc.ir.paths import value_at
from paramc.ir.places import located
from paramc.ir.plan import Encode, Op
from paramc.ir.prompt import Prompt
from paramc.passes.complete import complete_job
from paramc.passes.plan import plan_job
from paramc.passes.resolve import stem_of
from paramc.tables import TableError, read_table, rows

UNMEASURED: Final = 0.05
MOST_PLANNED: Final = 64  # differences that are tried out one by one
SIZES: Final = ((0.5, "another picture"), (0.05, "large"), (0.005, "visible"), (1e-9, "small"))
UNNOTICED: Final = "none"
SAME_STEPS: Final = "the picture is painted in the same way with both"
IDLE: Final = {
    "draws": "the sampler draws no noise on its way",
    "weights": "no word of the prompts has a weight",
}
SAME_FILE: Final = "the same file name, with its ending or without"
NAME: Final = ".name"
UNKNOWN_REASON: Final = "nobody has measured what it does"


class Row(NamedTuple):
    """A row of effects.toml; its head explains each word."""

    paths: tuple[str, ...]
    size: float
    why: str
    when: str = ""


class Effect(NamedTuple):
    """What one difference is expected to do: `size` as in effects.toml, and in a word."""

    path: str
    size: float
    why: str

    @property
    def word(self) -> str:
        """How large that is."""
        return next((word for least, word in SIZES if self.size >= least), UNNOTICED)


def rank_effects(left: Job, right: Job, paths: Iterable[str]) -> tuple[Effect, ...]:
    """The expected effect of each path in which two jobs differ, the largest first, else in the order of the paths."""
    left, right = complete_job(left), complete_job(right)
    trial = _Trial(left, right)
    found = [trial.effect(path, number) for number, path in enumerate(paths)]
    return tuple(sorted(found, key=lambda effect: -effect.size))


class _Trial:
    """Two jobs, and the steps that the first comes to."""

    def __init__(self, left: Job, right: Job) -> None:
        self._left, self._right = left, right
        self._steps = _steps(left)
        self._alike = self._steps == _steps(right)
        draws = any(sampler_of(job.sampling.sampler).draws for job in (left, right))
        weights = any(map(_is_weighted, (*self._steps, *_steps(right))))
        self._idle = {"draws": not draws, "weights": not weights}

    def effect(self, path: str, number: int) -> Effect:
        """Of one difference; each of the first few is tried alone."""
        row = row_of(path)
        if row.size and (self._alike or (number < MOST_PLANNED and self._is_idle(path))):
            return Effect(path, 0.0, SAME_STEPS)
        if self._idle.get(row.when, False):
            return Effect(path, 0.0, IDLE[row.when])
        if path.endswith(NAME) and self._stem(self._left, path) == self._stem(self._right, path):
            return Effect(path, 0.0, SAME_FILE)
        return Effect(path, row.size, row.why)

    def _stem(self, job: Job, path: str) -> str:
        return stem_of(str(value_at(job, path) or ""))

    def _is_idle(self, path: str) -> bool:
        """Does the first job come to the same steps with the other's value?"""
        value = value_at(self._right, path)
        if value is None and value_at(self._right, path.rpartition(".")[0]) is None:
            return False  # of a part that the other has not, as a whole: alone it says nothing
        try:
            changed = self._left.replace({path: value.text if isinstance(value, Prompt) else value})
        except InvalidValue:  # of another kind of task, or a part that the first has not
            return False
        return _steps(complete_job(changed)) == self._steps


def _steps(job: Job) -> tuple[Op, ...]:
    return tuple(op.model_copy(update={"because": ()}) for op in plan_job(job).ops)


def _is_weighted(op: Op) -> bool:
    return isinstance(op, Encode) and any(run.weight != 1 for variant in op.variants for run in variant.runs)


def row_of(path: str) -> Row:
    """What is known of a path; a row of no paths where nothing is."""
    plain = located(path)[0].text()
    exact, prefixes = _rows()
    longest = max((prefix for prefix in prefixes if plain.startswith(prefix)), key=len, default=None)
    found = exact.get(plain) or (prefixes[longest] if longest is not None else None)
    return found or Row((), UNMEASURED, UNKNOWN_REASON)


@cache
def _rows() -> tuple[dict[str, Row], dict[str, Row]]:
    """The rows by whole paths, and by beginnings of paths."""
    file = Path(__file__).with_suffix(".toml")
    exact: dict[str, Row] = {}
    prefixes: dict[str, Row] = {}
    for row in rows(read_table(file), "effects", Row, file):
        if row.when and row.when not in IDLE:
            raise TableError(f"{file}: `when` is {' or '.join(IDLE)}, or left out")
        for path in row.paths:
            (prefixes if path.endswith("*") else exact)[path.removesuffix("*")] = row
    return exact, prefixes
