"""The engine for plain JSON: a folder's payload.toml says which key holds which value of the Job.

whole = "job"                                                    the Job itself, nothing else
[names.samplers]                                                 a table of names, `*` for any other
euler = "Euler"
[keys]
prompt = "prompt.text"                                           a path of the Job; a value of None leaves the key out
"image.width" = { path = "size", item = 0, default = 512 }       a dot nests; `item` picks from a pair
sampler = { path = "sampling.sampler", names = "samplers" }      through a table of names
clip_skip = { path = "text.layer", times = -1 }                  a number multiplied
version = { value = 2 }                                          a constant; with `when`, only where that path is
quality = { option = "quality" }                                 what the user chose
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite, isnan
from pathlib import Path
from typing import TypeAlias

from paramc.backends.description import Target
from paramc.backends.registry import Choices
from paramc.backends.report import File, Report
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.base import Model
from paramc.ir.job import Job
from paramc.ir.paths import value_at
from paramc.ir.plan import Plan
from paramc.tables import TableError, TableValue, as_row, read_table, section

Plain: TypeAlias = str | int | float | bool
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
PAYLOAD = "payload.toml"
ANY = "*"
INDENT = 2
KIND = "kind"  # the field by which models are told apart


@dataclass(frozen=True, slots=True)
class KeyRow:
    """Where the value of one key comes from: a path of the Job, a constant, or an option."""

    path: str = ""
    value: Plain | None = None
    option: str = ""
    default: Plain | None = None
    names: str = ""
    item: int | None = None
    times: float | None = None
    when: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """payload.toml. `whole` writes the Job itself; `keys` are dotted paths into the JSON."""

    whole: str
    keys: Mapping[str, KeyRow]
    names: Mapping[str, Mapping[str, str]]


def emit(job: Job, plan: Plan, target: Target, choices: Choices, report: Report) -> tuple[File, ...]:
    """The Job as one JSON file, key by key in the order of the table."""
    payload = read_payload(target.folder / PAYLOAD)
    document = _plain(job) if payload.whole else _document(job, payload, choices)
    return (File(f"{target.name}{target.suffix}", _written(document)),)


def compact(job: Job) -> str:
    """The Job as JSON on one line, without what it would say anyway."""
    return json.dumps({"schema": job.schema_number, **_differing(job)}, ensure_ascii=False, allow_nan=False)


def _differing(model: Model) -> dict[str, Json]:
    """The fields of a model that are not at their defaults, and its kind."""
    fields = type(model).model_fields.items()
    return {
        field.alias or name: _bare(value)
        for name, field in fields
        if (value := model.__dict__[name]) != field.get_default(call_default_factory=True) or name == KIND
    }


def _bare(value: object) -> Json:
    match value:
        case Model():
            return _differing(value)
        case tuple():
            return [_bare(item) for item in value]
        case _:
            return _plain(value)


def verify(job: Job, target: Target, files: tuple[File, ...]) -> tuple[Diagnostic, ...]:
    """Whether each file is JSON; and the Job again, where it is the whole of it."""
    payload = read_payload(target.folder / PAYLOAD)
    return tuple(
        diagnose("PC790", target=target.name, file=file.name, problem=problem)
        for file in files
        for problem in _problems(payload, file.text)
    )


@cache
def read_payload(path: Path) -> Payload:
    """The table at `path`. Raises TableError for a name table that is missing, or keys that cannot nest."""
    table = read_table(path)
    whole = str(table.get("whole", ""))
    if whole not in ("", "job"):
        raise TableError(f"{path}: `whole` is `job` or absent")
    listed = section(table, "names", path).items()
    names = {name: _texts(value, f"{path}: names.{name}") for name, value in listed}
    keys = {key: _row(value, f"{path}: keys.{key}") for key, value in section(table, "keys", path).items()}
    for key, row in keys.items():
        if row.names and row.names not in names:
            raise TableError(f"{path}: keys.{key}: no table of names `{row.names}`")
        if any(other.startswith(f"{key}.") for other in keys):
            raise TableError(f"{path}: keys.{key} holds a value and other keys too")
    return Payload(whole, keys, names)


def _row(value: TableValue, where: str) -> KeyRow:
    return KeyRow(path=value) if isinstance(value, str) else as_row(value, KeyRow, where)


def _texts(value: TableValue, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TableError(f"{where}: not a table")
    return {key: str(item) for key, item in value.items()}


def _document(job: Job, payload: Payload, choices: Choices) -> Json:
    document: dict[str, Json] = {}
    for key, row in payload.keys.items():
        value = _value(job, row, payload, choices)
        if value is not None:
            _place(document, key.split("."), value)
    return document


def _value(job: Job, row: KeyRow, payload: Payload, choices: Choices) -> Json:
    if row.when and value_at(job, row.when) is None:
        return None
    if row.option:
        return choices[row.option]
    if not row.path:
        return row.value
    found = value_at(job, row.path)
    if row.item is not None and isinstance(found, tuple):
        found = found[row.item]
    if found is None:
        return row.default
    if row.names:
        names = payload.names[row.names]
        return names.get(str(found), names.get(ANY, row.default))
    if row.times is not None and isinstance(found, int | float):
        product = float(found * row.times)
        return int(product) if product.is_integer() else _plain(product)
    return _plain(found)


def _place(document: dict[str, Json], path: list[str], value: Json) -> None:
    for step in path[:-1]:
        inner = document.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[path[-1]] = value


def _plain(value: object) -> Json:
    """The value in what JSON has."""
    match value:
        case float() if not isfinite(value):
            return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"  # as in the JSON of the Job
        case str() | int() | float() | None:
            return value
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case Model():
            return _plain(value.model_dump(mode="python", by_alias=True))
        case _:
            return str(value)


def _written(document: Json) -> str:
    readable = json.dumps(document, indent=INDENT, ensure_ascii=False, allow_nan=False)
    try:
        readable.encode()
    except UnicodeEncodeError:  # surrogates without a partner are no text, but survive as escapes
        readable = json.dumps(document, indent=INDENT, allow_nan=False)
    return f"{readable}\n"


def _problems(payload: Payload, text: str) -> list[str]:
    try:
        read: object = json.loads(text)
    except ValueError as error:
        return [f"it is no JSON: {error}"]
    if not payload.whole or _written(_plain(Job.model_validate(read))) == text:
        return []
    return ["it is another Job when read back"]
