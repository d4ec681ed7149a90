"""What became of every setting: grades, fates and the report of an artefact."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from paramc.diagnostics.model import Diagnostic, Span

Grade: TypeAlias = Literal["exact", "inert", "close", "approximate", "dropped"]
GRADES: Final[tuple[Grade, ...]] = ("exact", "inert", "close", "approximate", "dropped")
"""exact: same image, same device · inert: never touched the image · close: same algorithm, other rounding ·
approximate: other algorithm, same intent · dropped: not said at all."""


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
        return max((fate.grade for fate in self.fates), key=GRADES.index, default="exact")

    def of_grade(self, grade: Grade) -> tuple[Fate, ...]:
        """The fates of that very grade."""
        return tuple(fate for fate in self.fates if fate.grade == grade)

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self.of_grade(grade))} {grade}" for grade in GRADES if self.of_grade(grade))
        return f"Report({self.target}: {counts})"


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


def worst(*grades: Grade) -> Grade:
    """The worst of some grades."""
    return max(grades, key=GRADES.index, default="exact")
