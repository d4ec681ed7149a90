"""What the calls of a script give: its own functions and classes are followed, Python's own that are safe are run."""

import ast
from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from paramc.dialects.script.frames import Frame, Told, fields_of, scope_of
from paramc.dialects.script.known import BUILTINS, METHODS, MUTATORS
from paramc.dialects.script.operators import Unknowable, filled
from paramc.dialects.script.options import PARSES, is_parser, values_of
from paramc.dialects.script.pieces import lists_pieces
from paramc.dialects.script.values import (
    CALLED,
    Bound,
    Class,
    Computed,
    Function,
    Instance,
    Made,
    Named,
    Part,
    Partial,
    is_known,
    origins,
)
from paramc.dialects.script.walk import Left, Returned, Walk

DEEPEST_CALL: Final = 20
INIT: Final = "__init__"
CALLERS: Final = ("asyncio.to_thread", "asyncio.run", "typer.run", "fire.Fire")  # call what they are told first
RELAYS: Final = ("remote", "local", "spawn", "delay")  # call a function elsewhere
HANDED: Final = {"submit": 0, "run_in_executor": 1}  # methods that call what they are told at that place
PARTIALS: Final = ("functools.partial", "partial")
NAMESPACES: Final = ("types.SimpleNamespace", "SimpleNamespace", "argparse.Namespace", "Namespace")
NOTHING_TOLD: Final = Told([], {}, {})


@dataclass(slots=True)
class Calls(Walk, ABC):
    """A look at a script that knows what calls give."""

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
            case Partial():
                whole = Told([*function.arguments, *told.arguments], function.keywords | told.keywords, told.places)
                return self._called(function.function, whole, node)
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
        if name == "getattr" and len(told.arguments) > 1 and isinstance(attribute := told.arguments[1], str):
            return self._attribute(told.arguments[0], attribute, node)
        if name in PARTIALS and told.arguments:
            return Partial(told.arguments[0], told.arguments[1:], told.keywords)
        if name in NAMESPACES and not told.arguments:
            return Instance({**told.keywords})
        if name == "vars" and len(told.arguments) == 1 and isinstance(told.arguments[0], Instance):
            return {**told.arguments[0].values}
        if name in BUILTINS and (not told.keywords or BUILTINS[name].ignores_keywords):
            return self._built_in(name, told.arguments, node)
        return self._note(name, told, node)

    def _method(self, function: Part, told: Told, node: ast.Call) -> object:
        owner, name = function.of, function.name
        if name in RELAYS and isinstance(owner, Function | Bound | Class):
            return self._called(owner, told, node)
        if name in HANDED and len(told.arguments) > HANDED[name]:
            return self._called(told.arguments[HANDED[name]], _behind(told, HANDED[name]), node)
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

    def _inlined(self, function: Function, told: Told, node: ast.stmt | ast.expr) -> object:
        """The value that a function of the script returns; noted as a call where only a run would tell it."""
        self.followed.add(function.node)
        if len(self.frames) > DEEPEST_CALL:
            return self._unknown(node, *told.arguments)
        scope = scope_of(function, told, self.value, self.lines.span(node))
        self.frames.append(Frame(scope | self._annotated(function, scope, node), function.around))
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

    def _annotated(self, function: Function, scope: dict[str, object], node: ast.stmt | ast.expr) -> dict[str, object]:
        """Parameters that nobody says, where they are things of a class of the script: with its fields' defaults."""
        classes = {
            item.arg: self.value(item.annotation)
            for item in function.node.args.args
            if item.annotation is not None and isinstance(scope.get(item.arg), Computed)
        }
        return {
            name: self._made_of(of, NOTHING_TOLD, node)
            for name, of in classes.items()
            if isinstance(of, Class) and of.all_fields()
        }

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
            instance.values |= fields_of(of, told, lambda made: self._inlined(made, NOTHING_TOLD, node))
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


def _behind(told: Told, place: int) -> Told:
    """The arguments behind one of them."""
    return told._replace(arguments=told.arguments[place + 1 :])
