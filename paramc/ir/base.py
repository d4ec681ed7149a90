"""What every model of the IR has: frozen, closed, and equal when it means the same."""

import json
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticSerializationError

P = ParamSpec("P")
M = TypeVar("M", bound="Model")

PROVENANCE = frozenset({"span", "ledger", "implied", "family"})  # where from, not what: left out of `==` and `hash`


class Model(BaseModel):
    """A frozen value. Two are equal when all but their provenance is."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,
        serialize_by_alias=True,
        validate_by_name=True,
        protected_namespaces=(),
        ser_json_inf_nan="strings",  # a weight of 400 digits must come back from JSON as the number it was
    )

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        theirs = other.__dict__
        return all(value == theirs[name] for name, value in self.__dict__.items() if name not in PROVENANCE)

    def __hash__(self) -> int:
        return hash((type(self), *(value for name, value in self.__dict__.items() if name not in PROVENANCE)))


def trusted(model: Callable[P, M]) -> Callable[P, M]:
    """The constructor of `model` for values that are right already: its validator is not even built."""
    return cast(Callable[P, M], cast(type[M], model).model_construct)


def json_of(model: Model, *, indent: int | None = None) -> str:
    """The JSON of a model; surrogates without a partner, which are no UTF-8, are escaped."""
    try:
        return model.model_dump_json(indent=indent)
    except PydanticSerializationError:
        separators = (",", ":") if indent is None else None
        return json.dumps(model.model_dump(mode="json"), indent=indent, separators=separators, allow_nan=False)
