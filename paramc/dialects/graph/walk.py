"""Going from an input of a graph to what it comes from: links, and values through the nodes that hand them on."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.graph.found import NOTHING_FOUND, Found, Mask, Picture
from paramc.dialects.graph.model import Graph, Link, Node
from paramc.dialects.graph.roles import NUMBERED, Role, Roles
from paramc.dialects.graph.sums import worked_out
from paramc.dialects.graph.values import Json, as_chosen, as_number, as_whole

DEEPEST: Final = 40  # of values made of values
LONGEST_TEXT: Final = 1_000_000  # code points of a text that is put together
SIZE: Final = re.compile(r"(\d{2,5})\s*[x×]\s*(\d{2,5})")
TAG: Final = re.compile(r"<lora:([^:<>]+):([^:<>]+)(?::([^<>]+))?>")
LISTED: Final = "list"  # our name of the input that holds networks
SIGN: Final = "#"  # in a formula: what the node is told to do
SIDES: Final = ("width", "height")
KINDS: Final = {"positive": "conditioning", "negative": "conditioning"}  # of outputs that say which one they are
CHOOSING: Final = ("any", "switch", "pick")  # roles of nodes that hand one of their inputs on
ONWARD: Final = ("through", *CHOOSING)


SHAPINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "strip": str.strip,
    "strip_left": str.lstrip,
    "strip_right": str.rstrip,
    "upper": str.upper,
    "lower": str.lower,
    "capital": str.capitalize,
    "title": str.title,
}


@dataclass(eq=False)
class Walk:
    """One reading of a graph. `used` are the nodes met, `opaque` those whose effect is not known."""

    graph: Graph
    roles: Roles
    used: dict[str, None] = field(default_factory=dict)
    opaque: dict[str, None] = field(default_factory=dict)
    problems: dict[tuple[str, str], Diagnostic] = field(default_factory=dict)
    values: dict[tuple[Link, str], Found] = field(default_factory=dict)
    pictures: dict[Link, Picture] = field(default_factory=dict)
    masks: dict[Link, Mask | None] = field(default_factory=dict)

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
            if self.role(found).says_more(found):
                self.opaque[found.id] = None
        return found

    def fresh(self, link: Link, seen: set[Link]) -> Node | None:
        """The node that a link comes from, None where the link has been `seen` before, which is said."""
        node = self.node(link)
        if node and link in seen:
            self.say_circle(node.id)
            return None
        seen.add(link)
        return node

    def piled(self, link: Link | None, kind: str) -> Sequence[Node]:
        """The nodes of a kind that hand a pile on, each to the next, from the one that lies lowest."""
        piles: list[Node] = []
        seen: set[Link] = set()
        while link and (node := self.fresh(link, seen)):
            role = self.role(node)
            if role.role != kind:
                self.opaque[node.id] = None
                break
            piles.append(node)
            link = role.link(node, "next")
        return piles[::-1]

    def is_on(self, switch: Found) -> bool:
        """Whether a switch means yes; what has none is on."""
        return switch.value is None or self.roles.is_on(switch.value)

    def behind(self, link: Link | None, kind: str) -> Node | None:
        """The node of a kind that a link leads to, past those that change what they are given in a way not known.

        Where none is on the way, the last of them.
        """
        seen: set[Link] = set()
        node: Node | None = None
        while link and (following := self.fresh(link, seen)):
            node = following
            if self.role(node).role == kind:
                break
            link = self.passed(node, kind)
        return node

    def role(self, node: Node) -> Role:
        """What a node is for the reader."""
        return self.roles.of(node)

    def chosen(self, node: Node) -> str:
        """The input that a node of several hands on: the first that is there, or the one that its switch says."""
        role = self.role(node)
        if role.role == "any":
            return next((name for name in role.texts if node.inputs.get(name) is not None), "")
        if role.role == "switch":
            return role.takes["on" if self.roles.is_on(self.found(node, "condition").value) else "off"]
        number = as_whole(self.found(node, "number").value)
        return "" if number is None else role.texts[0].replace(NUMBERED, str(number))

    def handed(self, node: Node, slot: int) -> Link | None:
        """Where an output of a node comes from that does no more than hand on what it is given."""
        role = self.role(node)
        if role.role not in ONWARD or role.says_more(node):
            return None
        if role.role in CHOOSING:
            return None if slot else node.link(self.chosen(node))
        if role.gives:
            return role.link(node, role.gives[slot]) if 0 <= slot < len(role.gives) else None
        if slot:
            return None
        given = (value for value in node.inputs.values() if isinstance(value, Link))
        return role.link(node, "input") if role.takes else next(given, None)

    def onward(self, node: Node, kind: str) -> Link | None:
        """Where a node that only hands something on has it from."""
        role = self.role(node)
        if role.role in CHOOSING:
            return node.link(self.chosen(node))
        return role.link(node, "input") or self.stand_in(node, kind)

    def passed(self, node: Node, kind: str) -> Link | None:
        """The input that stands in for `kind` at a node whose effect is not known; the node is noted as such."""
        self.opaque[node.id] = None
        return self.stand_in(node, kind)

    def stand_in(self, node: Node, kind: str) -> Link | None:
        """The input of a node that is of a kind: by its type, by what it is linked to, or by its name."""
        links = {name: value for name, value in node.inputs.items() if isinstance(value, Link)}
        definition = self.roles.definitions.get(node.type)
        if definition:
            for name in [name for name in links if name in definition.links]:
                link = links.pop(name)
                if self.roles.types.get(definition.links[name]) == kind:
                    return link
        for link in links.values():
            source = self.graph.nodes.get(link.node)
            if source and KINDS.get(given := self.roles.gives(source, link.slot), given) == kind:
                return link
        return next((links[name] for name in self.roles.stand_ins.get(kind, ()) if name in links), None)

    def found(self, node: Node, ours: str) -> Found:
        """The value of an input by our name, through whatever it is linked to."""
        role = self.role(node)
        name = role.takes.get(ours, "")
        if name and name in node.inputs:
            return self.at(node, name)
        return Found(role.fixed.get(ours))

    def side(self, node: Node, ours: str) -> Found:
        """A side of what a node makes: one that goes before all, else by the size that it names, else its own."""
        first = self.found(node, f"first_{ours}")
        if as_whole(first.value):
            return first
        named = SIZE.search(text_of(self.found(node, "size").value) or "")
        if named is None:
            return self.found(node, ours)
        turned = self.roles.is_on(self.found(node, "turned").value)
        return Found(int(named[1 + (SIDES.index(ours) ^ turned)]))

    def at(self, node: Node, name: str, depth: int = 0) -> Found:
        """The value of an input by its own name."""
        value = node.inputs.get(name)
        if isinstance(value, Link):
            return self.linked(value, name, depth)
        return Found(as_chosen(value), *self.graph.borrowed.get((node.id, name), (node.id, name)))

    def linked(self, link: Link, asked: str, depth: int = 0) -> Found:
        """The value that a link brings to an input called `asked`."""
        start = link, asked
        if start not in self.values:
            self.values[start] = NOTHING_FOUND  # what leads back to itself has no value
            self.values[start] = self._linked(link, asked, depth)
        return self.values[start]

    def _linked(self, link: Link, asked: str, depth: int) -> Found:
        seen: set[Link] = set()
        while link not in seen and depth < DEEPEST:
            seen.add(link)
            node = self.node(link)
            if node is None:
                return NOTHING_FOUND
            step = self._step(node, link.slot, asked, depth)
            if isinstance(step, Found):
                return step
            link = step
        self.say_circle(link.node)
        return NOTHING_FOUND

    def _step(self, node: Node, slot: int, asked: str, depth: int) -> Found | Link:
        role = self.role(node)
        match role.role:
            case "value":
                name = role.takes["value"]
                if name not in node.inputs and len(node.inputs) == 1:
                    (name,) = node.inputs  # in another version of the pack, or one of which no names are known
                return self._given(node, name) if name in node.inputs else self._only(node, asked)
            case "made":
                return self._untold(node)
            case "through":
                name = role.takes.get("input", "")
                first = next((value for value in node.inputs.values() if isinstance(value, Link)), None)
                return self._given(node, name) if name in node.inputs else first or self._only(node, asked)
            case "any" | "switch" | "pick":
                return self._given(node, self.chosen(node))
            case "join":
                return self._joined(node, role, depth + 1)
            case "replace":
                return self._replaced(node, depth + 1)
            case "reshape":
                return self._reshaped(node, depth + 1)
            case "sum":
                return self._worked_out(node, role, slot, depth + 1)
            case _:
                return self._handed(node, role, slot) or self._only(node, asked)

    @staticmethod
    def _given(node: Node, name: str) -> Found | Link:
        value = node.inputs.get(name)
        return value if isinstance(value, Link) else Found(as_chosen(value), node.id, name)

    def _handed(self, node: Node, role: Role, slot: int) -> Found | Link | None:
        """The widget that an output hands on, where its class says which."""
        ours = role.gives[slot] if 0 <= slot < len(role.gives) else ""
        if ours in SIDES and (side := self.side(node, ours)).value is not None:
            return side
        name = role.takes.get(ours, "")
        return self._given(node, name) if name in node.inputs else None

    def _only(self, node: Node, asked: str) -> Found:
        """The one value of a node that nothing is known of; of several the one that is called like the input."""
        plain = [(name, value) for name, value in node.inputs.items() if isinstance(value, str | int | float)]
        self.opaque[node.id] = None
        if len(plain) > 1 or any(isinstance(value, Link) for value in node.inputs.values()):
            alike = self.roles.alike.get(asked, (asked,))
            plain = [(name, value) for name, value in plain if name in alike]
        if len(plain) == 1:
            name, value = plain[0]
            self.say(node.id, diagnose("PC338", node=node.id, type=node.type, input=name))
            return Found(value, node.id, name)
        return self._untold(node)

    def _untold(self, node: Node) -> Found:
        """Nothing, as what comes out of a node stands nowhere in the graph."""
        self.opaque[node.id] = None
        self.say(node.id, diagnose("PC337", node=node.id, type=node.type))
        return NOTHING_FOUND

    def _joined(self, node: Node, role: Role, depth: int) -> Found:
        """Texts one behind the other; a class may have words for what goes between, and pass over empty ones."""
        if role.says_more(node):
            return self._untold(node)
        texts = [self.at(node, name, depth).value for name in role.texts if name in node.inputs]
        delimiter = self.at(node, role.takes["delimiter"], depth).value
        between = role.fixed.get(delimiter, delimiter) if isinstance(delimiter, str) else ""
        least = 1 if role.fixed.get("skips") else 0
        told = (str(text) for text in texts if text is not None)
        return self._whole(node, str(between).join(text for text in told if len(text) >= least))

    def _replaced(self, node: Node, depth: int) -> Found:
        names = (self.role(node).takes[ours] for ours in ("input", "find", "replace"))
        text, find, new = (text_of(self.at(node, name, depth).value) or "" for name in names)
        grown = len(text) + text.count(find) * len(new) if find else (len(text) + 1) * (len(new) + 1)
        return self._whole(node, text.replace(find, new) if grown <= LONGEST_TEXT else None)

    def _reshaped(self, node: Node, depth: int) -> Found:
        takes = self.role(node).takes
        text, way = (text_of(self.at(node, takes[ours], depth).value) for ours in ("input", "way"))
        shaping = SHAPINGS.get(self.roles.words["shapings"].get(way or "", ""))
        return self._untold(node) if text is None or shaping is None else self._whole(node, shaping(text))

    def _worked_out(self, node: Node, role: Role, slot: int, depth: int) -> Found:
        formula = text_of(role.fixed.get("formula")) or text_of(self.at(node, role.takes["formula"], depth).value) or ""
        if "operation" in role.takes:
            word = text_of(self.at(node, role.takes["operation"], depth).value) or ""
            formula = formula.replace(SIGN, self.roles.words["operations"].get(word, word))

        def value(name: str) -> float | None:
            full = next(
                (full for full in (name, *(f"{group}.{name}" for group in role.texts)) if full in node.inputs), ""
            )
            return as_number(self.at(node, full, depth).value) if full else None

        number = worked_out(formula, value, self.roles.dialect)
        if number is None:
            return self._untold(node)
        whole = number.is_integer() or (0 <= slot < len(role.gives) and role.gives[slot] == "whole")
        return Found(int(number) if whole else number)

    def _whole(self, node: Node, text: str | None) -> Found:
        if text is None or len(text) > LONGEST_TEXT:
            self.say(node.id, diagnose("PC337", node=node.id, type=node.type))
            return NOTHING_FOUND
        return Found(text)


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
