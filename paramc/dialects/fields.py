"""fields.toml: which key of a settings text is which value of the Job, how it is spelt and when it is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal, NamedTuple, TypeAlias, cast, get_args

from paramc.dialects.codecs import CODECS, Codec, choice, resources, version, with_words
from paramc.dialects.description import Dialect
from paramc.dialects.names import Names, names_of, sampler_codec, schedule_codec, upscaler_codec
from paramc.dialects.objects import Member, list_codec, object_codec
from paramc.ir.places import Place, place_of
from paramc.tables import NOTHING, Table, TableError, TableValue, as_row, section

FILE: Final = "fields.toml"
OPAQUE: Final = "*"  # the row that says where the extensions of [opaque] are written
NOTES: Final = "**"  # the row that says where the keys of [notes] are written
UNIT: Final = "unit"  # the codec of a value that holds fields of its own
OBJECT: Final = "object"  # the codec of a value that is a JSON object of [objects]
OBJECTS: Final = "objects"  # … and of one that is a list of them
AS_IS: Final = frozenset({"bool", "int", "float", "text"})  # codecs of what JSON says in its own way
NUMBER: Final = re.compile(r"(?<![A-Za-z0-9])\d{1,4}(?![\dA-Za-z])")  # the `{n}` of a key
_ORDINAL = re.compile(r" (\d{1,4})(?:st|nd|rd|th)\b")
_BESPOKE: Final = frozenset({"prompt", "negative", UNIT, "opaque", "note"})
Write: TypeAlias = Literal["always", "part", "changed", "never"]


class _Written(NamedTuple):
    """A row as the file has it; the head of the file explains each word."""

    path: str | tuple[str, ...]
    codec: str
    otherwise: str = ""
    write: str = "changed"
    beside: str = ""
    founds: str = ""
    needs: str = ""
    unless: str = ""
    shifts: Mapping[str, str] = NOTHING
    values: Mapping[str, TableValue] = NOTHING
    accepts: Mapping[str, TableValue] = NOTHING
    none: str | tuple[str, ...] = ""
    empty: str = ""
    aliases: tuple[str, ...] = ()
    pattern: str = ""
    after: str = ""
    number: int = 0
    of: str = ""
    name: str = ""
    absent: "TableValue | None" = None


class _Object(NamedTuple):
    """The fields of a value that is a JSON object: the path of each within its part, and how it is read."""

    paths: tuple[str, ...]
    members: tuple[Member, ...]
    rest: str = ""  # path of what else the object says


Objects: TypeAlias = Mapping[str, _Object]


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One row: the key with its `{n}` or `{nth}`, the places of its values and their codec."""

    key: str
    places: tuple[Place, ...]
    codec: Codec
    kind: str
    write: Write
    otherwise: Place | None = None
    beside: Place | None = None
    founds: Place | None = None
    needs: str = ""
    unless: str = ""
    shifts: Mapping[str, Place] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    kinds: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # of `resources`: path, and kind of network
    number: int = 0  # of the item that a key without a number is for

    def key_of(self, number: int) -> str:
        """The key of item `number`, from 1 for `{nth}`."""
        if "{nth}" in self.key:
            return self.key.replace("{nth}", "" if number == 1 else f" {_ordinal(number)}")
        return self.key.replace("{n}", str(number))

    @property
    def listed(self) -> bool:
        """Is each key one item of a list?"""
        return "{n" in self.key and not self.places[0].numbered


class Match(NamedTuple):
    """What a key stands for: its row, the number in it, and the name of the extension that it belongs to."""

    field: Field
    number: int = 0
    extension: str = ""


class _Extension(NamedTuple):
    keys: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """The rows of one dialect, in the order of writing."""

    rows: tuple[Field, ...]
    items: tuple[Field, ...]  # what stands inside the value of a control unit
    unknown_before: str
    empty_negative: bool  # is the negative prompt written even where it is empty?
    founded: frozenset[str]  # parts of the Job that exist only because of some key
    exact: Mapping[str, Match]
    templates: Mapping[str, Field]
    prefixes: Mapping[str, tuple[str, str]]  # prefix → key of the row, extension
    prefixed: "re.Pattern[str]"  # any of them, the longest first
    item_names: Mapping[str, Field]
    numbered: frozenset[str]  # parts of which there may be several
    names: Names
    resource_lists: Mapping[str, Mapping[str, str]]  # keys that list files, with the kinds of their types
    weight_lists: Mapping[str, str]  # keys that list names of networks with their weights, with the kind of network

    def match(self, key: str) -> Match | None:
        """What `key` stands for, None when no table knows it."""
        return self.exact.get(key) or self._numbered(key) or self._extension(key)

    def _numbered(self, key: str) -> Match | None:
        for pattern, name, blank in ((_ORDINAL, "{nth}", " "), (NUMBER, "{n}", "")):
            found = pattern.search(key)
            if found is not None:
                row = self.templates.get(key[: found.start()] + name + key[found.end() :])
                if row is not None:
                    return Match(row, int(found[0].strip(" stndrh") if blank else found[0]))
        return None

    def _extension(self, key: str) -> Match | None:
        found = self.prefixed.match(key)
        if found is None:
            return None
        row, name = self.prefixes[found[0]]
        return Match(self.exact[row].field, 0, name)


@cache
def fields_of(dialect: Dialect) -> Fields:
    """The fields of a dialect, its ancestors' included."""
    table = dialect.table(FILE)
    where = f"{dialect.name}/{FILE}"
    names = names_of(dialect)
    objects = _objects(section(table, "objects", where), names, where)
    rows = _rows(section(table, "fields", where), names, where, objects)
    unit = section(table, "unit", where)
    items = _rows(section(unit, "items", where), names, where, {}, str(unit["path"]) + ".")
    extensions = {
        name: as_row(row, _Extension, f"{where}: {name}") for name, row in section(table, "opaque", where).items()
    }
    notes = {name: as_row(row, _Extension, f"{where}: {name}") for name, row in section(table, "notes", where).items()}
    prefixes = {prefix: (NOTES, "") for row in notes.values() for prefix in row.prefixes}
    prefixes |= {prefix: (OPAQUE, name) for name, row in extensions.items() for prefix in row.prefixes}
    exact, templates = _unit_keys(unit, items, where)
    return Fields(
        rows=rows,
        items=items,
        unknown_before=str(table["unknown_before"]),
        empty_negative=bool(table.get("empty_negative", False)),
        founded=frozenset(row.founds.owner for row in rows if row.founds),
        exact=_exact(rows, extensions, notes) | exact,
        templates={name: row for row in rows for name in row.names if "{n" in name} | templates,
        prefixes=prefixes,
        prefixed=re.compile("|".join(map(re.escape, sorted(prefixes, key=len, reverse=True))) or "(?!)"),
        item_names={name: row for row in items for name in row.names},
        numbered=frozenset(place.part for row in rows for place in row.places if place.numbered),
        names=names,
        resource_lists=_resource_lists(table, where),
        weight_lists={key: str(kind) for key, kind in section(table, "weight_lists", where).items()},
    )


def _resource_lists(table: Table, where: str) -> dict[str, dict[str, str]]:
    lists = section(table, "resource_lists", where)
    return {key: {kind: str(meant) for kind, meant in section(lists, key, where).items()} for key in lists}


def _exact(
    rows: tuple[Field, ...], extensions: Mapping[str, _Extension], notes: Mapping[str, _Extension]
) -> dict[str, Match]:
    by_key = {row.key: row for row in rows}
    exact = {key: Match(by_key[NOTES]) for row in notes.values() for key in row.keys}
    exact |= {key: Match(by_key[OPAQUE], 0, name) for name, row in extensions.items() for key in row.keys}
    exact |= {name: Match(row, row.number) for row in rows for name in row.names if "{n" not in name}
    return exact | {name.replace("{nth}", ""): Match(row, 1) for row in rows for name in row.names if "{nth}" in name}


def _unit_keys(unit: Table, items: tuple[Field, ...], where: str) -> tuple[dict[str, Match], dict[str, Field]]:
    """The keys that hold one field of a unit each, as they were written before units had a value of their own."""
    named = {prefix + name: row for prefix in _texts(unit, "prefixes", where) for row in items for name in row.names}
    exact = {name: Match(row) for name, row in named.items() if "{n}" not in name}
    return exact, {name: row for name, row in named.items() if "{n}" in name}


def _texts(table: Table, name: str, where: str) -> tuple[str, ...]:
    values = table.get(name, [])
    if not isinstance(values, list):
        raise TableError(f"{where}: `{name}` is not a list")
    return tuple(str(value) for value in values)


def _objects(table: Table, names: Names, where: str) -> Objects:
    """The objects that values consist of; one may hold lists of those before it."""
    found: dict[str, _Object] = {}
    for name in table:
        row = section(table, name, where)
        rest = str(row.get("rest", ""))
        written = {
            key: as_row(value, _Written, f"{where}: {name}: {key}")
            for key, value in section(row, "members", where).items()
        }
        members = (
            Member(key, _codec(one, names, f"{where}: {name}: {key}", 1, found), one.absent, one.codec not in AS_IS)
            for key, one in written.items()
        )
        found[name] = _Object(tuple(str(one.path) for one in written.values()), tuple(members), rest)
    return found


def _rows(table: Table, names: Names, where: str, objects: Objects, home: str = "") -> tuple[Field, ...]:
    rows: list[Field] = []
    moved: list[tuple[Field, str]] = []
    for key, value in table.items():
        written = as_row(value, _Written, f"{where}: {key}")
        row = _row(key, written, names, f"{where}: {key}", home, objects)
        if written.after:
            moved.append((row, written.after))
        else:
            rows.append(row)
    while moved:
        row, after = _next_to_place(moved, rows, where)
        rows.insert([other.key for other in rows].index(after) + 1, row)
    return tuple(rows)


def _next_to_place(moved: list[tuple[Field, str]], rows: list[Field], where: str) -> tuple[Field, str]:
    """Take the first row out of `moved` whose predecessor has its place."""
    placed = {row.key for row in rows}
    for index, (_, after) in enumerate(moved):
        if after in placed:
            return moved.pop(index)
    raise TableError(f"{where}: no key `{moved[0][1]}` to stand after")


def _row(key: str, written: _Written, names: Names, where: str, home: str, objects: Objects) -> Field:
    paths = (written.path,) if isinstance(written.path, str) else written.path
    if written.codec == OBJECT:
        made = _object(written.of, objects, where)
        paths = tuple(f"{paths[0]}.{name}" for name in (*made.paths, made.rest) if name)
    if written.write not in get_args(Write):
        raise TableError(f"{where}: `write` is one of {', '.join(get_args(Write))}")
    return Field(
        key=key,
        places=tuple(place_of(home + path) for path in paths),
        codec=_codec(written, names, where, len(paths), objects),
        kind=written.codec,
        write=cast(Write, written.write),
        otherwise=place_of(written.otherwise) if written.otherwise else None,
        beside=place_of(written.beside) if written.beside else None,
        founds=place_of(written.founds) if written.founds else None,
        needs=written.needs,
        unless=written.unless,
        shifts={name: place_of(path) for name, path in written.shifts.items()},
        names=(key, *written.aliases),
        kinds=_kinds(written) if written.codec == "resources" else {},
        number=written.number,
    )


def _object(name: str, objects: Objects, where: str) -> _Object:
    if name not in objects:
        raise TableError(f"{where}: no object is called `{name}`")
    return objects[name]


def _codec(written: _Written, names: Names, where: str, width: int, objects: Objects) -> Codec:
    if written.codec == "choice":
        codec = choice(_values(written.values), _values(written.accepts), width)
    elif written.codec in ("upscaler", "schedule", "sampler"):
        codec = {"upscaler": upscaler_codec, "schedule": schedule_codec, "sampler": sampler_codec}[written.codec](names)
    elif written.codec == "resources":
        codec = resources(written.values)
    elif written.codec == "version":
        codec = version(written.pattern)
    elif written.codec == OBJECT:
        made = _object(written.of, objects, where)
        codec = object_codec(made.members, rest=bool(made.rest))
    elif written.codec == OBJECTS:
        made = _object(written.of, objects, where)
        codec = list_codec(made.paths, made.members, written.name)
    elif written.codec in _BESPOKE:
        codec = CODECS["text"]
    elif written.codec in CODECS:
        codec = CODECS[written.codec]
    else:
        raise TableError(f"{where}: no codec is called `{written.codec}`")
    nothing = (written.none,) if isinstance(written.none, str) else written.none
    words: dict[str, object] = {word: None if width == 1 else (None,) * width for word in nothing if word}
    if written.empty:
        words[written.empty] = ()
    return with_words(codec, words) if words else codec


def _kinds(written: _Written) -> dict[str, tuple[str, str]]:
    return {
        label: (str(value[0]), str(value[1])) if isinstance(value, list) else (str(value), "")
        for label, value in written.values.items()
    }


def _values(values: Mapping[str, TableValue]) -> dict[str, object]:
    return {label: _several(value) if isinstance(value, list) else value for label, value in values.items()}


def _several(values: list[TableValue]) -> tuple[object, ...]:
    """Values for several paths; an empty text stands for None."""
    return tuple(None if value == "" else value for value in values)


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
