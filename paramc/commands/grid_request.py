"""A sweep as it was asked for: every cell with its job and its file, and the seeds that were drawn for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, repeat
from pathlib import Path
from random import randrange
from typing import Final, NamedTuple

from paramc.commands.outcome import FINE, Output
from paramc.commands.painting import DIGEST, bare, file_name
from paramc.commands.parser import Arguments
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.base import json_of
from paramc.ir.job import Batch, Job
from paramc.ir.sweep import Axis, Cell, Point, Setting, Sweep
from paramc.passes.family import find_family
from paramc.presentation.document import json_text
from paramc.presentation.grid import Layout, layout_of

SEED: Final = "noise.seed"
LARGEST_SEED: Final = 4294967293  # a UI draws seeds up to this


class Done(NamedTuple):
    """What became of a request."""

    text: str = ""
    result: object = None
    diagnostics: tuple[Diagnostic, ...] = ()
    remarks: str = ""
    files: tuple[Output, ...] = ()
    code: int = FINE


@dataclass(frozen=True, slots=True)
class Request:
    """`name` is the beginning of the names of all files that speak of the whole. seeds: those that were drawn."""

    job: Job
    sweep: Sweep
    folder: Path
    stem: str
    name: str
    cells: tuple[Cell, ...]
    seeds: tuple[int, ...] = ()

    @property
    def index(self) -> Path:
        """The file that says what is where."""
        return self.folder / f"{self.name}.json"

    @property
    def layout(self) -> Layout:
        """How the cells lie on a sheet."""
        return layout_of(self.sweep)

    def file(self, cell: Cell) -> Path:
        """Where the picture of a cell is, or will be; cells of the same settings share it."""
        return self.folder / file_name(self.stem, cell.job, 0)

    def position(self, cell: Cell) -> tuple[int, int]:
        """Its column and row."""
        return self.layout.position(cell.place, self.sweep.axes)

    def title(self, cell: Cell) -> str:
        """What is different in it."""
        return " · ".join(axis.titles[step] for axis, step in zip(self.sweep.axes, cell.place, strict=True))

    def index_text(self, files: dict[tuple[int, ...], str]) -> str:
        """What is where, as JSON; `files` by the places of cells."""
        axes = [{"name": axis.name, "points": [point.label for point in axis.points]} for axis in self.sweep.axes]
        cells = [
            {"place": list(cell.place), "labels": list(cell.labels), "file": files[cell.place]}
            for cell in self.cells
            if cell.place in files
        ]
        return json_text({"axes": axes, "seeds": list(self.seeds), "cells": cells})


def requested(job: Job, sweep: Sweep, folder: Path, stem: str, arguments: Arguments) -> Request:
    """The request with all its cells; a random seed is drawn once, and the same again when it is resumed.

    Raises InvalidValue for a value that its path cannot take beside the others.
    """
    job = _alone(job)
    asked = json_of(bare(job)) + json_of(sweep)
    name = f"{stem}-grid-{sha256(asked.encode()).hexdigest()[:DIGEST]}"
    seeds = _Seeds(_drawn_before(folder / f"{name}.json"))
    job, sweep = seeds.fixed(job, sweep)
    cells = tuple(_with_family(cell, arguments) for cell in sweep.cells(job))
    return Request(job, sweep, folder, stem, name, cells, tuple(seeds.used))


def drawn(request: Request) -> tuple[Diagnostic, ...]:
    """That seeds were drawn, and which."""
    return tuple(diagnose("PC564", seed=seed, path=SEED) for seed in request.seeds)


def _alone(job: Job) -> Job:
    """The job of a single picture: a cell has room for one."""
    if job.batch.size == 1 or job.batch.position:
        return job
    return job.model_copy(update={"batch": Batch()})


def _with_family(cell: Cell, arguments: Arguments) -> Cell:
    return cell._replace(job=cell.job.model_copy(update={"family": find_family(cell.job, arguments.family)}))


class _Seeds:
    """Seeds for all places where none is said, in the order of these places."""

    def __init__(self, before: tuple[int, ...]) -> None:
        self.used: list[int] = []
        self._next: Iterator[int] = chain(before, (randrange(LARGEST_SEED + 1) for _ in repeat(None)))

    def fixed(self, job: Job, sweep: Sweep) -> tuple[Job, Sweep]:
        """The same with a seed wherever one was left open."""
        axes = tuple(self._axis(axis) for axis in sweep.axes)
        varies = any(SEED in axis.paths for axis in axes)
        if not varies and (job.noise.seed is None or job.noise.seed < 0):
            job = job.replace({SEED: self._draw()})
        return job, sweep.model_copy(update={"axes": axes})

    def _axis(self, axis: Axis) -> Axis:
        return axis.model_copy(update={"points": tuple(self._point(point) for point in axis.points)})

    def _point(self, point: Point) -> Point:
        edits = tuple(
            edit.model_copy(update={"value": self._draw()}) if isinstance(edit, Setting) and _is_open(edit) else edit
            for edit in point.edits
        )
        return point.model_copy(update={"edits": edits})

    def _draw(self) -> int:
        self.used.append(next(self._next))
        return self.used[-1]


def _is_open(edit: Setting) -> bool:
    return edit.path == SEED and (edit.value is None or (isinstance(edit.value, int) and edit.value < 0))


def _drawn_before(index: Path) -> tuple[int, ...]:
    """The seeds of an interrupted request."""
    try:
        seeds = json.loads(index.read_bytes()).get("seeds", [])
    except (OSError, ValueError, AttributeError, RecursionError):
        return ()
    return tuple(seed for seed in seeds if isinstance(seed, int)) if isinstance(seeds, list) else ()
