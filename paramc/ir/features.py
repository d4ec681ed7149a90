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
def _by_path() -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    exact: dict[str, str] = {}
    prefixes: list[tuple[str, str]] = []
    for name, feature in features().items():
        for path in feature.paths:
            if path.endswith("*"):
                prefixes.append((path[:-1], name))
            else:
                exact[path] = name
    return exact, tuple(sorted(prefixes, key=lambda item: -len(item[0])))


def feature_of(path: str, value: object) -> str | None:
    """The feature that the value at `path` asks for; prompts ask for several, see `prompt_features`."""
    plain_path = _without_indices(path)
    kind = plain_path.rsplit(".", 1)[-1]
    if kind in {"sampler", "schedule"} and isinstance(value, str):
        return f"{kind}.{value}" if f"{kind}.{value}" in features() else f"{kind}.unknown"
    exact, prefixes = _by_path()
    by_value = exact.get(f"{plain_path}={value}")
    if by_value or plain_path in exact:
        return by_value or exact[plain_path]
    return next((name for prefix, name in prefixes if plain_path.startswith(prefix)), None)


def _without_indices(path: str) -> str:
    if "[" not in path:
        return path
    return "".join(piece.split("]", 1)[-1] if number else piece for number, piece in enumerate(path.split("[")))
