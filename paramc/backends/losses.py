"""What the losses of a report do to the picture, and the cheapest way around each: an option, or another target."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from paramc.backends.description import Target
from paramc.backends.legalise import report_fates
from paramc.backends.registry import choices, find_target, targets
from paramc.backends.report import GRADES, Fate, Grade, Report
from paramc.ir.job import Job
from paramc.passes.complete import complete_job
from paramc.passes.plan import plan_job
from paramc.resources import TARGETS
from paramc.tables import read_table, rows, section

WITHOUT_PICTURE: Final = "payload"  # the engine of targets that hold settings, and never make a picture
KEPT: Final[frozenset[Grade]] = frozenset({"exact", "inert"})


class Effect(NamedTuple):
    """A row of effects.toml, whose head explains the columns."""

    features: tuple[str, ...]
    effect: str
    size: str = ""


class Loss(NamedTuple):
    """A setting that is not kept as it is. `ways` are words for the command line, each with what it comes to."""

    key: str
    raw: str
    grade: Grade
    code: str
    why: str
    effect: str
    size: str
    ways: tuple[tuple[str, Grade], ...]


def losses_of(
    job: Job, report: Report, asked: Mapping[str, str], roots: tuple[Path, ...] = (TARGETS,)
) -> tuple[Loss, ...]:
    """The losses of a report, in its order, each with what it does and with the ways around it, the cheapest first."""
    lost = [fate for fate in report.fates if fate.grade not in KEPT]
    if not lost:
        return ()
    others = _others(job, report, asked, roots)
    return tuple(_loss(fate, others) for fate in lost)


def effect_of(fate: Fate) -> tuple[str, str]:
    """What the loss does to the picture, and how large it was measured to be; the worst cause decides."""
    table = read_table(Path(__file__).with_name("effects.toml"))
    if fate.grade in KEPT or fate.grade == "close":
        return str(section(table, "default", "effects.toml")[fate.grade]), ""
    features = tuple(cause.feature for cause in fate.causes if cause.grade == fate.grade) or fate.features
    row = next((row for feature in features for row in _effects() if _fits(row, feature)), None)
    return (row.effect, row.size) if row else (str(section(table, "default", "effects.toml")[fate.grade]), "")


@cache
def _effects() -> tuple[Effect, ...]:
    path = Path(__file__).with_name("effects.toml")
    return rows(read_table(path), "effects", Effect, path)


def _fits(row: Effect, feature: str) -> bool:
    return any(fnmatchcase(feature, pattern) for pattern in row.features)


def _loss(fate: Fate, others: Iterable[tuple[str, Report]]) -> Loss:
    effect, size = effect_of(fate)
    ways: list[tuple[str, Grade]] = []
    for words, other in others:
        grade = _grade(other, fate)
        if grade is not None and _is_better(grade, fate):
            ways.append((words, grade))
    ways.sort(key=lambda way: GRADES.index(way[1]))  # stable: options of the target stand before other targets
    return Loss(fate.key, fate.raw, fate.grade, fate.code, fate.why, effect, size, tuple(ways))


def _grade(report: Report, fate: Fate) -> Grade | None:
    """What another report says of the same setting."""
    return next((other.grade for other in report.fates if (other.key, other.paths) == (fate.key, fate.paths)), None)


def _is_better(grade: Grade, fate: Fate) -> bool:
    return GRADES.index(grade) < GRADES.index(fate.grade)


def _others(
    job: Job, report: Report, asked: Mapping[str, str], roots: tuple[Path, ...]
) -> tuple[tuple[str, Report], ...]:
    """The reports that the same job would get by one option more, then by the other targets that make pictures."""
    whole = complete_job(job)
    plan = plan_job(whole)
    own = find_target(report.target, roots)
    variants = [(f"--option {name}={value}", own, {**asked, name: value}) for name, value in _options(own, asked)]
    found = (find_target(name, roots) for name in targets(roots) if name != own.name)
    rest = sorted(found, key=lambda target: not target.legal)  # those that say how a picture is made come first
    variants += [(f"--to {target.name}", target, {}) for target in rest if target.engine != WITHOUT_PICTURE]
    return tuple((words, report_fates(whole, plan, target, choices(target, wish))) for words, target, wish in variants)


def _options(target: Target, asked: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every choice that the user did not make, of options that some answer depends on."""
    used = {key.removeprefix("option.") for rule in target.rules for key in (*(rule.when or ()), *(rule.unless or ()))}
    for name, option in target.options.items():
        values = option.choices or (("true", "false") if option.kind == "switch" else ())
        for value in values if name in used else ():
            if asked.get(name, str(option.default).lower()) != value:
                yield name, value
