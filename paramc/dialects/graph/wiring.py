"""A graph with links that lead straight to where things come from: without switches, relays and bundles on the way."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from paramc.dialects.graph.bundles import BUNDLE, unbundled
from paramc.dialects.graph.model import Graph, Link, Node
from paramc.dialects.graph.roles import Roles
from paramc.dialects.graph.walk import ONWARD, Walk

RELAYS: Final = (BUNDLE, *ONWARD)  # roles of nodes that make nothing themselves


def wired(graph: Graph, roles: Roles) -> Graph:
    """The graph that a reader follows; what nobody takes anything from any more is left out."""
    walk = Walk(graph, roles)
    if not any(roles.of(node).role in RELAYS or roles.of(node).bundle for node in graph.nodes.values()):
        return graph
    known: dict[Link, Link | None] = {}
    straight = replace(graph, nodes={name: _straight(walk, node, known) for name, node in graph.nodes.items()})
    result = unbundled(straight, roles)
    relays = {name for name, node in graph.nodes.items() if roles.of(node).role in RELAYS}
    idle = relays & _used(graph, graph.nodes.keys()) - _used(result, graph.nodes.keys() - relays)
    return replace(result, nodes={name: node for name, node in result.nodes.items() if name not in idle})


def _straight(walk: Walk, node: Node, known: dict[Link, Link | None]) -> Node:
    links = {name: value for name, value in node.inputs.items() if isinstance(value, Link)}
    led = {name: _source(walk, link, known) or link for name, link in links.items()}
    return node if led == links else node._replace(inputs={**node.inputs, **led})


def _source(walk: Walk, link: Link, known: dict[Link, Link | None]) -> Link | None:
    """Where a link comes from in the end; None where that leads in a circle. `known`: what earlier calls found."""
    way: list[Link] = []
    before: Link | None = link
    while before and before not in known:
        way.append(before)
        known[before] = None
        node = walk.graph.nodes.get(before.node)
        before = walk.handed(node, before.slot) if node else None
    found = known[before] if before else way[-1]
    known.update(dict.fromkeys(way, found))
    return found


def _used(graph: Graph, users: Iterable[str]) -> set[str]:
    """The nodes that others take something from, for themselves or to hand it to them."""
    used: set[str] = set()
    waiting = list(users)
    while waiting:
        node = graph.nodes.get(waiting.pop())
        sources = {value.node for value in node.inputs.values() if isinstance(value, Link)} if node else set()
        waiting += sources - used
        used |= sources
    return used
