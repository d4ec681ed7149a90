"""A graph as the server runs it: nodes with values and links by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from paramc.diagnostics.model import Diagnostic
from paramc.dialects.graph.values import Json


class Link(NamedTuple):
    """An output of a node."""

    node: str
    slot: int


Value: TypeAlias = "Json | Link"
Place: TypeAlias = tuple[str, str]
"""An input: the id of its node and its name."""


class Node(NamedTuple):
    """One node. `title` is what the user called it, empty where nobody did; `gives`: types of its outputs, if told."""

    id: str
    type: str
    inputs: Mapping[str, Value]
    title: str = ""
    gives: tuple[str, ...] = ()

    def link(self, name: str) -> Link | None:
        """Where the input `name` comes from; None where it is a value or absent."""
        value = self.inputs.get(name)
        return value if isinstance(value, Link) else None

    def value(self, name: str) -> Json:
        """The value of the input `name`; None where it is a link or absent."""
        value = self.inputs.get(name)
        return None if isinstance(value, Link) else value


@dataclass(slots=True)
class Graph:
    """The nodes by id, in the order of the source, and what was to be said while they were read.

    `borrowed`: inputs whose value stands in another node, which a bundle has brought; `crossed`: nodes on the way of
    bundles that may have changed what is in them.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    borrowed: dict[Place, Place] = field(default_factory=dict)
    crossed: dict[str, None] = field(default_factory=dict)
