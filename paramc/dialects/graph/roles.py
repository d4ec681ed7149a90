"""What node classes mean: roles.toml as rows."""

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from paramc.dialects.description import Dialect
from paramc.dialects.graph.definitions import definitions_of
from paramc.dialects.graph.model import Link, Node, Value
from paramc.dialects.graph.values import Json
from paramc.ir.names import UNKNOWN, samplers, schedules
from paramc.tables import NOTHING, Table, TableError, TableValue, as_row, rows, section

FILE: Final = "roles.toml"
NUMBERED: Final = "#"  # in the name of an input: its number
MOST_BUNDLES: Final = 9  # that one node chooses from


class _Row(NamedTuple):
    role: str
    takes: Mapping[str, str] = NOTHING
    fixed: Mapping[str, TableValue] = NOTHING
    gives: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    bundle: str = ""
    partly: bool = False
    usual: Mapping[str, TableValue] = NOTHING


class _Shape(NamedTuple):
    like: str
    inputs: tuple[str, ...]
    told: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def fits(self, node: Node) -> bool:
        has = node.inputs.__contains__
        if not all(map(has, self.inputs)) or any(map(has, self.lacks)):
            return False
        return all(isinstance(node.inputs.get(name), str) for name in self.told)


class Role(NamedTuple):
    """What a class is for the reader. `takes`: our names of its inputs; `fixed`: values that the class stands for.

    `bundle`: the input that carries many things at once; `partly`: nodes of the class say more than is read of them,
    as do those with an input that is not the `usual` one.
    """

    role: str
    takes: Mapping[str, str]
    fixed: Mapping[str, Json]
    gives: tuple[str, ...]
    texts: tuple[str, ...]
    bundle: str = ""
    partly: bool = False
    usual: Mapping[str, Json] = {}

    def says_more(self, node: Node) -> bool:
        """Whether the node says more than is read of it."""
        return self.partly or any(node.inputs.get(name, value) != value for name, value in self.usual.items())

    def carrier(self, node: Node) -> Link | None:
        """Where the bundle comes from, of several numbered ones the first that is there."""
        if NUMBERED not in self.bundle:
            return node.link(self.bundle)
        names = (self.bundle.replace(NUMBERED, str(number)) for number in range(1, MOST_BUNDLES + 1))
        return next((link for name in names if (link := node.link(name))), None)

    def input(self, node: Node, ours: str) -> Value:
        """What the node has for an input by our name."""
        name = self.takes.get(ours, "")
        if name and name in node.inputs:
            return node.inputs[name]
        return self.fixed.get(ours)

    def link(self, node: Node, ours: str) -> Link | None:
        """Where an input comes from, by our name."""
        value = self.input(node, ours)
        return value if isinstance(value, Link) else None


NO_ROLE: Final = Role("", {}, {}, (), ())


class Roles:
    """The tables of a dialect that its graphs are understood by."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        where = f"{dialect.name}/{FILE}"
        self.dialect = dialect
        self._usual = section(table, "inputs", where)
        self._nodes = section(table, "nodes", where)
        self._where = where
        self._ready: dict[str, Role] = {}
        self._shapes = rows(table, "shapes", _Shape, where)
        self.definitions = definitions_of(dialect)
        self.stand_ins = {kind: _words(names) for kind, names in section(table, "unknown", where).items()}
        self.types = {name: str(kind) for name, kind in section(table, "types", where).items()}
        self.words = {
            name: {word: str(meaning) for word, meaning in section(table, name, where).items()}
            for name in (
                "samplers",
                "schedules",
                "short_schedules",
                "spacings",
                "generators",
                "shapings",
                "crops",
                "latent_methods",
                "image_methods",
                "operations",
            )
        }
        groups = map(_words, section(table, "alike", where).values())
        self.alike = {name: group for group in groups for name in group}
        self.off = frozenset(_words(section(table, "off", where).get("words", [])))

    def of(self, node: Node) -> Role:
        """What a node means: its class, or of a class that nobody knows its inputs; NO_ROLE where nothing tells."""
        role = self._of(node.type)
        if role is not NO_ROLE or self.definitions.get(node.type):
            return role
        shape = next((shape for shape in self._shapes if shape.fits(node)), None)
        return self._of(shape.like)._replace(partly=True) if shape else NO_ROLE

    def _of(self, kind: str) -> Role:
        if kind not in self._ready:
            row = self._nodes.get(kind)
            self._ready[kind] = NO_ROLE if row is None else self._role(row, f"{self._where}: nodes.{kind}")
        return self._ready[kind]

    def gives(self, node: Node, slot: int) -> str:
        """What an output of a node is, in our words; empty where nothing tells."""
        given = self.given(node)
        return given[slot] if 0 <= slot < len(given) else ""

    def given(self, node: Node) -> tuple[str, ...]:
        """What the outputs of a node are, in our words; empty where nothing tells."""
        role, definition = self.of(node), self.definitions.get(node.type)
        types = definition.gives if definition else node.gives
        return (*role.gives, *(self.types.get(kind, "") for kind in types[len(role.gives) :]))

    def called(self, node: Node, kind: str) -> Link | None:
        """The link of an input that is called as those of a kind are in classes that nobody knows."""
        return next((link for name in self.stand_ins.get(kind, ()) if (link := node.link(name))), None)

    def ends(self, node: Node) -> bool:
        """Whether what a node makes leaves the graph."""
        definition = self.definitions.get(node.type)
        return self.of(node).role == "save" or bool(definition and definition.ends)

    def sampler(self, word: str) -> str:
        """The id of a sampler."""
        name = self.words["samplers"].get(word, word)
        return name if name in samplers() else UNKNOWN + word

    def schedule(self, word: str) -> str:
        """The id of a schedule."""
        name = self.words["schedules"].get(word, word)
        return name if name in schedules() else UNKNOWN + word

    def preprocessor(self, word: str) -> str:
        """What a preprocessor is called; a node that has several names the class of the one that it stands for."""
        return str(self._of(word).fixed.get("kind", word))

    def is_on(self, value: Json) -> bool:
        """Whether a switch means yes."""
        return value.lower() not in self.off if isinstance(value, str) else bool(value)

    def _role(self, value: TableValue, where: str) -> Role:
        row = as_row(value, _Row, where)
        usual = self._usual.get(row.role, {})
        if not isinstance(usual, dict):
            raise TableError(f"{where}: `inputs.{row.role}` is not a table")
        takes = {name: str(given) for name, given in usual.items()} | dict(row.takes)
        fixed: dict[str, Json] = {name: _plain(given) for name, given in row.fixed.items()}
        usual_values: dict[str, Json] = {name: _plain(given) for name, given in row.usual.items()}
        used = {name: given for name, given in takes.items() if given}
        return Role(row.role, used, fixed, row.gives, row.texts, row.bundle, row.partly, usual_values)


@cache
def roles_of(dialect: Dialect) -> Roles:
    """The tables of a dialect."""
    return Roles(dialect.table(FILE), dialect)


def _words(value: TableValue) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)


def _plain(value: TableValue) -> Json:
    return value if isinstance(value, str | int | float) else None
