"""Follows a script statement by statement and notes the calls of library things, without running any of them.

Constants, containers, arithmetic, loops over what is known and the script's own functions and classes are followed;
everything else is a value that only a run would tell.
"""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from paramc.dialects.script.calls import NOTHING_TOLD
from paramc.dialects.script.expressions import Expressions
from paramc.dialects.script.frames import Frame, Told, class_of, function_of, required
from paramc.dialects.script.known import LONGEST
from paramc.dialects.script.options import handler_of
from paramc.dialects.script.values import (
    Class,
    Function,
    Instance,
    Named,
    is_known,
)
from paramc.dialects.script.walk import Left, Returned, Spent


@dataclass(slots=True)
class Machine(Expressions):
    """One look at a script; `is_spent` when it was longer than the budget."""

    is_spent: bool = False

    def follow(self, tree: ast.Module) -> None:
        """Look at all statements of a module, or at as many as the budget allows."""
        self._within(lambda: self._body(tree.body))

    def follow_functions(self) -> None:
        """Look at the functions and classes that the module does not use, told nothing but their defaults."""
        self._follow_handlers()
        things = list(self.frames[0].values.values())
        for value in sorted(things, key=_needs):
            if isinstance(value, Function) and value.node not in self.followed:
                self._within(partial(self._inlined, value, NOTHING_TOLD, value.node))
            elif isinstance(value, Class) and not any(isinstance(it, Instance) and it.of is value for it in things):
                self._within(partial(self._follow_class, value))
            elif isinstance(value, Instance) and value.of is not None:
                self._within(partial(self._follow_methods, value, value.of))

    def _follow_handlers(self) -> None:
        """Look at functions that a page calls with what its fields hold."""
        for call in list(self.calls):
            handler, fields = handler_of(call)
            if isinstance(handler, Function) and handler.node not in self.followed:
                self._within(partial(self._inlined, handler, NOTHING_TOLD._replace(arguments=fields), handler.node))

    def _follow_class(self, of: Class) -> None:
        self._follow_methods(self._made_of(of, NOTHING_TOLD, of.node), of)

    def _follow_methods(self, instance: Instance, of: Class) -> None:
        for method in of.values.values():
            if isinstance(method, Function) and method.node not in self.followed:
                self._inlined(method, Told([instance], {}, {}), method.node)

    def _within(self, follow: Callable[[], object]) -> None:
        """Within what is left of the budget."""
        try:
            follow()
        except Spent:
            self.is_spent = True
        except (Returned, Left):
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
            case ast.Return():
                raise Returned(self.value(node.value) if node.value else None)
            case ast.Break() | ast.Continue():
                raise Left(ends=isinstance(node, ast.Break))
            case _:
                self._named(node)

    def _named(self, node: ast.stmt) -> None:
        """Statements that give names a meaning."""
        match node:
            case ast.Import():
                for alias in node.names:
                    self._name(alias.asname or alias.name.partition(".")[0], _module(alias))
            case ast.ImportFrom():
                for alias in node.names:
                    self._name(alias.asname or alias.name, Named(f"{node.module or ''}.{alias.name}"))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                decorators = [self.value(item) for item in node.decorator_list]
                around = self.frames[-1].scopes() if len(self.frames) > 1 else ()
                self._name(node.name, function_of(node, decorators, around))
            case ast.ClassDef():
                self._class(node)
            case ast.Global():
                self.frames[-1].outer |= dict.fromkeys(node.names, self.frames[0].values)
            case ast.Nonlocal():
                self.frames[-1].outer |= dict.fromkeys(node.names, next(iter(self.frames[-1].around), {}))
            case _:
                self._compound(node)

    def _compound(self, node: ast.stmt) -> None:
        match node:
            case ast.For() | ast.AsyncFor():
                self._loop(node.target, self.value(node.iter), lambda: self._body(node.body), node)
                self._body(node.orelse)
            case ast.While():
                self._while(node)
            case ast.If():
                self._if(node)
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
            case ast.Match():
                self._match(node)
            case _:
                return

    def _if(self, node: ast.If) -> None:
        """The branch that a run takes; where nobody knows it the first, and then what follows."""
        test = self.value(node.test)
        if is_known(test):
            self._body(node.body if test else node.orelse)
            return
        try:
            self._body(node.body)
        except (Returned, Left):
            self._body(node.orelse)

    def _while(self, node: ast.While) -> None:
        """A loop while its test is known to hold; one that has no known end once."""
        turns = LONGEST if not isinstance(node.test, ast.Constant) else 1
        for turn in range(turns):
            test = self.value(node.test)
            if (
                (is_known(test) and not test)
                or (turn and not is_known(test))
                or self._leaves(partial(self._body, node.body))
            ):
                return

    def _match(self, node: ast.Match) -> None:
        """The first case whose value is the one at hand, else the first that takes any, else the first."""
        subject = self.value(node.subject)
        values = [
            self.value(case.pattern.value) if isinstance(case.pattern, ast.MatchValue) else case for case in node.cases
        ]
        fitting = [
            case for case, value in zip(node.cases, values, strict=True) if is_known(subject) and value == subject
        ]
        takes_any = [
            case for case in node.cases if isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
        ]
        for case in [*fitting, *takes_any, *node.cases][:1]:
            self._body(case.body)

    def _class(self, node: ast.ClassDef) -> None:
        bases = [self.value(item) for item in node.bases]
        decorators = [self.value(item) for item in node.decorator_list]
        self.frames.append(Frame(around=self.frames[-1].scopes() if len(self.frames) > 1 else ()))
        try:
            self._body(node.body)
        finally:
            values = self.frames.pop().values
        self._name(node.name, class_of(node, bases, decorators, values))


def _needs(value: object) -> int:
    """What is looked at first: functions that need no arguments, then those that do, then classes and their things."""
    return 2 if not isinstance(value, Function) else 1 if required(value) else 0


def _module(alias: ast.alias) -> Named:
    return Named(alias.name if alias.asname else alias.name.partition(".")[0])
