"""Bundles: links that carry many things at once, taken apart so that the reader meets single links alone."""

from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeAlias

from paramc.dialects.graph.model import Graph, Link, Node, Place, Value
from paramc.dialects.graph.roles import Roles

CARRIERS: Final = ("bundle", "loader", "sample")  # roles of nodes whose own values a bundle brings on
BUNDLE: Final = "bundle"  # the role of a node that only puts together or takes apart
Asked: TypeAlias = tuple[Link, str]  # a link that brings a bundle, and the name of what is looked for in it


class Content(NamedTuple):
    """What a bundle holds under a name, and the widget that it stands in."""

    value: Value
    place: Place


def unbundled(graph: Graph, roles: Roles) -> Graph:
    """The graph with what its bundles carry linked to those who use it."""
    bundles = _Bundles(graph, roles)
    apart = replace(graph, nodes={}, borrowed={})
    for node in graph.nodes.values():
        inputs = dict(node.inputs)
        for name, content in bundles.contents(node).items():
            inputs[name] = content.value
            if not isinstance(content.value, Link):
                apart.borrowed[node.id, name] = content.place
        apart.nodes[node.id] = node._replace(inputs=inputs)
    return apart


@dataclass(eq=False, slots=True)
class _Bundles:
    """The bundles of a graph; `known`: what was found in them before, None where there is nothing."""

    graph: Graph
    roles: Roles
    known: dict[Asked, Content | None] = field(default_factory=dict)

    def contents(self, node: Node) -> dict[str, Content]:
        """Inputs of a node that come out of bundles: links to nodes that take them apart, and those it leaves out."""
        found: dict[str, Content] = {}
        for name, value in node.inputs.items():
            asked = self._asked(value)
            if asked and (content := self._held(asked)):
                found[name] = content
        role = self.roles.of(node)
        bundle = role.carrier(node)
        if bundle and role.role != BUNDLE:
            for ours, name in role.takes.items():
                if name not in node.inputs and (content := self._held((bundle, ours))):
                    found[name] = content
        return found

    def _asked(self, value: Value) -> Asked | None:
        """What an output stands for of a node that takes bundles apart; None for any other value."""
        source = self.graph.nodes.get(value.node) if isinstance(value, Link) else None
        role = self.roles.of(source) if source else None
        if role is None or role.role != BUNDLE or not isinstance(value, Link) or not 0 <= value.slot < len(role.gives):
            return None
        name = role.gives[value.slot]
        return None if name == BUNDLE else (value, name)

    def _held(self, asked: Asked) -> Content | None:
        """What is found under a name in the bundle that a link brings: of bundles in bundles what the last one has."""
        way: list[tuple[Asked, Content | None]] = []
        after: Asked | None = asked
        while after and after not in self.known:
            self.known[after] = None  # what leads back to itself holds nothing
            own, following = self._step(after)
            way.append((after, own))
            after = following
        found = self.known[after] if after else None
        for place, own in reversed(way):
            found = found or own
            self.known[place] = found
        return found

    def _step(self, asked: Asked) -> tuple[Content | None, Asked | None]:
        """What the node has that a bundle comes from, and where to look further."""
        link, name = asked
        node = self.graph.nodes.get(link.node)
        if node is None:
            return None, None
        role = self.roles.of(node)
        if role.role != BUNDLE and name in role.gives:
            return Content(Link(node.id, role.gives.index(name)), (node.id, "")), None
        given = role.takes.get(name, "") if role.role in CARRIERS else ""
        value = node.inputs.get(given) if given else None
        if value is not None and (isinstance(value, Link) or value != role.fixed.get("kept")):
            return Content(value, (node.id, given)), self._asked(value)
        before = role.carrier(node)
        if before is None and not role.role:
            before = self.roles.called(node, BUNDLE)
            self.graph.crossed |= {} if before is None else {node.id: None}
        return None, (before, name) if before else None
