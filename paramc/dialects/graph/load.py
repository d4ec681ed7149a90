"""Text → graph: JSON in either form, found in whatever it is wrapped in."""

import json
import re
from collections.abc import Mapping
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ReadError, Span
from paramc.dialects.description import Dialect
from paramc.dialects.graph.definitions import definitions_of
from paramc.dialects.graph.export import export
from paramc.dialects.graph.frontend import frontend_of
from paramc.dialects.graph.model import Graph, Link, Node, Value
from paramc.dialects.graph.templates import templates_of
from paramc.dialects.graph.values import Json, as_list, as_object, as_text
from paramc.dialects.graph.workflow import read_workflow

LIMIT: Final = 32 * 2**20  # characters of JSON: a graph of 50,000 nodes has a third of it
MARK: Final = "\ufeff"  # of the order of bytes, which is no part of the text
TYPE: Final = "class_type"
WRAPPERS: Final = ("prompt", "output", "workflow")  # looked into first
DEEPEST: Final = 4  # wrappers around one another
DEEPEST_CUT: Final = 40  # brackets that are open where a text breaks off
CLOSERS: Final = {"{": "}", "[": "]"}
SIGNS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\]]', re.DOTALL)


def load_graph(text: str, dialect: Dialect, *, limit: int = LIMIT, strict: bool = False) -> Graph:
    """The graph in a text. One that is broken beyond recognition is empty, and a diagnostic says why.

    Raises ReadError for a text of more than `limit` characters, and in strict mode for what is no graph.
    """
    if len(text) > limit:
        raise ReadError(diagnose("PC330", size=len(text), limit=limit))
    value, problem = _json(text)
    if problem and strict:
        raise ReadError(problem)
    if problem and value is None:
        graph = Graph()
        graph.diagnostics.append(problem)
        return graph
    found = _unwrapped(value)
    if _is_workflow(found):
        frontend = frontend_of(dialect)
        workflow = read_workflow(dict(found), frontend.groups)
        graph = export(workflow, definitions_of(dialect), frontend, templates_of(dialect))
    else:
        graph = _queued(found)
    if problem:
        graph.diagnostics.append(problem)
    if not graph.nodes:
        problem = diagnose("PC331", why="no object in it is a node")
        if strict:
            raise ReadError(problem)
        graph.diagnostics.append(problem)
    return graph


def _json(text: str) -> tuple[Json, Diagnostic | None]:
    plain = text.removeprefix(MARK)
    try:
        return json.loads(plain), None
    except json.JSONDecodeError as error:
        start = error.pos + len(text) - len(plain)
        place, why = Span(start, min(start + 1, len(text))), error.msg[:1].lower() + error.msg[1:]
        kept = _up_to(plain, error.pos)
        code = "PC331" if kept is None else "PC282"
        return kept, diagnose(code, place, "here", why=why)
    except (RecursionError, ValueError):  # ValueError: a whole number of thousands of digits
        return None, diagnose("PC331", why="it is nested too deeply, or has numbers beyond any use")


def _up_to(text: str, fault: int) -> Json:
    """What a text spells before its fault, up to the last value that is whole; None where that is nothing."""
    open_brackets: list[str] = []
    whole, closers = 0, ""
    for sign in SIGNS.finditer(text, 0, fault):
        if sign[0] in CLOSERS:
            open_brackets.append(CLOSERS[sign[0]])
        elif sign[0] in CLOSERS.values() and open_brackets:
            open_brackets.pop()
            if len(open_brackets) < DEEPEST_CUT:
                whole, closers = sign.end(), "".join(reversed(open_brackets))
    try:
        kept: Json = json.loads(text[:whole] + closers) if whole else None
    except (RecursionError, ValueError):
        return None
    return kept


def _unwrapped(value: Json, depth: int = 0) -> Mapping[str, Json]:
    """The graph in a value: itself, or what a request, a queue, a history or a picture's fields hold."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value, _ = _json(value)
    found = as_object(value)
    if _is_workflow(found) or any(_is_node(item) for item in found.values()) or depth == DEEPEST:
        return found
    named = [found[name] for name in WRAPPERS if name in found]
    others = [item for item in found.values() if isinstance(item, dict | list | str)]
    for candidate in (*named, *others, *as_list(value)):
        deeper = _unwrapped(candidate, depth + 1)
        if _is_workflow(deeper) or any(_is_node(item) for item in deeper.values()):
            return deeper
    return found if not depth else {}


def _is_workflow(value: Mapping[str, Json]) -> bool:
    return isinstance(value.get("nodes"), list)


def _is_node(value: Json) -> bool:
    return isinstance(value, dict) and (TYPE in value or isinstance(value.get("inputs"), dict))


def _queued(value: Mapping[str, Json]) -> Graph:
    """A graph as the server takes it; whatever is no node in it is left aside."""
    graph = Graph()
    for name, item in value.items():
        if not _is_node(item):
            continue
        node = as_object(item)
        inputs = {key: _value(given) for key, given in as_object(node.get("inputs")).items()}
        title = as_text(as_object(node.get("_meta")).get("title"))
        graph.nodes[name] = Node(name, as_text(node.get(TYPE)), inputs, title)
    _check_links(graph)
    return graph


def _value(given: Json) -> Value:
    match given:
        case [str() as node, int() as slot] if not isinstance(slot, bool):
            return Link(node, slot)
        case [int() as node, int() as slot] if not isinstance(node, bool) and not isinstance(slot, bool):
            return Link(str(node), slot)
        case {"__value__": wrapped}:
            return wrapped
        case _:
            return given


def _check_links(graph: Graph) -> None:
    for node in graph.nodes.values():
        for value in node.inputs.values():
            if isinstance(value, Link) and value.node not in graph.nodes:
                graph.diagnostics.append(diagnose("PC333", node=node.id, origin=value.node))
