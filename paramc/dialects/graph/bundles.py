"""Bundles: links that carry many things at once, taken apart so that the reader meets single links alone."""

from dataclasses import replace
from typing import Final, NamedTuple

from paramc.dialects.graph.model import Graph, Link, Node, Place, Value
from paramc.dialects.graph.roles import Roles

BUNDLE: Final = "bundle"  # the role of a node that only puts together or takes apart
LONGEST: Final = 200  # nodes that a bundle goes through


class Content(NamedTuple):
    """What a bundle holds under a name, and the widget that it stands in."""

    value: Value
    place: Place


def unbundled(graph: Graph, roles: Roles) -> Graph:
    """The graph with what its bundles carry linked to those who use it; itself where it has none."""
    if not any(roles.of(node.type).bundle for node in graph.nodes.values()):
        return graph
    apart = replace(graph, nodes={}, borrowed={})
    for node in graph.nodes.values():
        inputs = dict(node.inputs)
        for name, content in _contents(graph, roles, node).items():
            inputs[name] = content.value
            if not isinstance(content.value, Link):
                apart.borrowed[node.id, name] = content.place
        apart.nodes[node.id] = node._replace(inputs=inputs)
    return apart


def _contents(graph: Graph, roles: Roles, node: Node) -> dict[str, Content]:
    """Inputs of a node that come out of bundles: links to nodes that take them apart, and those it leaves out."""
    found: dict[str, Content] = {}
    for name, value in node.inputs.items():
        if isinstance(value, Link):
            content = _handed_on(graph, roles, value)
            if content:
                found[name] = content
    role = roles.of(node.type)
    bundle = node.link(role.bundle)
    if bundle and role.role != BUNDLE:
        for ours, name in role.takes.items():
            if name not in node.inputs and (content := _held(graph, roles, bundle, ours)):
                found[name] = content
    return found


def _handed_on(graph: Graph, roles: Roles, link: Link) -> Content | None:
    """What an output of a node is that takes bundles apart; None for any other output."""
    source = graph.nodes.get(link.node)
    role = roles.of(source.type) if source else None
    if source is None or role is None or role.role != BUNDLE or not 0 <= link.slot < len(role.gives):
        return None
    name = role.gives[link.slot]
    return None if name == BUNDLE else _held(graph, roles, link, name)


def _held(graph: Graph, roles: Roles, link: Link | None, name: str) -> Content | None:
    """What is found under a name in the bundle that a link brings."""
    for _ in range(LONGEST):
        node = graph.nodes.get(link.node) if link else None
        if node is None:
            return None
        role = roles.of(node.type)
        if role.role != BUNDLE and name in role.gives:
            return Content(Link(node.id, role.gives.index(name)), (node.id, ""))
        given = role.takes.get(name, "")
        value = node.inputs.get(given) if given else None
        if value is not None:
            handed = _handed_on(graph, roles, value) if isinstance(value, Link) and value != link else None
            return handed or Content(value, (node.id, given))
        link = node.link(role.bundle)
    return None
