"""Sampler and schedule as a library's scheduler class: the rows of samplers.toml, and the grades that follow."""

from collections.abc import Iterable, Mapping
from functools import cache
from math import isnan
from pathlib import Path
from typing import Final, NamedTuple, TypedDict

from paramc.backends.report import GRADES, Grade, worst
from paramc.ir.names import executed_schedule, samplers, schedules
from paramc.tables import NOTHING, Table, TableError, read_table, rows, section

ANY = "*"
STEPS = 20  # with which pictures were measured
EXACT, CLOSE = 1e-5, 1e-3  # shares of a latent's largest number up to which it is called so
KEPT: Final[frozenset[Grade]] = frozenset({"exact", "inert"})
UNLISTED = "unknown"  # stands in feature names for a sampler or schedule that no table knows
Settings = Mapping[str, str | int | float | bool]


class BaseRow(NamedTuple):
    """Model bases that share their noise levels, and what every scheduler of theirs is told."""

    names: tuple[str, ...]
    keywords: Settings
    like: str = ""  # the base whose samplers they have


class SamplerRow(NamedTuple):
    """The scheduler class for samplers; `*` is every other one.

    `expressions` are source text with `{seeds}` in it. With `divides`, the row holds where the steps divide it.
    """

    names: tuple[str, ...]
    bases: tuple[str, ...]
    scheduler: str
    grade: Grade
    keywords: Settings = NOTHING
    expressions: Mapping[str, str] = NOTHING
    why: str = ""
    divides: int = 0


class ScheduleRow(NamedTuple):
    """What scheduler classes are told for schedules. `sigmas` is source text with `{steps}` in it."""

    names: tuple[str, ...]
    schedulers: tuple[str, ...]
    grade: Grade
    keywords: Settings = NOTHING
    sigmas: str = ""
    why: str = ""
    bases: tuple[str, ...] = ()
    divides: int = 0


class FlagRow(NamedTuple):
    """What scheduler classes are told for a quirk of the model."""

    name: str
    schedulers: tuple[str, ...]
    keywords: Settings


class Schedulers(NamedTuple):
    """samplers.toml, row by row. A row by name goes before a row by `*`."""

    bases: tuple[BaseRow, ...]
    samplers: tuple[SamplerRow, ...]
    schedules: tuple[ScheduleRow, ...]
    flags: tuple[FlagRow, ...]
    measured: Mapping[str, Mapping[str, Mapping[str, float]]] = NOTHING

    def base(self, base: str) -> BaseRow | None:
        """The row of a model base; None where the library cannot sample it."""
        return next((row for row in self.bases if base in row.names), None)

    def sampler(self, base: str, sampler: str, steps: int) -> SamplerRow:
        """The row for a sampler of a known base."""
        alike = {base, _like(self, base)}
        fitting = [row for row in self.samplers if alike & {*row.bases} and _divides(steps, row.divides)]
        return next(row for name in (sampler, ANY) for row in fitting if name in row.names)

    def schedule(self, base: str, scheduler: str, schedule: str, steps: int) -> ScheduleRow:
        """The row for a schedule with a scheduler class."""
        offered = (row for row in self.schedules if scheduler in row.schedulers and _divides(steps, row.divides))
        fitting = [row for row in offered if not row.bases or base in row.bases]
        return next(row for name in (schedule, ANY) for row in fitting if name in row.names)

    def flagged(self, scheduler: str, flags: Iterable[str]) -> dict[str, str | int | float | bool]:
        """The keywords for the quirks among `flags` that the scheduler class knows."""
        wanted = set(flags)
        fitting = (row.keywords for row in self.flags if row.name in wanted and scheduler in row.schedulers)
        return {key: value for keywords in fitting for key, value in keywords.items()}

    def judged(
        self, base: str, kind: str, sampler: str, schedule: str | None, steps: int
    ) -> SamplerRow | ScheduleRow | None:
        """The row that answers for a sampler, or for its schedule (`kind`); None on a base that is not sampled."""
        if self.base(base) is None:
            return None
        walked = executed_schedule(sampler, schedule)
        own = self.sampler(base, sampler, steps)
        other = self.schedule(base, own.scheduler, walked, steps)
        usual = self.sampler(base, sampler, STEPS)
        is_measured = (own, other) == (usual, self.schedule(base, usual.scheduler, walked, STEPS))
        deviation = self.deviation(base, sampler, walked) if is_measured else None
        row: SamplerRow | ScheduleRow = own if kind == "sampler" else other
        verdict = _measured(row, deviation)
        if verdict["grade"] == "exact" and _like(self, base) != base:
            verdict = {"grade": "close", "why": "nobody compared it on models of this kind"}
        return row._replace(**verdict)

    def deviation(self, base: str, sampler: str, schedule: str) -> float | None:
        """How far the latent was found to be off, as a share of its largest number; None where nobody measured.

        Of bases with the same noise levels, only what differs from the first one stands in the table.
        """
        row = self.base(base)
        alike = (base, row.names[0]) if row else ()
        tables = (self.measured.get(name, {}).get(sampler, {}) for name in alike)
        found = next((table[schedule] for table in tables if schedule in table), None)
        return None if found is None or isnan(found) else found  # not a number: the UI paints nothing there

    def overview(self) -> dict[str, SamplerRow | ScheduleRow]:
        """A row for each sampler, on the first base, and for each schedule, with what keeps it best, by feature."""
        first = self.bases[0].names[0]
        listed: dict[str, SamplerRow | ScheduleRow] = {
            f"sampler.{name}": self._alone(first, name) for name in (*samplers(), UNLISTED)
        }
        for name in (*schedules(), UNLISTED):
            wanted = executed_schedule(None, name)
            named = [row for row in self.schedules if wanted in row.names]
            fitting = named or [row for row in self.schedules if ANY in row.names]
            listed[f"schedule.{name}"] = min(fitting, key=lambda row: GRADES.index(row.grade))
        return listed

    def _alone(self, base: str, sampler: str) -> SamplerRow:
        """The row of a sampler on its usual schedule."""
        row, walked = self.sampler(base, sampler, STEPS), executed_schedule(sampler, None)
        return row._replace(**_measured(row, self.deviation(base, sampler, walked)))


class Verdict(TypedDict):
    """What a measurement says."""

    grade: Grade
    why: str


def grade_of(deviation: float) -> Grade:
    """The grade of a latent that is off by this share of its largest number."""
    return "exact" if deviation <= EXACT else "close" if deviation <= CLOSE else "approximate"


def _measured(row: SamplerRow | ScheduleRow, deviation: float | None) -> Verdict:
    """The grade and the reason of a row of the pair that was measured.

    A row that keeps everything has no part in what the other one loses; one that does not is no better than the
    measurement, but may be worse: with other numbers of steps.
    """
    if deviation is None or row.grade in KEPT:
        return {"grade": row.grade, "why": row.why}
    grade = worst((grade_of(deviation), row.grade))
    return {"grade": grade, "why": f"{row.why}: {_figure(deviation)} of the latent" if row.why else ""}


def _figure(deviation: float) -> str:
    """One digit and its power of ten."""
    return f"{deviation:.0e}".replace("e-0", "e-")


@cache
def read_schedulers(path: Path) -> Schedulers:
    """The table at `path`. Raises TableError for a base without a row for every sampler, or a class without one for
    every schedule."""
    table = read_table(path)
    read = Schedulers(
        rows(table, "bases", BaseRow, path),
        rows(table, "samplers", SamplerRow, path),
        rows(table, "schedules", ScheduleRow, path),
        rows(table, "flags", FlagRow, path),
        _deviations(path.with_name(str(table["measured"]))) if "measured" in table else NOTHING,
    )
    for base in (name for row in read.bases for name in row.names):
        if not any(ANY in row.names and {base, _like(read, base)} & {*row.bases} for row in read.samplers):
            raise TableError(f"{path}: base {base} has no row for any other sampler (`*`)")
    for scheduler in {row.scheduler for row in read.samplers}:
        if not any(ANY in row.names and scheduler in row.schedulers for row in read.schedules):
            raise TableError(f"{path}: {scheduler} has no row for any other schedule (`*`)")
    return read


def _deviations(path: Path) -> dict[str, dict[str, dict[str, float]]]:
    table = read_table(path)
    return {base: _by_sampler(section(table, base, path), path) for base in table}


def _by_sampler(table: Table, path: Path) -> dict[str, dict[str, float]]:
    return {
        sampler: {schedule: float(str(value)) for schedule, value in section(table, sampler, path).items()}
        for sampler in table
    }


def _like(table: Schedulers, base: str) -> str:
    """The base whose samplers a base has, itself for most."""
    row = table.base(base)
    return (row.like or base) if row else base


def _divides(steps: int, number: int) -> bool:
    return number == 0 or (steps > 0 and number % steps == 0)
