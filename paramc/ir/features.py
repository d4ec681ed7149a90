"""The closed list of features: what a setting asks of a target. Every target answers every one."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramc.ir.names import samplers, schedules
from paramc.tables import as_row, read_table, section


class Feature(NamedTuple):
    """`about` is one sentence; `paths` are the IR values that use it, a trailing `*` standing for any rest."""

    about: str
    paths: tuple[str, ...] = ()


@cache
def features() -> dict[str, Feature]:
    """Every feature by its id, those of the samplers and schedules included."""
    path = Path(__file__).with_suffix(".toml")
    listed = {
        name: as_row(row, Feature, f"{path}: {name}")
        for name, row in section(read_table(path), "features", path).items()
    }
    return (
        listed
        | {f"sampler.{name}": Feature(f"the sampler {name}") for name in (*samplers(), "unknown")}
        | {f"schedule.{name}": Feature(f"the schedule {name}") for name in (*schedules(), "unknown")}
    )


@cache
def _by_value() -> dict[str, dict[str, str]]:
    """Paths whose values ask for different features: the feature by the value as text."""
    found: dict[str, dict[str, str]] = {}
    for name, feature in features().items():
        for path in feature.paths:
            place, _, value = path.partition("=")
            if value:
                found.setdefault(place, {})[value] = name
    return found


@cache
def _by_path(path: str) -> str | None:
    """The feature of any value at a path without indices: of the path itself, or of the longest that it begins with."""
    listed = _listed()
    begun = [own for own in listed if own.endswith("*") and path.startswith(own[:-1])]
    return listed.get(path) or (listed[max(begun, key=len)] if begun else None)


@cache
def _listed() -> dict[str, str]:
    return {path: name for name, feature in features().items() for path in feature.paths}


def feature_of(path: str, value: object) -> str | None:
    """The feature that the value at `path` asks for; prompts ask for several, see `prompt_features`."""
    plain_path = _without_indices(path)
    kind = plain_path.rsplit(".", 1)[-1]
    if kind in {"sampler", "schedule"} and isinstance(value, str):
        return f"{kind}.{value}" if f"{kind}.{value}" in features() else f"{kind}.unknown"
    by_value = _by_value().get(plain_path)
    own = by_value.get(str(value)) if by_value else None  # no text is made of long lists in vain
    return own or _by_path(plain_path)


def _without_indices(path: str) -> str:
    if "[" not in path:
        return path
    return "".join(piece.split("]", 1)[-1] if number else piece for number, piece in enumerate(path.split("[")))
