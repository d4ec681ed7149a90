"""What is known of node classes: their widgets in order, types of links, outputs, and the classes that never run."""

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from paramc.dialects.description import Dialect
from paramc.dialects.graph.values import Json
from paramc.tables import NOTHING, Table, TableError, TableValue, as_row, section

NODES: Final = "nodes.toml"
PACKS: Final = "packs.toml"
CONTROL: Final = "control"
DYNAMIC: Final = "dynamic"
COMBO: Final = "COMBO"


class Widget(NamedTuple):
    """An input with a value of its own. `followed`: one more entry of `widgets_values` belongs to it."""

    name: str
    kind: str
    default: Json
    has_default: bool
    followed: bool
    dynamic: bool


class _Row(NamedTuple):
    widgets: tuple[TableValue, ...] = ()
    links: Mapping[str, str] = NOTHING
    gives: tuple[str, ...] = ()
    ends: bool = False


class Definition(NamedTuple):
    """A node class. `gives` are the types of its outputs; `ends`: its result leaves the graph.

    `varies`: a class of a pack, whose widgets may be others in another version.
    """

    widgets: tuple[Widget, ...]
    links: Mapping[str, str]
    gives: tuple[str, ...]
    ends: bool
    varies: bool


class Definitions:
    """The classes that a dialect knows, each made ready when it is first asked for."""

    def __init__(self, table: Table, packs: Table, where: str) -> None:
        self._table = table | packs
        self._packs = packs
        self._where = where
        self._ready: dict[str, Definition | None] = {}

    def get(self, name: str) -> Definition | None:
        """The class `name`, or None."""
        if name not in self._ready:
            row = self._table.get(name)
            where = f"{self._where}: {name}"
            self._ready[name] = None if row is None else _definition(row, where, varies=name in self._packs)
        return self._ready[name]

    @property
    def names(self) -> tuple[str, ...]:
        """All classes."""
        return tuple(self._table)


@cache
def definitions_of(dialect: Dialect) -> Definitions:
    """The classes of nodes.toml and of the packs beside it."""
    return Definitions(dialect.table(NODES), dialect.table(PACKS), f"{dialect.name}/{NODES}")


def _definition(row: TableValue, where: str, *, varies: bool) -> Definition:
    read = as_row(row, _Row, where)
    section({"links": dict(read.links)}, "links", where)
    return Definition(tuple(_widget(item, where) for item in read.widgets), read.links, read.gives, read.ends, varies)


def _widget(item: TableValue, where: str) -> Widget:
    match item:
        case [str() as name, str() as kind]:
            return Widget(name, kind, None, False, False, False)
        case [str() as name, str() as kind, (str() | int() | float()) as default, *marks]:
            return Widget(name, kind, default, True, CONTROL in marks, DYNAMIC in marks)
        case _:
            raise TableError(f"{where}: a widget is neither [name, kind] nor [name, kind, default, marks …]")
