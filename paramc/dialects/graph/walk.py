"""Going from an input of a graph to what it comes from: links, and values through the nodes that hand them on."""

from dataclasses import dataclass, field
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.graph.found import NOTHING_FOUND, Found
from paramc.dialects.graph.model import Graph, Link, Node
from paramc.dialects.graph.roles import Role, Roles
from paramc.dialects.graph.values import Json

DEEPEST: Final = 40  # of values made of values
LONGEST_TEXT: Final = 1_000_000  # code points of a text that is put together


@dataclass(eq=False)
class Walk:
    """One reading of a graph. `used` are the nodes met, `opaque` those whose effect is not known."""

    graph: Graph
    roles: Roles
    used: dict[str, None] = field(default_factory=dict)
    opaque: dict[str, None] = field(default_factory=dict)
    problems: dict[tuple[str, str], Diagnostic] = field(default_factory=dict)
    values: dict[Link, Found] = field(default_factory=dict)

    def say(self, node: str, problem: Diagnostic) -> None:
        """A diagnostic about a node, each once."""
        self.problems.setdefault((problem.code, node), problem)

    def say_circle(self, node: str) -> None:
        """What a node is made of leads back to itself."""
        self.say(node, diagnose("PC336", node=node))

    def node(self, link: Link | None) -> Node | None:
        """The node that a link comes from."""
        found = self.graph.nodes.get(link.node) if link else None
        if found:
            self.used[found.id] = None
        return found

    def fresh(self, link: Link, seen: set[Link]) -> Node | None:
        """The node that a link comes from, None where the link has been `seen` before, which is said."""
        node = self.node(link)
        if node and link in seen:
            self.say_circle(node.id)
            return None
        seen.add(link)
        return node

    def role(self, node: Node) -> Role:
        """What a node is for the reader."""
        return self.roles.of(node.type)

    def passed(self, node: Node, kind: str) -> Link | None:
        """The input that stands in for `kind` at a node whose effect is not known; the node is noted as such."""
        self.opaque[node.id] = None
        return self.stand_in(node, kind)

    def stand_in(self, node: Node, kind: str) -> Link | None:
        """The input of a node that is of a kind: by its type, by what it is linked to, or by its name."""
        links = {name: value for name, value in node.inputs.items() if isinstance(value, Link)}
        definition = self.roles.definitions.get(node.type)
        if definition:
            typed = (
                link for name, link in links.items() if self.roles.types.get(definition.links.get(name, "")) == kind
            )
            return next(typed, None)
        for link in links.values():
            source = self.graph.nodes.get(link.node)
            if source and self.roles.gives(source, link.slot) == kind:
                return link
        return next((links[name] for name in self.roles.stand_ins.get(kind, ()) if name in links), None)

    def found(self, node: Node, ours: str) -> Found:
        """The value of an input by our name, through whatever it is linked to."""
        role = self.role(node)
        name = role.takes.get(ours, "")
        if name and name in node.inputs:
            return self.at(node, name)
        return Found(role.fixed.get(ours))

    def at(self, node: Node, name: str, depth: int = 0) -> Found:
        """The value of an input by its own name."""
        value = node.inputs.get(name)
        if isinstance(value, Link):
            return self.linked(value, depth)
        return Found(value, *self.graph.borrowed.get((node.id, name), (node.id, name)))

    def linked(self, link: Link, depth: int = 0) -> Found:
        """The value that a link brings."""
        start = link
        if start not in self.values:
            self.values[start] = NOTHING_FOUND  # what leads back to itself has no value
            self.values[start] = self._linked(link, depth)
        return self.values[start]

    def _linked(self, link: Link, depth: int) -> Found:
        seen: set[Link] = set()
        while link not in seen and depth < DEEPEST:
            seen.add(link)
            node = self.node(link)
            if node is None:
                return NOTHING_FOUND
            step = self._step(node, link.slot, depth)
            if isinstance(step, Found):
                return step
            link = step
        self.say_circle(link.node)
        return NOTHING_FOUND

    def _step(self, node: Node, slot: int, depth: int) -> Found | Link:
        role = self.role(node)
        match role.role:
            case "value":
                return self._given(node, role.takes["value"])
            case "through":
                first = next((value for value in node.inputs.values() if isinstance(value, Link)), None)
                return role.link(node, "input") or first or self._only(node)
            case "any":
                name = next((name for name in role.texts if node.inputs.get(name) is not None), "")
                return self._given(node, name)
            case "switch":
                condition = self.found(node, "condition").value
                return self._given(node, role.takes["on" if self.roles.is_on(condition) else "off"])
            case "join":
                return self._joined(node, role, depth + 1)
            case _:
                return self._only(node)

    @staticmethod
    def _given(node: Node, name: str) -> Found | Link:
        value = node.inputs.get(name)
        return value if isinstance(value, Link) else Found(value, node.id, name)

    def _only(self, node: Node) -> Found:
        """The one value of a node that nothing is known of; with several, none can be told to be the one."""
        plain = [(name, value) for name, value in node.inputs.items() if isinstance(value, str | int | float)]
        self.opaque[node.id] = None
        if len(plain) == 1 and not any(isinstance(value, Link) for value in node.inputs.values()):
            name, value = plain[0]
            self.say(node.id, diagnose("PC338", node=node.id, type=node.type, input=name))
            return Found(value, node.id, name)
        self.say(node.id, diagnose("PC337", node=node.id, type=node.type))
        return NOTHING_FOUND

    def _joined(self, node: Node, role: Role, depth: int) -> Found:
        texts = [self.at(node, name, depth).value for name in role.texts if name in node.inputs]
        delimiter = self.at(node, role.takes["delimiter"], depth).value
        between = delimiter if isinstance(delimiter, str) else ""
        whole = between.join(str(text) for text in texts if text is not None)
        if len(whole) > LONGEST_TEXT:
            self.say(node.id, diagnose("PC337", node=node.id, type=node.type))
            return NOTHING_FOUND
        return Found(whole)


def text_of(value: Json) -> str | None:
    """A value as text; None where there is none."""
    match value:
        case str():
            return value
        case bool() | None:
            return None
        case int() | float():
            return str(value)
        case _:
            return None
