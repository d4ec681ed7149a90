"""From an input of a node back to the setting that it came from."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from paramc.diagnostics.model import Span
from paramc.dialects.graph.values import Json, as_object, as_text
from paramc.ir.job import Job
from paramc.ir.ledger import Stated, drawing
from paramc.server.tables import ServerTables


class Setting(NamedTuple):
    """What the user called the value, the path of the value, and where it stands in the source."""

    word: str
    path: str | None = None
    span: Span | None = None


class Blame:
    """Finds the setting behind an input of a graph that was made from a job."""

    def __init__(self, job: Job, graph: Mapping[str, Json], tables: ServerTables) -> None:
        self._graph, self._tables = graph, tables
        self._stated = () if drawing(job.ledger) else job.ledger

    def setting(self, node: str, name: str, value: Json = None) -> Setting:
        """The setting of the input `name`; the node itself where no setting stands for it."""
        candidates = list(self._candidates(name))
        said = _as_said(value)
        for path, stated in candidates:
            place = stated.raw.lower().find(said) if said else -1
            if place >= 0 and stated.span is not None:
                return Setting(_word(stated, path), path, _part(stated, place, len(said)))
        if candidates:
            path, stated = candidates[-1]
            return Setting(_word(stated, path), path, stated.span)
        return Setting(f"{name} of {self.title(node)}")

    def title(self, node: str) -> str:
        """What people call a node: its title with its id."""
        found = as_object(self._graph.get(node))
        title = as_text(as_object(found.get("_meta")).get("title")) or as_text(found.get("class_type")) or "node"
        return f"{title[:80]} (node {node[:20]})"

    def _candidates(self, name: str) -> Iterator[tuple[str, Stated]]:
        for path in self._tables.settings.get(name, ()):
            for stated in self._stated:
                if any(own == path or own.startswith((f"{path}.", f"{path}[")) for own in stated.paths):
                    yield path, stated


def _word(stated: Stated, path: str) -> str:
    return stated.key or path


def _as_said(value: Json) -> str:
    """A value as a settings text may spell it: a file without folder and suffix."""
    match value:
        case str():
            return PurePosixPath(value.replace("\\", "/")).stem.lower()
        case float() if value.is_integer():
            return str(int(value))
        case bool() | None:
            return ""
        case int() | float():
            return str(value)
        case _:
            return ""


def _part(stated: Stated, place: int, length: int) -> Span | None:
    """The value inside what is stated, where its raw text stands in the source as it is."""
    span = stated.span
    if span is None or span.end - span.start < len(stated.raw):
        return span
    start = span.end - len(stated.raw) + place
    return Span(start, start + length)
