"""What became of every setting: grades, fates and the report of an artefact."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, TypeAlias

from paramc.diagnostics.model import Diagnostic, Span

Grade: TypeAlias = Literal["exact", "inert", "close", "approximate", "dropped"]
GRADES: Final[tuple[Grade, ...]] = ("exact", "inert", "close", "approximate", "dropped")
"""exact: same image, same device · inert: never touched the image · close: same algorithm, other rounding ·
approximate: other algorithm, same intent · dropped: not said at all."""

READ_BACK: Final[Mapping[str, Grade]] = {
    "PC340": "dropped",
    "PC341": "approximate",
    "PC664": "dropped",
    "PC219": "approximate",
    "PC220": "approximate",
    "PC221": "approximate",
    "PC222": "approximate",
    "PC223": "approximate",
}
"""What it does to a fate that a reader of the artefact does not find the value, or finds another."""


def rank(grade: Grade) -> int:
    """How bad a grade is: 0 for the best."""
    return GRADES.index(grade)


class Cause(NamedTuple):
    """One feature of a setting that a target does not keep as it is."""

    feature: str
    grade: Grade
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one setting. `key` and `raw` as the source spelt them, or the path and value of the Job.

    `causes` are the features that are not kept as they are, the worst first; `code` and `why` are those of the worst.
    """

    key: str
    raw: str
    paths: tuple[str, ...]
    grade: Grade
    origin: str  # stated | implied | set
    features: tuple[str, ...] = ()
    code: str = ""
    why: str = ""
    span: Span | None = None
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The fates of one artefact, in the order of the source, then of the Job."""

    target: str
    fates: tuple[Fate, ...]

    @property
    def worst(self) -> Grade:
        """The worst grade of all."""
        return worst(fate.grade for fate in self.fates)

    def of_grade(self, grade: Grade) -> tuple[Fate, ...]:
        """The fates of that very grade."""
        return tuple(fate for fate in self.fates if fate.grade == grade)

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self.of_grade(grade))} {grade}" for grade in GRADES if self.of_grade(grade))
        return f"Report({self.target}: {counts})"


def reread(report: Report, found: Iterable[Diagnostic]) -> Report:
    """The report with the fates that an artefact, read back, does not bear out: values that are gone or others."""
    wrong = {
        item.path: Cause("", READ_BACK[item.code], item.code, item.message) for item in found if item.code in READ_BACK
    }
    return replace(report, fates=tuple(_marked_down(fate, wrong) for fate in report.fates)) if wrong else report


def _marked_down(fate: Fate, wrong: Mapping[str | None, Cause]) -> Fate:
    causes = [cause for path in fate.paths if (cause := wrong.get(path)) is not None]
    cause = max(causes, key=lambda item: rank(item.grade), default=None)
    if cause is None or rank(cause.grade) <= rank(fate.grade):
        return fate
    return replace(fate, grade=cause.grade, code=cause.code, why=cause.why, causes=(cause, *fate.causes))


@dataclass(frozen=True, slots=True)
class File:
    """One file of an artefact."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a target wrote: its files, the report, and what was to be said on the way."""

    target: str
    files: tuple[File, ...]
    report: Report
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def text(self) -> str:
        """The first file's text."""
        return self.files[0].text

    def __repr__(self) -> str:
        return f"Artifact({self.target}: {', '.join(file.name for file in self.files)})"


def worst(grades: Iterable[Grade]) -> Grade:
    """The worst of some grades, the best of all for none."""
    return GRADES[max(map(rank, grades), default=0)]
