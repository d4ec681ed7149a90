"""Follows a script statement by statement and notes the calls of library things, without running any of them.

Constants, containers, arithmetic, loops over what is known and the script's own functions are followed; everything else
is a value that only a run would tell. A budget of steps keeps the work bounded, whatever the script says.
"""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from paramc.diagnostics.model import Span
from paramc.dialects.script.known import BUILTINS, LONGEST, METHODS
from paramc.dialects.script.lines import Lines
from paramc.dialects.script.pieces import lists_pieces
from paramc.dialects.script.values import CALLED, INDEXED, Computed, Made, Named, Part, Piece, is_known, origins

BUDGET: Final = 20_000  # steps of a whole script
ITEMS_A_STEP: Final = 20  # of a value that is built
LARGEST: Final = 10**18  # of integers that arithmetic may give
DEEPEST_CALL: Final = 20
MAIN: Final = "__main__"

_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}
_COMPARED: Final[Mapping[type[ast.cmpop], Callable[[object, object], bool]]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Is: lambda a, b: a is b,
    ast.IsNot: lambda a, b: a is not b,
}


class _Returned(Exception):  # noqa: N818  # a way out of a body, no error
    """A function of the script is done."""

    def __init__(self, value: object) -> None:
        self.value = value


class _Spent(Exception):  # noqa: N818  # as above
    """The budget is used up."""


@dataclass(slots=True, eq=False)
class _Function:
    """A function of the script."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(slots=True)
class Machine:
    """One look at a script. `calls` are the library calls in the order in which a run would make them.

    `fluent` methods give back what they were called on.
    """

    lines: Lines
    fluent: frozenset[str] = frozenset()
    calls: list[Made] = field(default_factory=list)
    names: list[dict[str, object]] = field(default_factory=lambda: [{"__name__": MAIN}])
    budget: int = BUDGET
    is_spent: bool = False

    def follow(self, tree: ast.Module) -> None:
        """Look at all statements of a module, or at as many as the budget allows."""
        try:
            self._body(tree.body)
        except _Spent:
            self.is_spent = True
        except _Returned:
            return

    # ── statements ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _body(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        self._spend()
        match node:
            case ast.Expr():
                self.value(node.value)
            case ast.Assign():
                value = self.value(node.value)
                for target in node.targets:
                    self._bind(target, value)
            case ast.AnnAssign() if node.value is not None:
                self._bind(node.target, self.value(node.value))
            case ast.AugAssign():
                self._bind(node.target, self._operated(node.op, self.value(node.target), self.value(node.value), node))
            case ast.Import():
                for alias in node.names:
                    self._name(alias.asname or alias.name.partition(".")[0], _module(alias))
            case ast.ImportFrom():
                for alias in node.names:
                    self._name(alias.asname or alias.name, Named(f"{node.module or ''}.{alias.name}"))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._name(node.name, _Function(node))
            case ast.Return():
                raise _Returned(self.value(node.value) if node.value else None)
            case _:
                self._compound(node)

    def _compound(self, node: ast.stmt) -> None:
        match node:
            case ast.For() | ast.AsyncFor():
                self._loop(node.target, self.value(node.iter), lambda: self._body(node.body), node)
                self._body(node.orelse)
            case ast.While():
                self._body(node.body)
            case ast.If():
                test = self.value(node.test)
                self._body(node.orelse if is_known(test) and not test else node.body)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    value = self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, value)
                self._body(node.body)
            case ast.Try():
                self._body(node.body)
                self._body(node.orelse)
                self._body(node.finalbody)
            case _:
                return

    def _loop(self, target: ast.expr, items: object, body: Callable[[], object], node: ast.stmt | ast.expr) -> None:
        """The body for each item that is known, or once for one that is not."""
        if isinstance(items, list | tuple | dict | str):
            for item in items:
                self._spend()
                self._bind(target, item)
                body()
            return
        self._bind(target, Computed(self.lines.span(node), origins(items)))
        body()

    def _bind(self, target: ast.expr, value: object) -> None:
        match target:
            case ast.Name():
                self._name(target.id, value)
            case ast.Tuple() | ast.List():
                self._unpack(target.elts, value)
            case ast.Attribute():
                owner = self.value(target.value)
                if isinstance(owner, Made):
                    owner.attributes[target.attr] = value
            case ast.Subscript():
                owner, key = self.value(target.value), self.value(target.slice)
                if isinstance(owner, dict) and isinstance(key, str | int) and len(owner) < LONGEST:
                    owner[key] = value
            case _:
                return

    def _unpack(self, targets: Sequence[ast.expr], value: object) -> None:
        fits = isinstance(value, list | tuple) and len(value) == len(targets)
        for index, target in enumerate(targets):
            item = value[index] if fits and isinstance(value, list | tuple) else None
            self._bind(target, item if fits else Computed(self.lines.span(target), origins(value)))

    def _name(self, name: str, value: object) -> None:
        self.names[-1][name] = value

    def _spend(self, steps: int = 1) -> None:
        self.budget -= steps
        if self.budget < 0:
            raise _Spent

    def _weighed(self, value: object) -> object:
        """A value that was just built, paid for by its length."""
        self._spend(len(value) // ITEMS_A_STEP if isinstance(value, list | str | dict) else 0)
        return value

    # ── expressions ───────────────────────────────────────────────────────────────────────────────────────────────────

    def value(self, node: ast.expr) -> object:
        """What an expression is worth."""
        self._spend()
        match node:
            case ast.Constant():
                return node.value if is_known(node.value) else self._unknown(node)
            case ast.Name():
                return self._looked_up(node.id)
            case ast.Attribute():
                return self._attribute(self.value(node.value), node.attr)
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
            case ast.Compare() if len(node.ops) == 1:
                return self._compared(node)
            case ast.IfExp():
                test = self.value(node.test)
                if is_known(test):
                    return self.value(node.body if test else node.orelse)
                return Computed(self.lines.span(node), origins(self.value(node.body), self.value(node.orelse)))
            case ast.ListComp() | ast.GeneratorExp() if len(node.generators) == 1 and not node.generators[0].ifs:
                return self._comprehended(node)
            case ast.NamedExpr():
                value = self.value(node.value)
                self._bind(node.target, value)
                return value
            case ast.Lambda():
                return _Function(node)
            case ast.Slice():
                return Piece(node.lower and self.value(node.lower), node.upper and self.value(node.upper))
            case ast.Await() | ast.Starred():
                return self.value(node.value)
            case _:
                return self._unknown(node)

    def _unknown(self, node: ast.stmt | ast.expr, *values: object) -> Computed:
        return Computed(self.lines.span(node), origins(*values))

    def _looked_up(self, name: str) -> object:
        for scope in (self.names[-1], self.names[0]):
            if name in scope:
                return scope[name]
        return Named(name)

    def _attribute(self, owner: object, name: str) -> object:
        match owner:
            case Named():
                return Named(f"{owner.name}.{name}")
            case Made() if name in owner.attributes:
                return owner.attributes[name]
            case _:
                return Part(owner, name)

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
                name = self.value(key)
                found[name if isinstance(name, str | int | float | None) else str(id(key))] = value
        return found

    def _joined(self, node: ast.JoinedStr) -> object:
        pieces: list[str] = []
        left = LONGEST
        for item in node.values:
            value = self.value(item.value if isinstance(item, ast.FormattedValue) else item)
            if not is_known(value) or (isinstance(item, ast.FormattedValue) and item.format_spec is not None):
                return self._unknown(node, value)
            pieces.append(str(value)[: max(left, 0)])
            left -= len(pieces[-1])
        return self._weighed("".join(pieces))

    def _subscript(self, node: ast.Subscript) -> object:
        owner, key = self.value(node.value), self.value(node.slice)
        match owner, key:
            case ((list() | tuple() | str()), int()) if -len(owner) <= key < len(owner):
                return owner[key]
            case dict(), (str() | int()) if key in owner:
                return owner[key]
            case _:
                return self._note(INDEXED, [key], {}, {}, node, owner)

    def _operated(self, operator: ast.operator, left: object, right: object, node: ast.stmt | ast.expr) -> object:
        match left, right:
            case ((int() | float()), (int() | float())) if type(operator) in _ARITHMETIC:
                return self._calculated(operator, left, right, node)
            case str(), str() if isinstance(operator, ast.Add):
                return self._weighed((left + right)[:LONGEST])
            case ((str() | list()), int()) if isinstance(operator, ast.Mult) and len(left) * right <= LONGEST:
                return self._weighed(left * right)
            case list(), list() if isinstance(operator, ast.Add) and len(left) + len(right) <= LONGEST:
                return self._weighed(left + right)
            case _:
                return self._unknown(node, left, right)

    def _calculated(self, operator: ast.operator, left: float, right: float, node: ast.stmt | ast.expr) -> object:
        if max(abs(left), abs(right)) > LARGEST or (
            right == 0 and isinstance(operator, ast.Div | ast.FloorDiv | ast.Mod)
        ):
            return self._unknown(node)
        return _ARITHMETIC[type(operator)](left, right)

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
        left, right, test = self.value(node.left), self.value(node.comparators[0]), _COMPARED.get(type(node.ops[0]))
        if test is None or not (is_known(left) and is_known(right)):
            return self._unknown(node, left, right)
        return test(left, right)

    def _comprehended(self, node: ast.ListComp | ast.GeneratorExp) -> object:
        loop = node.generators[0]
        items, found = self.value(loop.iter), []
        self._loop(loop.target, items, lambda: found.append(self.value(node.elt)), node)
        return found if isinstance(items, list | tuple | dict | str) else self._unknown(node, *found)

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, node: ast.Call) -> object:
        function = self.value(node.func)
        arguments = self._items(node.args)
        keywords: dict[str, object] = {}
        places: dict[str, Span] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
                places[keyword.arg] = self.lines.span(keyword.value)
            elif isinstance(value, dict):
                keywords |= {str(key): item for key, item in value.items()}
            else:
                keywords["**"] = value
        match function:
            case _Function():
                return self._inlined(function, arguments, keywords, places, node)
            case Named() if function.name in BUILTINS and not keywords:
                return self._built_in(function.name, arguments, node)
            case Named():
                return self._note(function.name, arguments, keywords, places, node)
            case Part():
                return self._method(function, arguments, keywords, places, node)
            case _:
                return self._note(CALLED, arguments, keywords, places, node, function)

    def _method(
        self,
        function: Part,
        arguments: list[object],
        keywords: dict[str, object],
        places: dict[str, Span],
        node: ast.Call,
    ) -> object:
        owner = function.of
        known = METHODS.get((type(owner), function.name))
        if known is not None and not keywords and all(is_known(item) for item in arguments):
            return self._tried(known, [owner, *arguments], node)
        if isinstance(owner, list) and function.name == "append" and len(arguments) == 1 and len(owner) < LONGEST:
            owner.append(arguments[0])
            return None
        made = self._note(function.name, arguments, keywords, places, node, owner)
        return owner if function.name in self.fluent and isinstance(owner, Made) else made

    def _note(
        self,
        name: str,
        arguments: list[object],
        keywords: dict[str, object],
        places: dict[str, Span],
        node: ast.stmt | ast.expr,
        owner: object = None,
    ) -> Made:
        made = Made(name, arguments, keywords, places, self.lines.span(node), owner)
        self.calls.append(made)
        if isinstance(owner, Made):
            owner.calls.append(made)
        return made

    def _inlined(
        self,
        function: _Function,
        arguments: list[object],
        keywords: dict[str, object],
        places: dict[str, Span],
        node: ast.Call,
    ) -> object:
        """The value that a function of the script returns; noted as a call where only a run would tell it."""
        if len(self.names) > DEEPEST_CALL:
            return self._unknown(node, *arguments)
        self.names.append(self._scope(function.node.args, arguments, keywords))
        try:
            if isinstance(function.node, ast.Lambda):
                return self.value(function.node.body)
            self._body(function.node.body)
            result: object = None
        except _Returned as returned:
            result = returned.value
        finally:
            self.names.pop()
        if is_known(result) or (isinstance(result, Made) and not any(map(lists_pieces, arguments))):
            return result
        name = "" if isinstance(function.node, ast.Lambda) else function.node.name
        made = self._note(name, arguments, keywords, places, node)
        return Computed(made.span, origins(made, result))

    def _scope(
        self, parameters: ast.arguments, arguments: list[object], keywords: dict[str, object]
    ) -> dict[str, object]:
        positional = [*parameters.posonlyargs, *parameters.args]
        defaults = zip(reversed(positional), reversed(parameters.defaults), strict=False)
        scope: dict[str, object] = {item.arg: self.value(default) for item, default in defaults}
        for item, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True):
            if default is not None:
                scope[item.arg] = self.value(default)
        scope |= {item.arg: value for item, value in zip(positional, arguments, strict=False)}
        return scope | keywords

    def _built_in(self, name: str, arguments: list[object], node: ast.Call) -> object:
        function = BUILTINS[name]
        if not function.takes_anything and not all(is_known(item) for item in arguments):
            return self._unknown(node, *arguments)
        return self._tried(function.give, arguments, node)

    def _tried(self, function: Callable[..., object], arguments: list[object], node: ast.Call) -> object:
        """What a function gives that has no effects; unknown where a run would end in an error."""
        try:
            return self._weighed(function(*arguments))
        except (TypeError, ValueError, ArithmeticError):
            return self._unknown(node, *arguments)


def _module(alias: ast.alias) -> Named:
    return Named(alias.name if alias.asname else alias.name.partition(".")[0])
