"""A look at a script: the names that it binds, what it calls and sets, and the budget that bounds the work."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from paramc.dialects.script.frames import Frame, Told
from paramc.dialects.script.known import LONGEST
from paramc.dialects.script.lines import Lines
from paramc.dialects.script.values import (
    Class,
    Computed,
    Function,
    Instance,
    Made,
    Set,
    origins,
)

BUDGET: Final = 20_000  # steps of a whole script
ITEMS_A_STEP: Final = 20  # of a value that is built
MAIN: Final = "__main__"


class Returned(Exception):  # noqa: N818  # a way out of a body, no error
    """A function of the script is done."""

    def __init__(self, value: object) -> None:
        self.value = value


class Left(Exception):  # noqa: N818  # as above
    """A turn of a loop is done, or with `ends` all of them."""

    def __init__(self, *, ends: bool) -> None:
        self.ends = ends


class Spent(Exception):  # noqa: N818  # as above
    """The budget is used up."""


@dataclass(slots=True)
class Walk(ABC):
    """One look at a script: library calls in the order in which a run would make them, and attributes that it sets.

    `fluent` methods give back what they were called on; `assumed` are results of calls by the names of the functions.
    A budget of steps keeps the work bounded, whatever the script says.
    """

    lines: Lines
    fluent: frozenset[str] = frozenset()
    assumed: Mapping[str, object] = field(default_factory=dict)
    calls: list[Made] = field(default_factory=list)
    sets: list[Set] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=lambda: [Frame({"__name__": MAIN})])
    followed: set[ast.AST] = field(default_factory=set)
    setters: dict[ast.AST, Mapping[str, Function]] = field(default_factory=dict)  # of classes, by attribute
    budget: int = BUDGET

    @abstractmethod
    def _body(self, body: Iterable[ast.stmt]) -> None:
        """Follow some statements."""

    @abstractmethod
    def value(self, node: ast.expr) -> object:
        """What an expression is worth."""

    @abstractmethod
    def _attribute(self, owner: object, name: str, node: ast.expr) -> object:
        """What an attribute of a value is worth."""

    @abstractmethod
    def _items(self, nodes: Sequence[ast.expr]) -> list[object]:
        """What some expressions are worth, those behind a star one by one."""

    def _unknown(self, node: ast.stmt | ast.expr, *values: object) -> Computed:
        return Computed(self.lines.span(node), origins(*values))

    def _note(self, name: str, told: Told, node: ast.stmt | ast.expr, owner: object = None) -> Made:
        when = len(self.calls)
        made = Made(name, told.arguments, told.keywords, told.places, self.lines.span(node), owner, when)
        self.calls.append(made)
        if isinstance(owner, Made):
            owner.calls.append(made)
        return made

    def _bind(self, target: ast.expr, value: object) -> None:
        match target:
            case ast.Name():
                self._name(target.id, value)
            case ast.Tuple() | ast.List():
                self._unpack(target.elts, value)
            case ast.Attribute():
                self._set(self.value(target.value), target.attr, value)
            case ast.Subscript():
                owner, key = self.value(target.value), self.value(target.slice)
                if isinstance(owner, dict) and isinstance(key, str | int) and len(owner) < LONGEST:
                    owner[key] = value
            case ast.Starred():
                self._bind(target.value, value)
            case _:
                return

    def _set(self, owner: object, name: str, value: object) -> None:
        self.sets.append(Set(name, value, len(self.calls)))
        if isinstance(owner, Made):
            owner.sets.append(self.sets[-1])
        elif isinstance(owner, Instance | Class):
            owner.values[name] = value

    def _unpack(self, targets: Sequence[ast.expr], value: object) -> None:
        """Items to names; a starred one takes what the others leave."""
        items = value if isinstance(value, list | tuple | str) else _one_by_one(value, len(targets))
        star = next((index for index, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
        if items is not None and star is not None and len(items) >= len(targets) - 1:
            end = len(items) - (len(targets) - star - 1)
            rest = self._weighed(list(items[star:end]))
            items = [*items[:star], rest, *items[end:]]
        fits = items is not None and len(items) == len(targets)
        for index, target in enumerate(targets):
            known = items[index] if items is not None and fits else None
            self._bind(target, known if fits else Computed(self.lines.span(target), origins(value)))

    def _name(self, name: str, value: object) -> None:
        frame = self.frames[-1]
        frame.outer.get(name, frame.values)[name] = value

    def _leaves(self, body: Callable[[], object]) -> bool:
        """A turn of a loop; does it end the loop?"""
        try:
            body()
        except Left as left:
            return left.ends
        return False

    def _loop(self, target: ast.expr, items: object, body: Callable[[], object], node: ast.stmt | ast.expr) -> None:
        """The body for each item that is known, or once for one that is not."""
        listed = list(items) if isinstance(items, list | tuple | dict | str) else [self._unknown(node, items)]
        for item in listed:
            self._spend()
            self._bind(target, item)
            if self._leaves(body):
                return

    def _spend(self, steps: int = 1) -> None:
        self.budget -= steps
        if self.budget < 0:
            raise Spent

    def _weighed(self, value: object) -> object:
        """A value that was just built, paid for by its length."""
        self._spend(len(value) // ITEMS_A_STEP if isinstance(value, list | str | dict) else 0)
        return value


def _one_by_one(value: object, count: int) -> list[object] | None:
    """What comes of each item of the only argument of a call that is taken apart into as many."""
    if not isinstance(value, Made) or value.keywords or len(value.arguments) != 1:
        return None
    told = value.arguments[0]
    if not isinstance(told, list) or len(told) != count or not all(origins(item) for item in told):
        return None
    return [Computed(value.span, origins(item)) for item in told]
