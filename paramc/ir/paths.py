"""Paths into the IR (`sampling.steps`, `stages.hires.scale`, `controls.controlnet[1].weight`): look up, edit, list.

A segment after a tuple of kinds picks the items of that kind, `[i]` the i-th of them (from 0).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from pydantic import ValidationError

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import InvalidValue
from paramc.ir.base import Model, json_of
from paramc.ir.prompt import Prompt
from paramc.ir.ranges import misfit, misfits
from paramc.ir.wishes import is_unknown_kind, meant, why_not

M = TypeVar("M", bound=Model)
_SEGMENT = re.compile(r"(\w+)(?:\[(\d{1,6})\])?")
PROVENANCE = frozenset({"schema_number", "family", "ledger", "implied", "span"})
EXACT_FLOATS = 2.0**53  # below it every integer is a float of its own
WHOLE = frozenset({"Prompt", "Evidence", "Family"})  # models that are one value to the user


def value_at(model: Model, path: str) -> object:
    """The value at `path`, None when a step on the way is absent. Raises InvalidValue for a path that cannot exist."""
    current: object = model
    for name, index in _segments(path):
        if isinstance(current, tuple):
            current = _item(current, name, index)
        elif isinstance(current, Model):
            if name not in type(current).model_fields:
                if current is model:
                    raise _bad_path(path, name)
                return None
            current = current.__dict__[name]
        else:
            return None
    return current


def replaced(model: M, path: str, value: object) -> M:
    """A copy of `model` with `value` at `path`; the parents on the way are made when they have defaults.

    Raises InvalidValue for a path that cannot exist, a value of another kind and a number out of range.
    """
    segments = tuple(_segments(path))
    try:
        result = _replaced(model, segments, value, path)
    except ValidationError as error:
        if len(segments) > 1 and is_unknown_kind(error):
            raise _bad_path(path, segments[1][0]) from None
        raise _misfit(path, value, why_not(error)) from error
    if not isinstance(result, type(model)):
        raise _bad_path(path, path)
    for why in _out_of_range(result, segments):
        raise _misfit(path, value, why)
    return result


def _out_of_range(model: Model, segments: Sequence[tuple[str, int]]) -> Iterator[str]:
    """Why a value that was just set is none that its field can take."""
    owner: object = model
    for name, index in segments[:-1]:
        owner = _item(owner, name, index) if isinstance(owner, tuple) else _child(owner, name)
    name, index = segments[-1]
    if isinstance(owner, tuple):
        item = _item(owner, name, index)
        found = misfits(item) if isinstance(item, Model) else iter(())
    else:
        found = misfit(type(owner), name, owner.__dict__[name]) if isinstance(owner, Model) else iter(())
    yield from (why for _, why in found)


def _child(model: object, name: str) -> object:
    return model.__dict__.get(name) if isinstance(model, Model) else None


def _misfit(path: str, value: object, why: str) -> InvalidValue:
    return InvalidValue(diagnose("PC311", where=_short(path), value=_short(value), why=why))


def leaves(model: Model, prefix: str = "") -> Iterator[tuple[str, object]]:
    """(path, value) of every value that is not its field's default, in field order, provenance left out."""
    fields = type(model).model_fields
    for name, value in model.__dict__.items():
        if name in PROVENANCE:
            continue
        path = f"{prefix}{name}"
        field = fields[name]
        if isinstance(value, tuple) and value and isinstance(value[0], Model) and "kind" in value[0].__dict__:
            yield from _kinds(value, path)
        elif isinstance(value, Model) and type(value).__name__ not in WHOLE:
            if name == "task":
                yield from ([] if value == field.default else [(f"{path}.kind", value.__dict__["kind"])])
            inner = list(leaves(value, f"{path}."))
            yield from inner or (
                [(path, value)] if field.default is None else []
            )  # a part may be there and all default
        elif name != "kind" and (field.is_required() or value != field.default):
            yield path, value


def plain(value: object) -> str:
    """One text for a value, equal exactly when the values are: what the ledger compares."""
    if isinstance(value, Model):
        text = value.__dict__.get("text")
        return text if isinstance(text, str) else json_of(value)
    if isinstance(value, tuple):
        return "(" + ", ".join(plain(item) for item in value) + ")"
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOATS:
        return repr(int(value))
    return repr(value)


def _kinds(items: tuple[object, ...], path: str) -> Iterator[tuple[str, object]]:
    seen: dict[str, int] = {}
    for item in items:
        if isinstance(item, Model):
            kind = str(item.__dict__["kind"])
            index = seen.get(kind, 0)
            seen[kind] = index + 1
            own = f"{path}.{kind}" if index == 0 else f"{path}.{kind}[{index}]"
            yield f"{own}.kind", kind
            yield from leaves(item, f"{own}.")


def _segments(path: str) -> Iterator[tuple[str, int]]:
    for piece in path.split("."):
        match = _SEGMENT.fullmatch(piece)
        if match is None:
            raise _bad_path(path, piece)
        yield match[1], int(match[2] or 0)


def _item(items: tuple[object, ...], kind: str, index: int) -> object:
    of_kind = [item for item in items if isinstance(item, Model) and item.__dict__.get("kind") == kind]
    return of_kind[index] if index < len(of_kind) else None


def _replaced(model: object, segments: tuple[tuple[str, int], ...], value: object, path: str) -> object:
    if not segments:
        return value
    (name, index), rest = segments[0], segments[1:]
    if isinstance(model, tuple):
        return _with_item(model, name, index, rest, value, path)
    if not isinstance(model, Model) or name not in type(model).model_fields or index:  # there is one of each
        raise _bad_path(path, name)
    if isinstance(model, Prompt):  # its text decides over all else in it
        if name != "text" or rest:
            raise _bad_path(path, name)
        return value
    child = model.__dict__[name]
    if child is None and rest:
        child = _fresh(type(model), name, path)
    if name == "kind" and value != child:
        raise _bad_path(path, name)
    return type(model).model_validate(dict(model.__dict__) | {name: _replaced(child, rest, value, path)})


def _with_item(
    items: tuple[object, ...], kind: str, index: int, rest: tuple[tuple[str, int], ...], value: object, path: str
) -> tuple[object, ...]:
    places = [
        place for place, item in enumerate(items) if isinstance(item, Model) and item.__dict__.get("kind") == kind
    ]
    if index < len(places):
        place = places[index]
        if not rest and value is None:
            return items[:place] + items[place + 1 :]
        return (*items[:place], _replaced(items[place], rest, value, path), *items[place + 1 :])
    if index > len(places) or len(rest) > 1:
        raise _bad_path(path, kind if index > len(places) else rest[0][0])
    values = {rest[0][0]: value} if rest else value
    if not isinstance(values, Mapping):
        raise _bad_path(path, kind)
    return (*items, {**values, "kind": kind})


def _fresh(owner: type[Model], name: str, path: str) -> Model:
    annotation = owner.model_fields[name].annotation
    for candidate in getattr(annotation, "__args__", (annotation,)):
        if isinstance(candidate, type) and issubclass(candidate, Model):
            return candidate()
    raise _bad_path(path, name)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _bad_path(path: str, piece: str) -> InvalidValue:
    hint = meant(path) or "`paramc schema job` lists the paths"
    return InvalidValue(diagnose("PC312", where=_short(path), piece=_short(piece), hint=hint))
