"""Every call of a script against what its classes offer: interface.toml, a short extract of a library's signatures."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paramc.tables import Table, read_table, section


@dataclass(frozen=True, slots=True)
class Interface:
    """`modules`: names by the module that has them. `calls`: keywords by class, then by method, `()` for the class
    itself and `__call__` for its instances."""

    modules: Mapping[str, tuple[str, ...]]
    calls: Mapping[str, Mapping[str, frozenset[str]]]


@cache
def read_interface(path: Path) -> Interface:
    """The table at `path`."""
    table = read_table(path)
    calls = {name: _methods(section(table, "calls", path), name, path) for name in section(table, "calls", path)}
    modules = {name: _names(section(table, "modules", path), name) for name in section(table, "modules", path)}
    return Interface(modules, calls)


def faults(source: str, interface: Interface) -> Iterator[str]:
    """What is wrong with a script: it does not parse, or a call has a keyword or method that its class has not."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield f"it does not parse: {error}"
        return
    nodes = tuple(ast.walk(tree))
    made = _instances(nodes, interface)
    for node in nodes:
        if isinstance(node, ast.Call):
            yield from _call_faults(node, made, interface)


def _instances(nodes: Iterable[ast.AST], interface: Interface) -> dict[str, str]:
    """The class of every variable that holds an instance of a listed class."""
    made: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            owner = _root(node.value.func)
            for goal in node.targets:
                if isinstance(goal, ast.Name) and owner in interface.calls:
                    made[goal.id] = owner
    return made


def _call_faults(node: ast.Call, made: Mapping[str, str], interface: Interface) -> Iterator[str]:
    match node.func:
        case ast.Name(id=name) if name in interface.calls:
            owner, method = name, "()"
        case ast.Name(id=name) if name in made:
            owner, method = made[name], "__call__"
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in interface.calls or name in made:
            owner, method = made.get(name, name), attribute
        case _:
            return
    known = interface.calls[owner].get(method)
    if known is None:
        yield f"{owner} has no {method}"
        return
    for keyword in node.keywords:
        if keyword.arg is not None and keyword.arg not in known:
            yield f"{owner}.{method} has no keyword {keyword.arg}"


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _methods(calls: Table, name: str, where: Path) -> dict[str, frozenset[str]]:
    methods = section(calls, name, where)
    return {method: frozenset(_names(methods, method)) for method in methods}


def _names(table: Table, key: str) -> tuple[str, ...]:
    value = table[key]
    return tuple(str(item) for item in value) if isinstance(value, list) else ()
