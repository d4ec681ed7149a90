"""A graph in the making: nodes from templates, links between them, numbers kept within what the nodes take."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from math import isnan
from typing import NamedTuple, TypeAlias

from paramc.backends.graph.tables import Definition, Take, Template
from paramc.tables import TableError

EDGE = "\n    "  # before the bracket that ends the inputs
SURROGATES = range(0xD800, 0xE000)  # code points that no encoding writes; JSON spells them out


class Socket(NamedTuple):
    """An output of a node: place of the node in the making, number of the output."""

    node: int
    slot: int


Value: TypeAlias = str | int | float | bool | Socket
Sockets: TypeAlias = dict[str, Socket]


class Node(NamedTuple):
    """A node whose inputs are filled in."""

    class_type: str
    title: str
    inputs: Mapping[str, Value]


@dataclass(eq=False)
class Graph:
    """Nodes in an order in which every link points backwards. Equal nodes are one."""

    templates: Mapping[str, Template]
    definitions: Mapping[str, Definition]
    nodes: list[Node] = field(default_factory=list)
    known: dict[tuple[str, tuple[tuple[str, Value], ...]], int] = field(default_factory=dict)

    def add(self, role: str, title: str = "", /, **values: Value) -> Sockets:
        """A node by the name of its template, and what it gives by name. `title` picks a variant of its title.

        Raises TableError when there is no such template, or it asks for a value that is not here.
        """
        template = self.templates.get(role)
        if template is None:
            raise TableError(f"graph.toml: no node is called `{role}`")
        takes = self.definitions[template.class_type].takes
        inputs = {name: _filled(role, given, takes[name], values) for name, given in template.inputs.items()}
        key = (template.class_type, tuple(inputs.items()))
        place = self.known.setdefault(key, len(self.nodes))
        if place == len(self.nodes):
            self.nodes.append(Node(template.class_type, template.titles.get(title, template.title), inputs))
        return {name: Socket(place, slot) for slot, name in enumerate(template.gives)}

    def text(self) -> str:
        """The graph as JSON: ids from "1" in the order of the nodes, nodes that lead to no result left out."""
        numbers = {place: str(index + 1) for index, place in enumerate(self._needed())}
        nodes = (_node_text(self.nodes[place], number, numbers) for place, number in numbers.items())
        return spelt_out("{\n" + ",\n".join(nodes) + "\n}") + "\n"

    def _needed(self) -> list[int]:
        needed = {place for place, node in enumerate(self.nodes) if self.definitions[node.class_type].ends}
        for place in reversed(range(len(self.nodes))):
            if place in needed:
                needed.update(value.node for value in self.nodes[place].inputs.values() if isinstance(value, Socket))
        return sorted(needed)


def spelt_out(text: str) -> str:
    """JSON in which code points that no encoding writes are escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(f"\\u{ord(char):04x}" if ord(char) in SURROGATES else char for char in text)
    return text


def within(value: float, take: Take) -> int | float:
    """The nearest number that an input takes."""
    if isinstance(value, float) and isnan(value):
        return take.least
    return min(max(value, take.least), take.most)


def _filled(role: str, given: object, take: Take, values: Mapping[str, Value]) -> Value:
    value = _looked_up(role, given, values)
    if take.is_number and not isinstance(value, str | Socket):
        return within(value, take)
    return value


def _looked_up(role: str, given: object, values: Mapping[str, Value]) -> Value:
    match given:
        case str() if given.startswith("{") and given.endswith("}"):
            try:
                return values[given[1:-1]]
            except KeyError as error:
                raise TableError(f"graph.toml: nodes.{role} asks for `{given}`, which is not known here") from error
        case str() | int() | float():
            return given
        case _:
            raise TableError(f"graph.toml: nodes.{role}: an input is neither text nor number")


def _node_text(node: Node, number: str, numbers: Mapping[int, str]) -> str:
    """A node as `json.dumps` would indent it, which takes a third of a compilation's time for that."""
    inputs = (f"\n      {_quoted(name)}: {_written(value, numbers)}" for name, value in node.inputs.items())
    return (
        f'  "{number}": {{\n    "inputs": {{{",".join(inputs) + EDGE if node.inputs else ""}}},\n'
        f'    "class_type": {_quoted(node.class_type)},\n'
        f'    "_meta": {{\n      "title": {_quoted(node.title)}\n    }}\n  }}'
    )


def _written(value: Value, numbers: Mapping[int, str]) -> str:
    if isinstance(value, Socket):
        return f'[\n        "{numbers[value.node]}",\n        {value.slot}\n      ]'
    return _quoted(value)


def _quoted(value: str | int | float | bool) -> str:
    return encode_basestring(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
