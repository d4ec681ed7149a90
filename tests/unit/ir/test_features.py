"""The closed list of features answers for every value of the Job."""

import types
from collections.abc import Iterator
from typing import Annotated, Union, get_args, get_origin

from paramc.ir.assets import AssetRef
from paramc.ir.base import Model
from paramc.ir.features import features
from paramc.ir.job import Job
from paramc.ir.paths import PROVENANCE, WHOLE

BY_VALUE = ("sampler", "schedule")  # each known name is a feature of its own


def all_paths(model: type[Model] = Job, prefix: str = "") -> Iterator[str]:
    """Every path that `leaves` can give, without indices."""
    for name, field in model.model_fields.items():
        if name in PROVENANCE or (name == "kind" and not prefix):
            continue
        path = f"{prefix}{name}"
        members = tuple(members_of(field.annotation))
        models = [
            one for one in members if isinstance(one, type) and issubclass(one, Model) and one.__name__ not in WHOLE
        ]
        if models and all("kind" in one.model_fields for one in models) and is_tuple(field.annotation):
            for one in models:
                yield f"{path}.{one.model_fields['kind'].default}.kind"
                yield from (
                    inner
                    for inner in all_paths(one, f"{path}.{one.model_fields['kind'].default}.")
                    if not inner.endswith(".kind")
                )
        elif models and not is_tuple(field.annotation):
            if name == "task":
                yield f"{path}.kind"
            inner = {inner for one in models for inner in all_paths(one, f"{path}.") if not inner.endswith(".kind")}
            yield from sorted(inner)
        elif name != "kind":
            yield path


def members_of(annotation: object) -> Iterator[object]:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType, tuple, Annotated):
        for argument in get_args(annotation)[: 1 if origin is Annotated else None]:
            yield from members_of(argument)
    else:
        yield annotation


def is_tuple(annotation: object) -> bool:
    return get_origin(annotation) is tuple or any(get_origin(one) is tuple for one in get_args(annotation))


def claims(path: str) -> set[str]:
    """The features whose table row names the path, at the greatest length."""
    exact = {name for name, feature in features().items() for own in feature.paths if own.split("=")[0] == path}
    if exact:
        return exact
    prefixes = [
        (len(own), name)
        for name, feature in features().items()
        for own in feature.paths
        if own[-1] == "*" and path.startswith(own[:-1])
    ]
    longest = max((length for length, _ in prefixes), default=0)
    return {name for length, name in prefixes if length == longest}


def test_every_path_of_the_job_is_there() -> None:
    paths = set(all_paths())
    assert {"size", "task.kind", "stages.hires.kind", "sampling.steps", "stages.detailer.control.model.name"} <= paths
    assert "stages.detailer.control.kind" not in paths


def test_each_path_belongs_to_one_feature() -> None:
    by_value = {"task.kind", "text.emphasis", "noise.generator", "noise.multiplier"}
    wrong = {
        path: names
        for path in all_paths()
        if path.rsplit(".", 1)[-1] not in BY_VALUE and path not in by_value
        if len(names := claims(path)) != 1
    }
    assert wrong == {}


def test_features_name_only_paths_that_exist() -> None:
    paths = set(all_paths())
    parts = {".".join(path.split(".")[:length]) for path in paths for length in range(1, path.count(".") + 1)}
    named = {own.split("=")[0] for feature in features().values() for own in feature.paths}
    unknown = {
        own
        for own in named
        if own.rstrip("*").rstrip(".") not in paths | parts
        and not any(path.startswith(own.rstrip("*")) for path in paths)
    }
    assert unknown == set()


def test_files_say_the_same_everywhere() -> None:
    assert {path.rsplit(".", 1)[-1] for path in all_paths(AssetRef)} == set(AssetRef.model_fields)
