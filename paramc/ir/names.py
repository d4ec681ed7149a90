"""Canonical ids of samplers, schedules and upscalers, with what they are."""

import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from paramc.tables import as_row, read_table, section

UNKNOWN: Final = "unknown:"  # prefix of a name that no table knows; the label follows as written
MODEL_UPSCALER: Final = "model:"  # prefix of an upscaler that is a file, by its label
_FACTOR = re.compile(r"(?<![0-9a-z])(?:(\d{1,2})x|x(\d{1,2}))(?!\d)", re.IGNORECASE)


class Sampler(NamedTuple):
    """A step rule. `calls` per step, `draws` the noise added while sampling, `automatic` its own schedule."""

    title: str
    calls: int = 1
    second: str = ""
    draws: str = ""
    automatic: str = "uniform"
    drops: bool = False
    since_calls: tuple[int, ...] = ()


class Named(NamedTuple):
    """A schedule or an upscaler."""

    title: str


@cache
def samplers() -> dict[str, Sampler]:
    """Every sampler by its canonical id."""
    path = Path(__file__).with_suffix(".toml")
    return {
        name: as_row(row, Sampler, f"{path}: {name}")
        for name, row in section(read_table(path), "samplers", path).items()
    }


@cache
def schedules() -> dict[str, Named]:
    """Every schedule by its canonical id."""
    return _named("schedules")


@cache
def upscalers() -> dict[str, Named]:
    """Every upscaler that is no file, by its canonical id."""
    return _named("upscalers")


def model_factor(upscaler: str) -> int | None:
    """How many times as large a model makes each side, as files of such models are named; None where it is not said."""
    found = _FACTOR.search(upscaler.removeprefix(MODEL_UPSCALER))
    return int(found[1] or found[2]) or None if found else None


def is_known(identifier: str) -> bool:
    """Whether a sampler or schedule id is canonical rather than a label kept as written."""
    return not identifier.startswith(UNKNOWN)


def sampler_of(identifier: str | None) -> Sampler:
    """The row of a sampler; one of the plainest kind for a label that no table knows."""
    return samplers().get(identifier or "", Sampler(title=identifier or "unknown"))


def executed_schedule(sampler: str | None, schedule: str | None) -> str:
    """The schedule that a pair really runs: `automatic` and None are the sampler's own."""
    return sampler_of(sampler).automatic if schedule in (None, "automatic") else schedule


def _named(table: str) -> dict[str, Named]:
    path = Path(__file__).with_suffix(".toml")
    return {name: as_row(row, Named, f"{path}: {name}") for name, row in section(read_table(path), table, path).items()}
