"""Graph texts → Jobs, with a ledger that keeps the whole graph."""

import json
from collections.abc import Mapping
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.description import Dialect
from paramc.dialects.graph.found import Result
from paramc.dialects.graph.jobs import Reading, read_result
from paramc.dialects.graph.load import LIMIT, load_graph
from paramc.dialects.graph.model import Graph, Link, Node
from paramc.dialects.graph.roles import roles_of
from paramc.dialects.graph.trace import trace
from paramc.dialects.graph.values import Json
from paramc.dialects.graph.wiring import wired
from paramc.ir.job import Job
from paramc.ir.ledger import DRAWER, DRAWING, Ledger, Stated
from paramc.ir.paths import plain
from paramc.ir.places import View

OPAQUE: Final = "patches.opaque"
SHOWN: Final = 6  # results that a diagnostic names


def read_graph(
    text: str, dialect: Dialect, *, strict: bool = False, pick: int = 1, limit: int = LIMIT
) -> tuple[Job, tuple[Diagnostic, ...]]:
    """The Job of the result number `pick`, from 1, of a graph.

    Raises ReadError for a text beyond `limit`, and in strict mode for what is no graph.
    """
    graph = load_graph(text, dialect, limit=limit, strict=strict)
    roles = roles_of(dialect)
    straight = wired(graph, roles)
    results, problems = trace(straight, roles)
    problems = (*graph.diagnostics, *problems)
    if not results:
        lone = Job.model_validate({"producer": {"dialect": dialect.name}, "text": {"language": dialect.name}})
        raw = text if not graph.nodes else written(graph)
        stated = (Stated(key=DRAWING, raw=raw, problem="no picture comes out of it"),)
        more = () if not graph.nodes else (diagnose("PC342", count=len(graph.nodes)),)
        return lone.model_copy(update={"ledger": stated}), (*problems, *more)
    index = min(max(pick, 1), len(results)) - 1
    if len(results) > 1:
        problems = (*problems, _several(results, index))
    reading = read_result(results[index], straight, roles, dialect)
    return reading.job.model_copy(update={"ledger": _ledger(reading, graph, results[index])}), problems


def readings(graph: Graph, dialect: Dialect) -> tuple[Reading, ...]:
    """The Job of each result, with the widgets of its values."""
    roles = roles_of(dialect)
    straight = wired(graph, roles)
    return tuple(read_result(result, straight, roles, dialect) for result in trace(straight, roles)[0])


def written(graph: Graph) -> str:
    """The graph as the server takes it."""
    return json.dumps({name: _spelt(node) for name, node in graph.nodes.items()}, ensure_ascii=False)


def _spelt(node: Node) -> dict[str, Json]:
    inputs: dict[str, Json] = {
        name: [value.node, value.slot] if isinstance(value, Link) else _wrapped(value)
        for name, value in node.inputs.items()
    }
    spelt: dict[str, Json] = {"inputs": inputs, "class_type": node.type}
    if node.title:
        spelt["_meta"] = {"title": node.title}
    return spelt


def _wrapped(value: Json) -> Json:
    """A list that is a value has to say so."""
    return {"__value__": value} if isinstance(value, list) else value


def _several(results: tuple[Result, ...], index: int) -> Diagnostic:
    names = [f"{number + 1} = node `{result.node.id}`" for number, result in enumerate(results[:SHOWN])]
    more = [] if len(results) <= SHOWN else ["…"]
    return diagnose("PC339", count=len(results), node=results[index].node.id, others=", ".join(names + more))


def _ledger(reading: Reading, graph: Graph, result: Result) -> Ledger:
    """The drawing as a whole, then each value that the Job has from it, then the nodes that are only named."""
    view = View(reading.job)
    whole = Stated(key=DRAWING, raw=written(graph), paths=(DRAWER,), read=(plain(view.at(DRAWER)),))
    places: dict[tuple[str, str], list[str]] = {}
    for path, widgets in reading.widgets.items():
        for found in widgets:
            places.setdefault((found.node, found.input), []).append(_owner(path, view))
    order = {name: place for place, name in enumerate(graph.nodes)}
    values = tuple(
        Stated(
            key=f"{graph.nodes[node].type} {node} {name}",
            raw=_raw(graph.nodes[node], name),
            paths=tuple(paths),
            read=tuple(plain(view.at(path)) for path in paths),
        )
        for (node, name), paths in sorted(places.items(), key=lambda item: order[item[0][0]])
    )
    return (whole, *values, *_named(reading.job, graph))


def _owner(path: str, view: View) -> str:
    """The value of which a path names a part: sides make a size, or the scale of one."""
    owner, _, side = path.rpartition(".")
    if side not in ("width", "height") or not owner.endswith("size"):
        return path
    return owner if view.at(owner) is not None else f"{owner.removesuffix('size')}scale"


def _raw(node: Node, name: str) -> str:
    value = node.value(name)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _named(job: Job, graph: Graph) -> Ledger:
    opaque = [patch for patch in job.patches if patch.kind == "opaque"]
    entries: list[Stated] = []
    for rank, patch in enumerate(opaque):
        fields: Mapping[str, str] = dict(patch.fields)
        node = graph.nodes.get(fields.get("node", ""))
        path = f"{OPAQUE}[{rank}]" if rank else OPAQUE
        raw = json.dumps(_spelt(node)["inputs"], ensure_ascii=False) if node else ""
        paths = (f"{path}.name", f"{path}.fields")
        key = f"{patch.name} {fields.get('node', '')}"
        read = (plain(patch.name), plain(patch.fields))
        entries.append(Stated(key=key, raw=raw, paths=paths, read=read, problem="not understood"))
    return tuple(entries)
