"""The scheduler of a pipeline → sampler and schedule."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from paramc.dialects.script.tables import Meanings, SchedulingRow
from paramc.dialects.script.values import Made

CONFIG = "from_config"


class Scheduling(NamedTuple):
    """Canonical ids, further values by path, and why, where the script leaves the scheduler to the library."""

    sampler: str
    schedule: str
    values: Mapping[str, object]
    because: str = ""


def scheduling_of(scheduler: object, pipeline: str, model: str, meanings: Meanings) -> Scheduling:
    """What a scheduler is; without one, what the model is published with."""
    name, keywords = _class_of(scheduler)
    row = next((row for row in meanings.samplers if row.scheduler == name and _given(row.keywords, keywords)), None)
    if row is not None:
        schedule = next(
            entry.schedule for entry in meanings.schedules if entry.sign in name and _given(entry.keywords, keywords)
        )
        return Scheduling(row.sampler, schedule, _values(keywords, meanings.scheduling))
    if name:
        return Scheduling(f"unknown:{name}", "uniform", {})
    published = next(
        (row for row in meanings.published if row.sign in pipeline and (not row.model or re.search(row.model, model))),
        None,
    )
    if published is None:
        return Scheduling("euler", "simple", {}, f"{pipeline} runs on a scheduler of its own")
    return Scheduling(published.sampler, published.schedule, {}, f"{pipeline} comes with this scheduler")


def _class_of(scheduler: object) -> tuple[str, Mapping[str, object]]:
    """The class of a scheduler and its keywords; those of a configuration that it was made from come first."""
    keywords: dict[str, object] = {}
    name = ""
    while isinstance(scheduler, Made):
        owner, _, method = scheduler.name.rpartition(".")
        keywords = scheduler.keywords | keywords
        name = name or (owner.rpartition(".")[2] if method.startswith("from_") else method)
        scheduler = scheduler.arguments[0] if method == CONFIG and scheduler.arguments else None
    return name, keywords


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
