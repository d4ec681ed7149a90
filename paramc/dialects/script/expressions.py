"""What the expressions of a script are worth, and the calls of library things in them; nothing is run."""

import ast
from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paramc.dialects.script.calls import Calls
from paramc.dialects.script.frames import Told, setters_of
from paramc.dialects.script.known import LONGEST
from paramc.dialects.script.operators import Unknowable, compared, formatted, operated
from paramc.dialects.script.values import (
    INDEXED,
    Bound,
    Class,
    Function,
    Instance,
    Made,
    Named,
    Part,
    Piece,
    is_known,
)


@dataclass(slots=True)
class Expressions(Calls, ABC):
    """A look at a script that knows what expressions are worth."""

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
            case Instance() if owner.of is not None and self._is_set(owner, owner.of, name):
                return owner.values[name]
            case Class() if (told := owner.found(name)) is not None:
                return told
            case str() | int() | float() | list() if name == "value":  # a member of an enumeration is worth itself
                return owner
            case _:
                return Part(owner, name)

    def _is_set(self, owner: Instance, of: Class, name: str) -> bool:
        """Follow the method that gives a thing this attribute, which nobody has called so far; does it have it now?"""
        if of.node not in self.setters:
            self.setters[of.node] = setters_of(of)
        method = self.setters[of.node].get(name)
        if method is not None and method.node not in self.followed:
            self._inlined(method, Told([owner], {}, {}), method.node)
        return name in owner.values

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


def _key(value: object) -> object:
    """The key of a table that a value is; one that only a run tells is like no other."""
    return value if value is None or isinstance(value, str | int | float) else str(id(value))
