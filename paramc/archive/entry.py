"""What a table says of one file: a status, where its settings lay, every value, and a status for each field."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from paramc.api import load
from paramc.diagnostics.model import Diagnostic, ParamcError, ReadError
from paramc.ir.assets import Hash
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.ir.paths import leaves, plain
from paramc.resources import GRAMMARS
from paramc.source.carriers import has_signs
from paramc.source.detect import open_file
from paramc.source.model import Source

Status: TypeAlias = Literal["read", "damaged", "unknown", "none", "failed"]
Value: TypeAlias = "str | int | float | bool | list[str] | None"
WITHOUT: dict[str, Status] = dict.fromkeys(("PC102", "PC103", "PC104"), "none")  # by what the error says


class Field(NamedTuple):
    """A field of the source. status: `understood`, `kept` as it is, or `problem` with what was wrong."""

    key: str
    raw: str
    status: str


class Entry(NamedTuple):
    """A row of the table. `values`: path of the Job → value, those left out that are the default."""

    path: str
    status: Status
    dialect: str = ""
    carrier: str = ""
    width: int | None = None
    height: int | None = None
    values: dict[str, Value] = {}  # noqa: RUF012  # never written to
    fields: tuple[Field, ...] = ()
    problems: tuple[str, ...] = ()
    reason: str = ""

    @property
    def line(self) -> str:
        """The row as a line of JSON, lone surrogates of file names spelled out."""
        row = {**self._asdict(), "fields": [field._asdict() for field in self.fields]}
        return json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


class Answer(NamedTuple):
    """What a process hands back of an entry: its line, and what the tally counts."""

    path: str
    status: Status
    line: str
    dialect: str = ""
    reason: str = ""


class Reading(NamedTuple):
    """How files are read, as the command line says it."""

    dialect: str | None = None
    family: str | None = None
    strict: bool = False
    hidden: bool = False
    grammars: tuple[Path, ...] = (GRAMMARS,)


def answer(entry: Entry) -> Answer:
    """The entry as a line."""
    return Answer(entry.path, entry.status, entry.line, entry.dialect, entry.reason)


def read_line(reading: Reading, path: str) -> Answer:
    """The row of one file as a line."""
    return answer(read_entry(path, reading))


def read_entry(path: str, reading: Reading) -> Entry:
    """The row of one file; whatever is wrong with it is part of the row."""
    try:
        source = open_file(path, hidden=reading.hidden)
        if not source.key and not has_signs(source.text):
            return Entry(path, "none")
        loaded = load(
            source,
            dialect=reading.dialect,
            strict=reading.strict,
            family=reading.family,
            grammars=reading.grammars,
        )
    except ParamcError as error:
        codes = tuple(item.code for item in error.diagnostics)
        status = "unknown" if isinstance(error, ReadError) else WITHOUT.get(codes[0], "failed")
        return Entry(path, status, problems=codes, reason=_why(error, path) if status == "failed" else "")
    return _entry(path, source, loaded.job, loaded.diagnostics)


def _why(error: ParamcError, path: str) -> str:
    """What happened to a file, without its name."""
    return error.diagnostics[0].message.removeprefix(f"`{path}` ")


def _entry(path: str, source: Source, job: Job, diagnostics: tuple[Diagnostic, ...]) -> Entry:
    width, height = source.size or (None, None)
    return Entry(
        path,
        "damaged" if any(item.severity == "error" for item in diagnostics) else "read",
        job.producer.dialect,
        source.carrier,
        width,
        height,
        dict(_values(job)),
        tuple(_field(stated) for stated in job.ledger if stated.span is not None),
        tuple(item.code for item in diagnostics),
    )


def _values(job: Job) -> Iterator[tuple[str, Value]]:
    for path, value in leaves(job):
        yield path, _value(value)
    yield "family", job.family.name if job.family is not None else None
    named = [tag.name for prompt in (job.prompt, job.negative) for tag in prompt.networks]
    filed = [asset.name for asset in job.assets.networks if asset.name and asset.name not in named]
    if named or filed:
        yield "networks", [*named, *filed]


def _value(value: object) -> Value:
    """A value as it is asked for: sizes as `512x768`, hashes as their digits."""
    match value:
        case str() | int() | float() | None:
            return value
        case Size():
            return f"{value.width}x{value.height}"
        case (Hash(), *_):
            return [item.hex for item in value if isinstance(item, Hash)]
        case _:
            return plain(value)


def _field(stated: Stated) -> Field:
    status = "problem" if stated.problem else "understood" if stated.paths else "kept"
    return Field(stated.key, stated.raw, status)
