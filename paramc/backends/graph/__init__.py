"""The engine of graph targets: a Plan as nodes and links, by graph.toml and nodes.toml of the target."""

from paramc.backends.graph.check import verify
from paramc.backends.graph.engine import emit

__all__ = ["emit", "verify"]
