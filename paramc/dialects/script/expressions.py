"""What the expressions of a script are worth, and the calls of library things in them; nothing is run."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from paramc.dialects.script.frames import Frame, Told, fields_of, scope_of
from paramc.dialects.script.known import BUILTINS, LONGEST, METHODS, MUTATORS
from paramc.dialects.script.lines import Lines
from paramc.dialects.script.operators import Unknowable, compared, filled, formatted, operated
from paramc.dialects.script.options import PARSES, is_parser, values_of
from paramc.dialects.script.pieces import lists_pieces
from paramc.dialects.script.values import (
    CALLED,
    INDEXED,
    Bound,
    Class,
    Computed,
    Function,
    Instance,
    Made,
    Named,
    Part,
    Piece,
    Set,
    is_known,
    origins,
)

BUDGET: Final = 20_000  # steps of a whole script
ITEMS_A_STEP: Final = 20  # of a value that is built
DEEPEST_CALL: Final = 20
MAIN: Final = "__main__"
INIT: Final = "__init__"
CALLERS: Final = ("asyncio.to_thread", "asyncio.run", "typer.run", "fire.Fire")  # call what they are told first
NOTHING_TOLD: Final = Told([], {}, {})


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
class Expressions(ABC):
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
    budget: int = BUDGET

    @abstractmethod
    def _body(self, body: Iterable[ast.stmt]) -> None:
        """Follow some statements."""

    # ── expressions ───────────────────────────────────────────────────────────────────────────────────────────────────

    def value(self, node: ast.expr) -> object:
        """What an expression is worth."""
        self._spend()
        match node:
            case ast.Constant():
                return node.value if is_known(node.value) or node.value is ... else self._unknown(node)
            case ast.Name():
                return self._looked_up(node.id)
            case ast.Attribute():
                return self._attribute(self.value(node.value), node.attr, node)
            case ast.Call():
                return self._call(node)
            case ast.List() | ast.Tuple() | ast.Set():
                return self._items(node.elts)
            case ast.Dict():
                return self._dict(node)
            case ast.JoinedStr():
                return self._joined(node)
            case ast.Subscript():
                return self._subscript(node)
            case _:
                return self._operation(node)

    def _operation(self, node: ast.expr) -> object:
        match node:
            case ast.BinOp():
                return self._operated(node.op, self.value(node.left), self.value(node.right), node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BoolOp():
                return self._either(node)
            case ast.Compare():
                return self._compared(node)
            case ast.IfExp():
                test = self.value(node.test)
                if is_known(test):
                    return self.value(node.body if test else node.orelse)
                return self._unknown(node, self.value(node.body), self.value(node.orelse))
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                return self._comprehended(node)
            case ast.NamedExpr():
                value = self.value(node.value)
                self._bind(node.target, value)
                return value
            case ast.Lambda():
                return Function(node, self.frames[-1].scopes())
            case ast.Slice():
                return Piece(*(None if end is None else self.value(end) for end in (node.lower, node.upper)))
            case ast.Await() | ast.Starred():
                return self.value(node.value)
            case _:
                return self._unknown(node)

    def _unknown(self, node: ast.stmt | ast.expr, *values: object) -> Computed:
        return Computed(self.lines.span(node), origins(*values))

    def _looked_up(self, name: str) -> object:
        for scope in (*self.frames[-1].scopes(), self.frames[0].values):
            if name in scope:
                return scope[name]
        return Named(name)

    def _attribute(self, owner: object, name: str, node: ast.expr) -> object:
        match owner:
            case Named():
                return Named(f"{owner.name}.{name}")
            case Made() if name in (found := owner.attributes()):
                return found[name]
            case Instance() if name in owner.values:
                return owner.values[name]
            case Instance() if owner.of is not None and (told := owner.of.found(name)) is not None:
                return self._of_class(told, owner, node)
            case Class() if (told := owner.found(name)) is not None:
                return told
            case _:
                return Part(owner, name)

    def _of_class(self, value: object, instance: Instance, node: ast.expr) -> object:
        """What a name of its class is to an instance."""
        if not isinstance(value, Function) or value.is_static:
            return value
        return self._inlined(value, Told([instance], {}, {}), node) if value.is_property else Bound(value, instance)

    def _items(self, nodes: Sequence[ast.expr]) -> list[object]:
        found: list[object] = []
        for node in nodes:
            value = self.value(node)
            found += value if isinstance(node, ast.Starred) and isinstance(value, list | tuple) else [value]
        self._weighed(found)
        return found

    def _dict(self, node: ast.Dict) -> dict[object, object]:
        found: dict[object, object] = {}
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.value(item)
            if key is None:
                found |= value if isinstance(value, dict) else {}
            else:
                found[_key(self.value(key))] = value
        return found

    def _joined(self, node: ast.JoinedStr) -> object:
        pieces: list[str] = []
        left = LONGEST
        for item in node.values:
            value = self.value(item.value if isinstance(item, ast.FormattedValue) else item)
            spec = self.value(item.format_spec) if isinstance(item, ast.FormattedValue) and item.format_spec else ""
            try:
                pieces.append(formatted(value, spec if isinstance(spec, str) else "?")[: max(left, 0)])
            except Unknowable:
                return self._unknown(node, value)
            left -= len(pieces[-1])
        return self._weighed("".join(pieces))

    def _subscript(self, node: ast.Subscript) -> object:
        owner, key = self.value(node.value), self.value(node.slice)
        match owner, key:
            case ((list() | tuple() | str()), int()) if -len(owner) <= key < len(owner):
                return owner[key]
            case ((list() | str()), Piece(lower=(int() | None) as lower, upper=(int() | None) as upper)) if (
                not isinstance(node.slice, ast.Slice) or node.slice.step is None
            ):
                return self._weighed(owner[lower:upper])
            case dict(), (str() | int()) if key in owner:
                return owner[key]
            case _:
                return self._note(INDEXED, Told([key], {}, {}), node, owner)

    def _operated(self, operator: ast.operator, left: object, right: object, node: ast.stmt | ast.expr) -> object:
        try:
            return self._weighed(operated(operator, left, right))
        except Unknowable:
            return self._unknown(node, left, right)

    def _unary(self, node: ast.UnaryOp) -> object:
        value = self.value(node.operand)
        match node.op:
            case ast.USub() if isinstance(value, int | float):
                return -value
            case ast.Not() if is_known(value):
                return not value
            case _:
                return self._unknown(node, value)

    def _either(self, node: ast.BoolOp) -> object:
        """`a or b` and `a and b`: the first item that decides."""
        found: object = None
        for item in node.values:
            found = self.value(item)
            if not is_known(found) or bool(found) == isinstance(node.op, ast.Or):
                return found
        return found

    def _compared(self, node: ast.Compare) -> object:
        values = [self.value(node.left), *map(self.value, node.comparators)]
        try:
            return all(compared(*item) for item in zip(node.ops, values, values[1:], strict=False))
        except Unknowable:
            return self._unknown(node, *values)

    def _comprehended(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp) -> object:
        found: list[object] = []
        keys: list[object] = []

        def take() -> None:
            if isinstance(node, ast.DictComp):
                keys.append(_key(self.value(node.key)))
            found.append(self.value(node.value if isinstance(node, ast.DictComp) else node.elt))

        if not self._turn(node.generators, take):
            return self._unknown(node, *found)
        return dict(zip(keys, found, strict=True)) if isinstance(node, ast.DictComp) else found

    def _turn(self, loops: Sequence[ast.comprehension], take: Callable[[], None]) -> bool:
        """All turns of some loops inside one another; is it known how many there are?"""
        if not loops:
            take()
            return True
        items = self.value(loops[0].iter)
        known = [isinstance(items, list | tuple | dict | str)]

        def inner() -> None:
            tests = [self.value(test) for test in loops[0].ifs]
            known.extend(is_known(test) for test in tests)
            if all(not is_known(test) or test for test in tests):
                known.append(self._turn(loops[1:], take))

        self._loop(loops[0].target, items, inner, loops[0].iter)
        return all(known)

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, node: ast.Call) -> object:
        return self._called(self.value(node.func), self._told(node), node)

    def _called(self, function: object, told: Told, node: ast.Call) -> object:
        """What a thing gives that is called."""
        match function:
            case Function():
                return self._inlined(function, told, node)
            case Bound():
                return self._inlined(function.function, told._replace(arguments=[function.to, *told.arguments]), node)
            case Class():
                return self._made_of(function, told, node)
            case Instance() if function.of and isinstance(called := function.of.found(CALLED), Function):
                return self._inlined(called, told._replace(arguments=[function, *told.arguments]), node)
            case Named(name=name) if name in CALLERS and told.arguments:
                first, *rest = told.arguments
                return self._called(first, told._replace(arguments=rest), node)
            case Named():
                return self._of_module(function.name, told, node)
            case Part():
                return self._method(function, told, node)
            case _:
                return self._note(CALLED, told, node, function)

    def _told(self, node: ast.Call) -> Told:
        arguments = self._items(node.args)
        told = Told(arguments, {}, {str(index): self.lines.span(item) for index, item in enumerate(node.args)})
        for keyword in node.keywords:
            value, place = self.value(keyword.value), self.lines.span(keyword.value)
            spread = {keyword.arg: value} if keyword.arg is not None else value
            named = {str(key): item for key, item in spread.items()} if isinstance(spread, dict) else {"**": value}
            told.keywords.update(named)
            told.places.update(dict.fromkeys(named, place))
        return told

    def _of_module(self, name: str, told: Told, node: ast.Call) -> object:
        if name in self.assumed:
            return self.assumed[name]
        if name == "dict" and not told.arguments:
            return {**told.keywords}
        if name == "vars" and len(told.arguments) == 1 and isinstance(told.arguments[0], Instance):
            return {**told.arguments[0].values}
        if name in BUILTINS and (not told.keywords or BUILTINS[name].ignores_keywords):
            return self._built_in(name, told.arguments, node)
        return self._note(name, told, node)

    def _method(self, function: Part, told: Told, node: ast.Call) -> object:
        owner, name = function.of, function.name
        known = METHODS.get((type(owner), name))
        if known is not None and not told.keywords and all(map(is_known, told.arguments)):
            return self._tried(known, [owner, *told.arguments], node)
        changes = MUTATORS.get((type(owner), name))
        if changes is not None:
            return self._tried(changes, [owner, *(told.arguments or [told.keywords])], node)
        if isinstance(owner, str) and name == "format":
            try:
                return self._weighed(filled(owner, told.arguments, told.keywords))
            except Unknowable:
                return self._unknown(node, *told.arguments, *told.keywords.values())
        if isinstance(owner, Made) and is_parser(owner) and name in PARSES:
            options = Instance(values_of(owner))
            return [options, []] if PARSES[name] else options
        made = self._note(name, told, node, owner)
        return owner if name in self.fluent and isinstance(owner, Made) else made

    def _note(self, name: str, told: Told, node: ast.stmt | ast.expr, owner: object = None) -> Made:
        when = len(self.calls)
        made = Made(name, told.arguments, told.keywords, told.places, self.lines.span(node), owner, when)
        self.calls.append(made)
        if isinstance(owner, Made):
            owner.calls.append(made)
        return made

    def _inlined(self, function: Function, told: Told, node: ast.stmt | ast.expr) -> object:
        """The value that a function of the script returns; noted as a call where only a run would tell it."""
        self.followed.add(function.node)
        if len(self.frames) > DEEPEST_CALL:
            return self._unknown(node, *told.arguments)
        self.frames.append(Frame(scope_of(function, told, self.value, self.lines.span(node)), function.around))
        try:
            result = self._result(function.node)
        finally:
            self.frames.pop()
        if is_known(result) or (isinstance(result, Made | Instance) and not any(map(lists_pieces, told.arguments))):
            return result
        if isinstance(result, Function | Class | Bound | dict):
            return result
        name = "" if isinstance(function.node, ast.Lambda) else function.node.name
        made = self._note(name, told, node)
        return Computed(made.span, origins(made, result))

    def _result(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> object:
        if isinstance(node, ast.Lambda):
            return self.value(node.body)
        try:
            self._body(node.body)
        except Returned as returned:
            return returned.value
        except Left:  # no loop around it: no Python
            return None
        return None

    def _made_of(self, of: Class, told: Told, node: ast.stmt | ast.expr) -> Instance:
        """An instance, as its `__init__` or its fields leave it."""
        instance = Instance({}, of)
        init = of.found(INIT)
        if isinstance(init, Function):
            self._inlined(init, told._replace(arguments=[instance, *told.arguments]), node)
        else:
            instance.values |= fields_of(of, told)
        return instance

    def _built_in(self, name: str, arguments: list[object], node: ast.Call) -> object:
        function = BUILTINS[name]
        if not function.takes_anything and not all(is_known(item) for item in arguments):
            return self._unknown(node, *arguments)
        return self._tried(function.give, arguments, node)

    def _tried(self, function: Callable[..., object], arguments: list[object], node: ast.Call) -> object:
        """What a function gives that has no effects; unknown where a run would end in an error."""
        try:
            return self._weighed(function(*arguments))
        except (TypeError, ValueError, LookupError, ArithmeticError):
            return self._unknown(node, *arguments)

    # ── names, loops, what it costs ───────────────────────────────────────────────────────────────────────────────────

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
        items = list(value) if isinstance(value, list | tuple | str) else _one_by_one(value, len(targets))
        star = next((index for index, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
        if items is not None and star is not None and len(items) >= len(targets) - 1:
            end = len(items) - (len(targets) - star - 1)
            items = [*items[:star], items[star:end], *items[end:]]
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


def _key(value: object) -> object:
    """The key of a table that a value is; one that only a run tells is like no other."""
    return value if value is None or isinstance(value, str | int | float) else str(id(value))
