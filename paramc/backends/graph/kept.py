"""The graph that a job was read from, with only those widgets changed whose values the job has no more."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from paramc.backends.description import Target
from paramc.backends.graph.builder import spelt_out
from paramc.backends.graph.context import loader_name
from paramc.backends.graph.tables import GraphTables, graph_tables
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.description import Dialect
from paramc.dialects.graph.found import Found
from paramc.dialects.graph.jobs import Reading
from paramc.dialects.graph.load import load_graph
from paramc.dialects.graph.making import SUFFIX
from paramc.dialects.graph.model import Graph, Link, Value
from paramc.dialects.graph.read import readings, written
from paramc.dialects.graph.roles import Roles, roles_of
from paramc.dialects.registry import find_dialect
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.ledger import drawing
from paramc.ir.names import MODEL_UPSCALER, UNKNOWN
from paramc.ir.paths import leaves
from paramc.ir.prompt import Prompt
from paramc.passes.upgrade import upgrade_job

ENGINE: Final = "graph"
BESIDE: Final = frozenset({"status", "hashes", "path", "urn", "version", "network"})  # of a file: no node says them
PICTURES: Final = (".init.path", ".image.path", ".mask.path")  # which nodes do say
FILES: Final = ("name", "upscaler")  # ends of paths of files that are told by name
UNBOUND: Final = 2**63  # characters: what was read once is read again
ABSENT: Final = "unset"
SHOWN: Final = 60
ENLARGED: Final = "stages.hires.size"
FACTOR: Final = "stages.hires.scale"


def kept_graph(job: Job, target: Target) -> str | None:
    """The graph in the ledger of a job as JSON, changed to what the job says now.

    None where there is none, and where a change takes more than other values.
    """
    dialect = source_dialect(job, target)
    source = drawing(job.ledger)
    if dialect is None or source is None:
        return None
    graph = load_graph(source, dialect, limit=UNBOUND)
    found = readings(graph, dialect)
    if not found:
        return None
    index = min(range(len(found)), key=lambda number: len(differences(job, found[number].job, dialect)))
    changed = _changed(graph, found[index], job, dialect, target)
    if changed is None:
        return None
    again = readings(changed, dialect)
    if len(again) != len(found) or differences(job, again[index].job, dialect):
        return None
    whole = changed if len(found) == 1 else _only(changed, again[index])
    return spelt_out(json.dumps(json.loads(written(whole)), indent=2, ensure_ascii=False)) + "\n"


def source_dialect(job: Job, target: Target) -> Dialect | None:
    """The dialect of a job that was read from a graph."""
    dialect = find_dialect(job.producer.dialect, target.grammars)
    return dialect if dialect.engine == ENGINE else None


def differences(job: Job, other: Job, dialect: Dialect) -> Mapping[str, object]:
    """The values of a job that a reading does not have, by path; absent ones are None."""
    theirs = dict(leaves(upgrade_job(other, dialect)))
    own = dict(leaves(job))
    return {
        path: own.get(path)
        for path in (own | theirs)
        if _read(path, own.get(path)) != _read(path, theirs.get(path))
        and (path.endswith(PICTURES) or path.rpartition(".")[2] not in BESIDE)
    }


def _read(path: str, value: object) -> object:
    """A value as a graph is read: files without the suffix that goes without saying, pictures as loaders name them."""
    if not isinstance(value, str):
        return value
    if path.endswith(PICTURES):
        return loader_name(value)
    return value.removesuffix(SUFFIX) if path.rpartition(".")[2] in FILES else value


def lost_values(job: Job, target: Target, text: str) -> Iterator[Diagnostic]:
    """Whether a written graph is not the one that a job was read from, and what it does not say of the job."""
    dialect, source = source_dialect(job, target), drawing(job.ledger)
    if dialect is None or source is None:
        return
    graph = load_graph(text, dialect, limit=UNBOUND)
    if _classes(graph) - _classes(load_graph(source, dialect, limit=UNBOUND)):
        yield diagnose("PC666")
    found = readings(graph, dialect)
    missing = min((differences(job, reading.job, dialect) for reading in found), key=len, default={})
    for path, value in missing.items():
        yield diagnose("PC664", path=path, where=path, value=str(ABSENT if value is None else value)[:SHOWN])


def _classes(graph: Graph) -> Counter[str]:
    return Counter(node.type for node in graph.nodes.values())


def _changed(graph: Graph, reading: Reading, job: Job, dialect: Dialect, target: Target) -> Graph | None:
    """The graph with new values in the widgets of what differs; None where something has no widget."""
    tables, roles = graph_tables(target.folder), roles_of(dialect)
    nodes = dict(graph.nodes)
    for place, part in _parts(job, differences(job, reading.job, dialect), reading):
        widgets = reading.widgets.get(place, ())
        for found in widgets:
            node = nodes[found.node]
            spelt = _spelt(place, part, found, tables, roles, node.inputs)
            if spelt is None:
                return None
            nodes[found.node] = node._replace(inputs={**node.inputs, found.input: spelt})
        if not widgets:
            return None
    return Graph(nodes)


def _parts(job: Job, values: Mapping[str, object], reading: Reading) -> Iterator[tuple[str, object]]:
    """Values as widgets have them: sizes by their sides, and so what is enlarged by a factor."""
    hires = job.hires
    scaled = bool(hires and hires.scale and job.size and f"{ENLARGED}.width" in reading.widgets)
    for path, value in values.items():
        if isinstance(value, Size):
            yield from zip((f"{path}.width", f"{path}.height"), value, strict=True)
        elif not (scaled and path in (FACTOR, ENLARGED)):
            yield path, value
    if scaled and hires and hires.scale and job.size and {"size", FACTOR, ENLARGED} & values.keys():
        yield f"{ENLARGED}.width", int(job.size.width * hires.scale)
        yield f"{ENLARGED}.height", int(job.size.height * hires.scale)


def _spelt(
    path: str, value: object, found: Found, tables: GraphTables, roles: Roles, inputs: Mapping[str, Value]
) -> str | int | float | None:
    """A value as its widget spells it; None where it cannot."""
    name = path.rpartition(".")[2]
    match value:
        case Prompt():
            return value.text
        case str() if name == "sampler":
            word = value.removeprefix(UNKNOWN) if value.startswith(UNKNOWN) else tables.sampler(value).name
            return word if roles.sampler(word) == value else None
        case str() if name == "schedule":
            word = value.removeprefix(UNKNOWN) if value.startswith(UNKNOWN) else tables.schedule(value).name
            return word if roles.schedule(word) == value else None
        case str() if name in FILES:
            return _file(value, str(inputs.get(found.input)), tables)
        case str() if path.endswith(PICTURES):
            return loader_name(value)
        case float() if value.is_integer() and type(inputs.get(found.input)) is int:
            return int(value)
        case bool() | int() | float() | str():
            return value
        case _:
            return None


def _file(value: str, before: str, tables: GraphTables) -> str:
    """A file name, with the suffix of the one before where it has none."""
    value = value.removeprefix(MODEL_UPSCALER)
    if value.lower().endswith(tables.files.suffixes):
        return value
    old = next((suffix for suffix in tables.files.suffixes if before.lower().endswith(suffix)), SUFFIX)
    return value + old


def _only(graph: Graph, reading: Reading) -> Graph:
    """Those nodes that the result of a reading is made of."""
    wanted: dict[str, None] = {}
    waiting = [reading.output]
    while waiting:
        node = graph.nodes.get(waiting.pop())
        if node and node.id not in wanted:
            wanted[node.id] = None
            waiting += [value.node for value in node.inputs.values() if isinstance(value, Link)]
    return Graph({name: node for name, node in graph.nodes.items() if name in wanted})
