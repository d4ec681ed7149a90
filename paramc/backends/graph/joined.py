"""Several graphs as one: nodes that are equal, with all that leads to them, are there once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple, TypeAlias

from paramc.backends.graph.builder import spelt_out
from paramc.dialects.graph.values import Json

Node: TypeAlias = Mapping[str, Json]
META = "_meta"
TITLE = "title"


class Part(NamedTuple):
    """A graph, and what its own nodes are called beside their titles."""

    label: str
    text: str


def joined_text(parts: Sequence[Part]) -> str:
    """One graph with all that the parts do, ids from "1" in an order in which links point backwards."""
    known: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    labels: dict[str, list[str]] = {}
    for part in parts:
        graph: dict[str, Node] = json.loads(part.text)
        places: dict[str, str] = {}
        for name in _ordered(graph):
            node = {**graph[name], "inputs": _linked(graph[name], places)}
            place = known.setdefault(_key(node), str(len(known) + 1))
            places[name] = place
            nodes[place] = node
            labels.setdefault(place, []).append(part.label)
    named = {place: _named(node, labels[place]) for place, node in nodes.items()}
    return spelt_out(json.dumps(named, indent=2, ensure_ascii=False)) + "\n"


def _ordered(graph: Mapping[str, Node]) -> Iterable[str]:
    """The names of the nodes, each behind those that lead to it."""
    before = {
        name: [link for link in map(_source, _inputs(node).values()) if link in graph] for name, node in graph.items()
    }
    return TopologicalSorter(before).static_order()


def _inputs(node: Node) -> Mapping[str, Json]:
    found = node.get("inputs")
    return found if isinstance(found, dict) else {}


def _source(value: Json) -> str:
    """The node that a link comes from; empty for a value."""
    match value:
        case [str(name), int()]:
            return name
        case _:
            return ""


def _linked(node: Node, places: Mapping[str, str]) -> dict[str, Json]:
    """The inputs, with links to where the nodes are now."""

    def linked(value: Json) -> Json:
        match value:
            case [str(name), int(slot)] if name in places:
                return [places[name], slot]
            case _:
                return value

    return {name: linked(value) for name, value in _inputs(node).items()}


def _key(node: Node) -> str:
    """What makes a node the same as another: everything but its title."""
    return json.dumps({name: value for name, value in node.items() if name != META}, sort_keys=True)


def _named(node: Node, labels: Sequence[str]) -> Node:
    """The node with the label of the only part that it belongs to."""
    meta = node.get(META)
    if len(labels) > 1 or not labels[0] or not isinstance(meta, dict):
        return node
    return {**node, META: {**meta, TITLE: f"{meta.get(TITLE, '')} ({labels[0]})"}}
