"""What a script's expressions are worth without running it."""

import ast
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from paramc.diagnostics.model import Span

CALLED: Final = "__call__"  # the method name of a thing that is called itself
INDEXED: Final = "[]"  # the method name of a subscript
MOST_ORIGINS: Final = 8
MOST_LOOKED_AT: Final = 1000
MOST_KIN: Final = 100  # classes of a script above one another


@dataclass(frozen=True, slots=True)
class Named:
    """Something of a module, by its whole name: `torch.float16`."""

    name: str

    @property
    def last(self) -> str:
        """The name without its modules."""
        return self.name.rpartition(".")[2]


@dataclass(slots=True, eq=False)
class Made:
    """The result of a call that a library would make.

    `name` is that of the function, class or method; `owner` is what it was called on. `sets` are the attributes that
    the script set on it later, `calls` the methods called on it, in order; `when` counts the calls before this one.
    """

    name: str
    arguments: list[object]
    keywords: dict[str, object]
    places: dict[str, Span]
    span: Span
    owner: object = None
    when: int = 0
    sets: "list[Set]" = field(default_factory=list)
    calls: "list[Made]" = field(default_factory=list)

    def attributes(self, before: int | None = None) -> dict[str, object]:
        """What the script set on it, before a call."""
        return {item.name: item.value for item in self.sets if before is None or item.when <= before}


class Set(NamedTuple):
    """An attribute that the script set, and how many calls went before."""

    name: str
    value: object
    when: int


@dataclass(slots=True, eq=False)
class Function:
    """A function of the script; `around` are the names of those that it stands in, `defaults` come from decorators."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    around: tuple[dict[str, object], ...] = ()
    defaults: dict[str, object] = field(default_factory=dict)
    is_property: bool = False
    is_static: bool = False


@dataclass(slots=True, eq=False)
class Class:
    """A class of the script; `fields` are the names that its instances are made of where it has no `__init__`."""

    node: ast.ClassDef
    values: dict[str, object]
    bases: tuple[object, ...] = ()
    fields: tuple[str, ...] = ()

    def kin(self) -> tuple["Class", ...]:
        """The class and those of the script above it, each once, the nearest first; no more than MOST_KIN."""
        found: dict[int, Class] = {}
        waiting: list[object] = [self]
        while waiting and len(found) < MOST_KIN:
            item = waiting.pop()
            if isinstance(item, Class) and id(item) not in found:
                found[id(item)] = item
                waiting += reversed(item.bases)
        return tuple(found.values())

    def found(self, name: str) -> object:
        """What a name stands for in the class or the classes of the script above it; None for nothing."""
        return next((of.values[name] for of in self.kin() if name in of.values), None)

    def all_fields(self) -> tuple[str, ...]:
        """The names of fields, those of the classes above it first."""
        return tuple(dict.fromkeys(name for of in reversed(self.kin()) for name in of.fields))


@dataclass(slots=True, eq=False)
class Instance:
    """A thing of a class of the script, or of no class: what Python's own parsers of arguments give."""

    values: dict[str, object]
    of: Class | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """Something to call that is told a part already."""

    function: object
    arguments: list[object]
    keywords: dict[str, object]


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A method of an instance."""

    function: Function
    to: object


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """An attribute of something made that the script did not set."""

    of: object
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A range of an index, `lower:upper`; None for an end that is left open."""

    lower: object
    upper: object


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """A value that only a run would tell; `origins` are the calls that it comes from, as far as they are known."""

    span: Span
    origins: tuple[Made, ...] = ()


def is_known(value: object) -> bool:
    """Is the value the very one that a run would give? None with over MOST_LOOKED_AT things in it is."""
    waiting, left = [value], MOST_LOOKED_AT
    while waiting:
        item = waiting.pop()
        left -= 1
        if left < 0:
            return False
        if isinstance(item, list | tuple | dict):
            if len(item) > left:
                return False
            waiting += item.values() if isinstance(item, dict) else item
        elif item is not None and not isinstance(item, str | int | float | bool):
            return False
    return True


def origins(*values: object) -> tuple[Made, ...]:
    """The calls that values come from, the first MOST_ORIGINS of them in order."""
    found: dict[int, Made] = {}
    waiting, left = list(reversed(values)), MOST_LOOKED_AT
    while waiting and left and len(found) < MOST_ORIGINS:
        item = waiting.pop()
        left -= 1
        match item:
            case Made():
                found.setdefault(id(item), item)
            case Part():
                waiting.append(item.of)
            case Computed():
                found |= {id(made): made for made in item.origins}
            case list() | tuple():
                waiting += reversed(item[:MOST_LOOKED_AT])
            case _:
                continue
    return tuple(found.values())[:MOST_ORIGINS]
