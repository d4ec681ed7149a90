"""The scheduler of a pipeline → sampler and schedule."""

from collections.abc import Mapping
from typing import NamedTuple

from paramc.dialects.script.tables import Meanings, PublishedRow, SchedulingRow
from paramc.dialects.script.values import Made, Part

CONFIG, LOADED = "from_config", "from_pretrained"
SCHEDULER = "Scheduler"  # in the name of every class of them


class Scheduling(NamedTuple):
    """Canonical ids, further values by path, and why, where the script leaves the scheduler to the library."""

    sampler: str
    schedule: str
    values: Mapping[str, object]
    because: str = ""


def scheduling_of(scheduler: object, pipeline: str, model: str, meanings: Meanings) -> Scheduling:
    """What a scheduler is; without one, what the model is published with."""
    published = meanings.origin(pipeline, model)
    name, keywords = _class_of(scheduler, published)
    row = next((row for row in meanings.samplers if row.scheduler == name and _given(row.keywords, keywords)), None)
    if row is not None:
        schedule = next(
            entry.schedule for entry in meanings.schedules if entry.sign in name and _given(entry.keywords, keywords)
        )
        return Scheduling(row.sampler, schedule, _values(keywords, meanings.scheduling))
    if name:
        return Scheduling(f"unknown:{name}", "uniform", {})
    if published is None:
        return Scheduling("euler", "simple", {}, f"{pipeline} runs on a scheduler of its own")
    return Scheduling(published.sampler, published.schedule, {}, f"{pipeline} comes with this scheduler")


def _class_of(scheduler: object, published: PublishedRow | None) -> tuple[str, Mapping[str, object]]:
    """The class of a scheduler and its keywords; those of a configuration that it was made from come first."""
    keywords: dict[str, object] = {}
    name = ""
    while isinstance(scheduler, Made):
        owner, _, method = scheduler.name.rpartition(".")
        keywords = scheduler.keywords | keywords
        name = name or (owner.rpartition(".")[2] if method.startswith("from_") else method)
        if method == LOADED:
            break
        if method != CONFIG or not scheduler.arguments:
            return name, keywords
        source = scheduler.arguments[0]
        while isinstance(source, Part):
            source = source.of
        scheduler = source if isinstance(source, Made) and _makes_scheduler(source) else None
    return name, {**(published.keywords if published else {}), **keywords} if name else keywords


def _makes_scheduler(made: Made) -> bool:
    owner, _, method = made.name.rpartition(".")
    return SCHEDULER in (owner if method.startswith("from_") else method)


def _given(asked: Mapping[str, object], keywords: Mapping[str, object]) -> bool:
    return all(keywords.get(key) == value for key, value in asked.items())


def _values(keywords: Mapping[str, object], rows: tuple[SchedulingRow, ...]) -> dict[str, object]:
    found: dict[str, object] = {}
    for row in rows:
        value = keywords.get(row.name)
        fits = isinstance(value, bool) if row.kind == "switch" else isinstance(value, int | float)
        if fits and value and value not in row.usual:
            found[row.path] = value
    return found
