"""Sweeps: one job with several values along each of some axes."""

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from pydantic import Field

from paramc.ir.assets import AssetRef
from paramc.ir.base import Model
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.paths import value_at
from paramc.ir.prompt import Prompt

MOST_POINTS: Final = 1_000  # of an axis
MOST_CELLS: Final = 10_000  # of a sweep

Value: TypeAlias = bool | int | float | str | Size | AssetRef | None


class Setting(Model):
    """A value at a path of the Job."""

    kind: Literal["setting"] = "setting"
    path: str
    value: Value


class Replacement(Model):
    """A text that takes the place of another one, wherever that occurs in the prompts at `paths`."""

    kind: Literal["replacement"] = "replacement"
    paths: tuple[str, ...]
    old: str
    new: str


class Point(Model):
    """One place on an axis: what it is called there, and what is different."""

    label: str
    edits: tuple[Annotated[Setting | Replacement, Field(discriminator="kind")], ...]

    def applied(self, job: Job) -> Job:
        """The job at this point. Raises InvalidValue for a value that its path cannot take."""
        for edit in self.edits:
            job = job.replace({edit.path: edit.value} if isinstance(edit, Setting) else _replaced(job, edit))
        return job

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it changes the Job."""
        found = [(edit.path,) if isinstance(edit, Setting) else edit.paths for edit in self.edits]
        return tuple(path for paths in found for path in paths)

    @property
    def speaks(self) -> bool:
        """Does the label need no name of an axis before it?"""
        return bool(self.label) and any(isinstance(edit, Replacement) for edit in self.edits)


class Axis(Model):
    """What varies, as people call it, and its points in order."""

    name: str
    points: tuple[Point, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """What of the Job it varies, each path once."""
        return tuple(dict.fromkeys(path for point in self.points for path in point.paths))

    @property
    def titles(self) -> tuple[str, ...]:
        """What each point is called where other axes are, too; a text that takes another one's place says it alone."""
        return tuple(
            point.label if point.speaks else f"{self.name}: {point.label or 'nothing'}" for point in self.points
        )


class Cell(NamedTuple):
    """One picture of a sweep: its place along each axis (from 0), and what the points are called."""

    place: tuple[int, ...]
    labels: tuple[str, ...]
    job: Job


class Sweep(Model):
    """The axes; the first one changes quickest, and is the horizontal one of a sheet."""

    axes: tuple[Axis, ...] = ()

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return prod(len(axis.points) for axis in self.axes)

    def places(self) -> Iterator[tuple[int, ...]]:
        """The place of every cell, row by row."""
        turned = product(*(range(len(axis.points)) for axis in reversed(self.axes)))
        return (place[::-1] for place in turned)

    def cell(self, job: Job, place: tuple[int, ...]) -> Cell:
        """The cell at a place. Raises InvalidValue.

        Values are set before texts are replaced, so that a prompt that is set as a whole can be replaced in.
        """
        points = [axis.points[step] for axis, step in zip(self.axes, place, strict=True)]
        for point in sorted(points, key=lambda point: any(edit.kind == "replacement" for edit in point.edits)):
            job = point.applied(job)
        return Cell(place, tuple(point.label for point in points), job)

    def cells(self, job: Job) -> Iterator[Cell]:
        """Every cell, row by row. Raises InvalidValue."""
        return (self.cell(job, place) for place in self.places())


def _replaced(job: Job, edit: Replacement) -> dict[str, object]:
    found = {path: value_at(job, path) for path in edit.paths}
    return {
        path: prompt.text.replace(edit.old, edit.new) for path, prompt in found.items() if isinstance(prompt, Prompt)
    }
