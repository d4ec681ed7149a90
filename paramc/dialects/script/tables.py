"""script.toml: what the calls of a script mean, as typed rows."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from paramc.dialects.description import Dialect
from paramc.ir.names import samplers, schedules
from paramc.tables import NOTHING, Table, TableError, as_row, rows, section

FILE: Final = "script.toml"
UNLISTED: Final = "unknown:"  # before a name that is no canonical id
CALLS: Final = "calls.toml"


class TaskRow(NamedTuple):
    """What a pipeline does whose class name has `sign` in it."""

    sign: str
    kind: str


class KeywordRow(NamedTuple):
    """A keyword of a pipeline's call: how its value is read (`kind`), and where it goes.

    `where` and `unless` are signs in the class name of the pipelines that the row is for, and not for.
    """

    name: str
    kind: str
    path: str = ""
    where: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def fits(self, name: str, pipeline: str) -> bool:
        """Is the row for a keyword of a pipeline class?"""
        signs = not self.where or any(sign in pipeline for sign in self.where)
        return self.name == name and signs and not any(sign in pipeline for sign in self.unless)


class DefaultRow(NamedTuple):
    """What the calls of pipelines do not say, by a sign in the class name; `size` where no picture gives one.

    rounds_down: they leave out int(steps − steps · strength) steps instead of running int(steps · strength).
    """

    sign: str
    size: tuple[int, ...] = ()
    rounds_down: bool = False


class CallRow(NamedTuple):
    """The call of a pipeline class: its first keywords in order, and what it takes where nothing is said."""

    places: tuple[str, ...] = ()
    defaults: Mapping[str, float] = NOTHING


class GeneralRow(NamedTuple):
    """The beginning of a class name that general classes find for a model, by a pattern of its name."""

    model: str
    stem: str


class PublishedRow(NamedTuple):
    """The scheduler that comes with a model: by a pattern of its name, or a sign in the class name of its pipeline.

    `keywords` are in its configuration; `size` is the model's own where it differs from its class's.
    """

    sampler: str
    schedule: str
    model: str = ""
    sign: str = ""
    keywords: Mapping[str, object] = NOTHING
    size: tuple[int, ...] = ()


class SamplerRow(NamedTuple):
    """The sampler that a scheduler class with certain keywords is."""

    scheduler: str
    sampler: str
    keywords: Mapping[str, object] = NOTHING


class ScheduleRow(NamedTuple):
    """The schedule of a scheduler with certain keywords and a sign in its class name."""

    schedule: str
    sign: str = ""
    keywords: Mapping[str, object] = NOTHING


class SchedulingRow(NamedTuple):
    """A keyword of schedulers that goes to a place of its own, unless it is one of the `usual` values."""

    name: str
    path: str
    kind: str
    usual: tuple[float, ...] = ()


class Meanings(NamedTuple):
    """The whole table."""

    loaders: tuple[str, ...]
    family_key: str
    pipelines: tuple[str, ...]
    methods: tuple[str, ...]
    fluent: frozenset[str]
    tasks: tuple[TaskRow, ...]
    keywords: tuple[KeywordRow, ...]
    defaults: tuple[DefaultRow, ...]
    calls: Mapping[str, CallRow]
    general: tuple[GeneralRow, ...]
    assumed: Mapping[str, object]
    published: tuple[PublishedRow, ...]
    samplers: tuple[SamplerRow, ...]
    schedules: tuple[ScheduleRow, ...]
    scheduling: tuple[SchedulingRow, ...]
    words: Mapping[str, Table]

    def listed(self, group: str, name: str) -> tuple[str, ...]:
        """The words under a name of a group."""
        found = self.words[group].get(name, [])
        return tuple(map(str, found)) if isinstance(found, list) else (str(found),)

    def word(self, group: str, name: str) -> str | None:
        """The word for a name of a group, None where there is none."""
        found = self.words[group].get(name)
        return None if found is None else str(found)

    def task(self, pipeline: str) -> str:
        """What a pipeline class does."""
        return next(row.kind for row in self.tasks if row.sign in pipeline)

    def default(self, pipeline: str) -> DefaultRow:
        """What a pipeline class takes where nothing is said."""
        return next(row for row in self.defaults if row.sign in pipeline)

    def call(self, pipeline: str) -> CallRow:
        """The call of a pipeline class; of one that nobody lists, nothing is known."""
        return self.calls.get(pipeline, CallRow())

    def keyword(self, name: str, pipeline: str) -> KeywordRow | None:
        """What a keyword of a pipeline class means."""
        return next((row for row in self.keywords if row.fits(name, pipeline)), None)

    def origin(self, pipeline: str, model: str) -> PublishedRow | None:
        """What a model was published with."""
        fitting = (row for row in self.published if row.sign in pipeline and re.search(row.model, model))
        return next(fitting, None)

    def class_of(self, pipeline: str, model: str, *, steered: bool) -> str:
        """The class that a general one stands for with a model; the name itself where that is not known."""
        row = next((row for row in self.general if re.search(row.model, model)), None)
        if pipeline in self.calls or row is None or not row.stem or not model:
            return pipeline
        suffix = next((str(told) for sign, told in self.words["suffixes"].items() if sign in pipeline), "")
        name = f"{row.stem}{'ControlNet' if steered else ''}{'' if suffix in row.stem else suffix}{self.pipelines[0]}"
        return name if name in self.calls else pipeline


_GROUPS: Final = (
    "networks",
    "noise",
    "pictures",
    "filters",
    "modes",
    "custom",
    "encoders",
    "emphasis",
    "pieces",
    "masks",
    "parts",
    "calls",
    "fits",
    "handed",
    "kept",
    "kept_prompts",
    "kept_numbers",
    "suffixes",
    "adapters",
    "several",
    "downloads",
    "tiling",
    "merging",
    "freeu",
    "preprocessors",
)


@cache
def meanings_of(dialect: Dialect) -> Meanings:
    """The table of a dialect. Raises TableError for a sampler or a schedule that is none."""
    table, where = dialect.table(FILE), f"{dialect.name}/{FILE}"
    found = Meanings(
        loaders=_texts(table, "loaders"),
        family_key=str(table["family_key"]),
        pipelines=_texts(table, "pipelines"),
        methods=_texts(table, "methods"),
        fluent=frozenset(_texts(table, "fluent")),
        tasks=rows(table, "tasks", TaskRow, where),
        keywords=rows(table, "keywords", KeywordRow, where),
        defaults=rows(table, "defaults", DefaultRow, where),
        calls={name: as_row(row, CallRow, f"{CALLS}: {name}") for name, row in dialect.table(CALLS).items()},
        general=rows(table, "general", GeneralRow, where),
        assumed=section(table, "assumed", where),
        published=rows(table, "schedulers", PublishedRow, where),
        samplers=rows(table, "samplers", SamplerRow, where),
        schedules=rows(table, "schedules", ScheduleRow, where),
        scheduling=rows(table, "scheduling", SchedulingRow, where),
        words={name: section(table, name, where) for name in _GROUPS},
    )
    for name in (*(row.sampler for row in found.published), *(row.sampler for row in found.samplers)):
        if name not in samplers() and not name.startswith(UNLISTED):
            raise TableError(f"{where}: there is no sampler `{name}`")
    for name in (*(row.schedule for row in found.published), *(row.schedule for row in found.schedules)):
        if name not in schedules():
            raise TableError(f"{where}: there is no schedule `{name}`")
    return found


def _texts(table: Table, name: str) -> tuple[str, ...]:
    found = table.get(name, [])
    return tuple(map(str, found)) if isinstance(found, list) else ()
