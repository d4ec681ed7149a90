"""The axes of a grid as settings texts write them: what varied, and the values as somebody typed them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from lark import Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, InvalidValue, UnknownName
from paramc.dialects.axes import demand_few, plain_number, sampler_edits, schedule_edits, setting
from paramc.dialects.codecs import CODECS, Unreadable
from paramc.dialects.description import Dialect
from paramc.dialects.fields import Field, Fields, fields_of
from paramc.dialects.grammar import load_grammar
from paramc.dialects.registry import find_dialect
from paramc.ir.assets import AssetRef
from paramc.ir.job import Job
from paramc.ir.sweep import Axis, Point, Replacement, Setting, Sweep
from paramc.tables import NOTHING, TableError, as_row, rows, section

FILE: Final = "plot.toml"
GRAMMAR: Final = "plot.lark"
FINEST: Final = Decimal("0.000001")  # of the numbers in a range
SHOWN: Final = 60  # characters of a value that a message repeats
EMPTY: Final = '""'  # no value at all, as a message repeats it


class _Keys(NamedTuple):
    """Which keys say what varies along one axis."""

    type: str
    values: tuple[str, ...]


class _Kind(NamedTuple):
    """A row of the table; its head explains each word."""

    field: str = ""
    asset: str = ""
    replaces: tuple[str, ...] = ()
    ranges: str = ""


class _Plots(NamedTuple):
    axes: tuple[_Keys, ...]
    types: Mapping[str, _Kind] = NOTHING


class ReadPlot(NamedTuple):
    """The sweep that settings speak of, with no axes where they speak of none."""

    sweep: Sweep
    diagnostics: tuple[Diagnostic, ...] = ()


def read_plot(job: Job) -> ReadPlot:
    """The sweep that a job's notes speak of, and what of it is no sweep of ours."""
    dialect = find_dialect(job.producer.dialect)
    if dialect.path(FILE) is None:
        return ReadPlot(Sweep())
    plots, notes = _plots(dialect), dict(job.producer.notes)
    found: list[Axis] = []
    said: list[Diagnostic] = []
    for keys in plots.axes:
        kind = notes.get(keys.type, "").strip()
        text = next((notes[key] for key in keys.values if key in notes), None)
        if text is None or plots.types.get(kind) == _Kind():
            continue
        if kind not in plots.types:
            said.append(diagnose("PC835", kind=kind[:SHOWN], path="producer.notes"))
            continue
        try:
            found.append(_axis(kind, plots.types[kind], text, job, dialect))
        except (Unreadable, UnknownName, InvalidValue):
            said.append(diagnose("PC836", kind=kind, text=text[:SHOWN] or EMPTY, path="producer.notes"))
    return ReadPlot(Sweep(axes=tuple(found)), tuple(said))


@cache
def _plots(dialect: Dialect) -> _Plots:
    where = f"{dialect.name}/{FILE}"
    table = dialect.table(FILE)
    types = {name: as_row(row, _Kind, f"{where}: {name}") for name, row in section(table, "types", where).items()}
    known = fields_of(dialect)
    for name, kind in types.items():
        if kind.field and known.match(kind.field) is None:
            raise TableError(f"{where}: {name}: no field is called `{kind.field}`")
    return _Plots(rows(table, "axes", _Keys, where), types)


def _axis(name: str, kind: _Kind, text: str, job: Job, dialect: Dialect) -> Axis:
    """Raises Unreadable, UnknownName, InvalidValue."""
    cells = _cells(text, dialect)
    if kind.replaces:
        return _replacing(name, kind, cells)
    values = [value for cell in cells if cell for value in (_numbers(cell, kind, dialect) if kind.ranges else (cell,))]
    demand_few(len(values), name)
    if not values:
        raise Unreadable("a value")
    edits = [_assets(kind, value) if kind.asset else _edits(kind, value, job, fields_of(dialect)) for value in values]
    return Axis(name=name, points=tuple(map(_point, values, edits)))


def _point(label: str, edits: Sequence[Setting]) -> Point:
    return Point(label=label, edits=tuple(edits))


def _replacing(name: str, kind: _Kind, cells: Sequence[str]) -> Axis:
    """The first text gives way to each of them, itself included."""
    demand_few(len(cells), name)
    if not cells or not cells[0]:
        raise Unreadable("a text of the prompt")
    edits = [Replacement(paths=kind.replaces, old=cells[0], new=cell) for cell in cells]
    return Axis(name=name, points=tuple(Point(label=edit.new, edits=(edit,)) for edit in edits))


def _assets(kind: _Kind, text: str) -> tuple[Setting, ...]:
    read = CODECS["asset"].read(text)
    name, hashes = read if isinstance(read, tuple) else (text, ())
    return (Setting(path=kind.asset, value=AssetRef(name=name, hashes=hashes)),)


def _edits(kind: _Kind, text: str, job: Job, fields: Fields) -> tuple[Setting, ...]:
    """The value as the field of that name says it."""
    match = fields.match(kind.field)
    if match is None:
        raise Unreadable("a known field")
    path = _path(match.field, job)
    if match.field.kind == "sampler":
        return sampler_edits(path, text, fields.names)
    if match.field.kind == "schedule":
        return schedule_edits(path, text, fields.names)
    return (setting(job.replace({path: match.field.codec.read(text)}), path),)


def _path(field: Field, job: Job) -> str:
    """Where the value goes; in another place where the job has no part for the first."""
    home, *names = field.places[0].owner.split(".")
    kinds = {item.kind for item in job.stages} if home == "stages" else set(names)
    place = field.otherwise if field.otherwise and not {*names} & kinds else field.places[0]
    return place.text()


def _cells(text: str, dialect: Dialect) -> tuple[str, ...]:
    tree = load_grammar(_grammar(dialect), start="start").parse(text)
    return _Cells().transform(tree)


def _numbers(cell: str, kind: _Kind, dialect: Dialect) -> tuple[str, ...]:
    """The numbers of a range; a cell that is none stays as it is."""
    try:
        tree = load_grammar(_grammar(dialect), start="span").parse(cell)
        return _Span(whole=kind.ranges == "whole").transform(tree)
    except UnexpectedInput:
        return (cell,)
    except VisitError as error:
        raise Unreadable("a range") from error


def _grammar(dialect: Dialect) -> Path:
    path = dialect.path(GRAMMAR)
    if path is None:
        raise TableError(f"{dialect.name}: {FILE} needs {GRAMMAR} beside it")
    return path


class _Cells(Transformer[Token, tuple[str, ...]]):
    """Tree → texts between commas, as a reader of comma-separated values understands them."""

    def start(self, cells: list[Token]) -> tuple[str, ...]:
        """All of them; what stands between two commas may be nothing."""
        found = [""]
        for token in cells:
            if token.type == "SEPARATOR":
                found.append("")
            else:
                found[-1] = _unquoted(token).strip()
        return tuple(found)


def _unquoted(token: Token) -> str:
    """Two quotation marks are one; what follows the closing one belongs to the text."""
    if token.type != "QUOTED":
        return token
    inside, *rest = token[1:].replace('""', "\0").partition('"')
    return (inside + rest[-1]).replace("\0", '"')


@v_args(inline=True)
class _Span(Transformer[Token, tuple[str, ...]]):
    """Tree → the numbers of a range. Whole ones are cut off behind the point, as the program does."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self._whole = whole

    def one(self, number: Token) -> tuple[str, ...]:
        """A number as it stands."""
        return (str(number),)

    def every(self, first: Token, last: Token) -> tuple[str, ...]:
        """Steps of 1, backwards where the end is below the start."""
        low, high = _decimal(first), _decimal(last)
        return self._stepped(low, high, Decimal(1 if high >= low else -1))

    def stepped(self, first: Token, last: Token, step: Token) -> tuple[str, ...]:
        """Steps of the number in brackets; none at all where they lead away from the end."""
        return self._stepped(_decimal(first), _decimal(last), _decimal(step))

    def counted(self, first: Token, last: Token, count: Token) -> tuple[str, ...]:
        """So many, evenly from the start to the end."""
        number = int(count)
        demand_few(number, f"{first}-{last}")
        low, width = _decimal(first), _decimal(last) - _decimal(first)
        return tuple(self._text(low + width * place / max(number - 1, 1)) for place in range(number))

    def _stepped(self, low: Decimal, high: Decimal, step: Decimal) -> tuple[str, ...]:
        count = int((high - low) / step) + 1 if step and (high - low) * step >= 0 else 0
        demand_few(count, f"{low}-{high}")
        return tuple(self._text(low + step * place) for place in range(count))

    def _text(self, number: Decimal) -> str:
        return str(int(number)) if self._whole else plain_number(number.quantize(FINEST).normalize())


def _decimal(token: Token) -> Decimal:
    return Decimal("".join(token.split()))
