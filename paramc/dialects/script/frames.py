"""The names that a function of a script sees, and what classes of a script are made of."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from paramc.diagnostics.model import Span
from paramc.dialects.script.known import BUILTINS
from paramc.dialects.script.options import declared_by, default_of
from paramc.dialects.script.values import Class, Computed, Function, Made, Named

Evaluate: TypeAlias = Callable[[ast.expr], object]
DATACLASSES = ("dataclass", "define", "frozen", "BaseModel", "NamedTuple", "BaseSettings")


@dataclass(slots=True, eq=False)
class Frame:
    """The names of a function's body; `around` are those of the functions that it stands in, the nearest first."""

    values: dict[str, object] = field(default_factory=dict)
    around: tuple[dict[str, object], ...] = ()
    outer: dict[str, dict[str, object]] = field(default_factory=dict)  # name → where it is bound instead of here

    def scopes(self) -> tuple[dict[str, object], ...]:
        """Where a name is looked for, this body first."""
        return self.values, *self.around


class Told(NamedTuple):
    """The arguments of a call. `places` are where keywords stand, and positional ones by their number."""

    arguments: list[object]
    keywords: dict[str, object]
    places: dict[str, Span]


def required(function: Function) -> bool:
    """Must a call of the function say anything?"""
    parameters = function.node.args
    positional = [*parameters.posonlyargs, *parameters.args]
    declared = {name for name, _ in _defaults(parameters)} | set(function.defaults)
    return any(item.arg not in declared for item in (*positional, *parameters.kwonlyargs))


def setters_of(of: Class) -> dict[str, Function]:
    """The methods that need no arguments, by the attributes that they set."""
    methods = [value for value in of.values.values() if isinstance(value, Function)]
    alone = [each for each in methods if len(each.node.args.args) - len(each.node.args.defaults) == 1]
    return {
        target.attr: method
        for method in reversed(alone)
        for node in ast.walk(method.node)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    }


def scope_of(function: Function, told: Told, evaluate: Evaluate, span: Span) -> dict[str, object]:
    """What the parameters of a function are worth in a call; what nobody says is only known to a run."""
    parameters = function.node.args
    positional = [item.arg for item in (*parameters.posonlyargs, *parameters.args)]
    named = [item.arg for item in parameters.kwonlyargs]
    scope: dict[str, object] = dict.fromkeys((*positional, *named), Computed(span))
    scope |= {name: value for name, value in function.defaults.items() if name in scope}
    scope |= {name: default_of(evaluate(node)) for name, node in _defaults(parameters)}
    scope |= dict(zip(positional, told.arguments, strict=False))
    scope |= {name: value for name, value in told.keywords.items() if name in scope}
    if parameters.vararg is not None:
        scope[parameters.vararg.arg] = told.arguments[len(positional) :]
    if parameters.kwarg is not None:
        known = {*positional, *named}
        scope[parameters.kwarg.arg] = {name: value for name, value in told.keywords.items() if name not in known}
    return scope


def _defaults(parameters: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*parameters.posonlyargs, *parameters.args]
    for item, default in zip(reversed(positional), reversed(parameters.defaults), strict=False):
        yield item.arg, default
    for item, value in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True):
        if value is not None:
            yield item.arg, value


def function_of(
    node: ast.FunctionDef | ast.AsyncFunctionDef, decorators: Sequence[object], around: tuple[dict[str, object], ...]
) -> Function:
    """A function as its decorators leave it."""
    names = {decorator.last for decorator in decorators if isinstance(decorator, Named)}
    return Function(
        node,
        around,
        defaults=dict(filter(None, map(declared_by, decorators))),
        is_property=bool(names & {"property", "cached_property"}),
        is_static="staticmethod" in names,
    )


def class_of(
    node: ast.ClassDef, bases: Sequence[object], decorators: Sequence[object], values: dict[str, object]
) -> Class:
    """A class with the names of its body."""
    marks = {_last(item) for item in (*bases, *decorators)}
    above = any(isinstance(base, Class) and base.all_fields() for base in bases)
    fields = tuple(
        item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    )
    return Class(node, values, tuple(bases), fields if above or marks & {*DATACLASSES} else ())


def _last(value: object) -> str:
    return value.last if isinstance(value, Named) else value.name.rpartition(".")[2] if isinstance(value, Made) else ""


def fields_of(of: Class, told: Told, result: Callable[[Function], object]) -> dict[str, object]:
    """The values of a thing whose class says no more than its fields; `result` is what a function gives alone."""
    names = of.all_fields()
    found = {name: _field(of.found(name), result) for name in names if of.found(name) is not None}
    found |= dict(zip(names, told.arguments, strict=False))
    return found | {name: value for name, value in told.keywords.items() if name in names}


def _field(value: object, result: Callable[[Function], object]) -> object:
    """A default, also where it is declared by `field(default=…)` or made by a factory."""
    factory = value.keywords.get("default_factory") if isinstance(value, Made) else None
    if isinstance(factory, Function):
        return result(factory)
    made = BUILTINS.get(factory.name) if isinstance(factory, Named) else None
    return made.give() if made is not None and made.makes_empty else default_of(value)
