"""`paramc doctor`: what a server has, and what it lacks for the graph of a source."""

from collections.abc import Iterator, Mapping, Sequence

from paramc.commands.outcome import EVERYTHING, Outcome, Said
from paramc.commands.parser import Arguments
from paramc.commands.serving import Drawn, client_of, drawn_of
from paramc.commands.sources import about
from paramc.dialects.graph.values import Json, as_list, as_object
from paramc.presentation.console import Console
from paramc.presentation.layout import entries, table
from paramc.server.complaints import lacking
from paramc.server.needs import Need, Stock, needs

GIB = 2**30


def run(arguments: Arguments, console: Console) -> Outcome:
    """What the server says of itself; with a source, what its graph is made of and what of that is missing."""
    client = client_of(arguments)
    drawn = drawn_of(arguments, console) if arguments.source is not None else None
    with about(None):
        state, stock = client.state(), Stock(client.nodes())
    facts = [("server", client.wire.address.url), *_facts(state), ("nodes", f"{len(stock.classes):,} classes")]
    text = entries(facts, console.output)
    result: dict[str, object] = dict(facts)
    if drawn is None:
        return Outcome(text, result)
    found = list(needs(drawn.graph, stock, drawn.tables, uploaded=True))
    asked = list(_asked(drawn, found))
    said = Said(tuple(lacking(found, drawn.blame, drawn.tables)), drawn.source, EVERYTHING)
    result |= {"asked": asked, "lacks": [need._asdict() for need in found]}
    text += "\n" + table(("on the server", "asked for", "by"), asked, console.output)
    return Outcome(text, result, (drawn.said, said), report=drawn.artifact.report, code=said.code)


def _facts(state: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    system = as_object(state.get("system"))
    for name, key in (("version", "comfyui_version"), ("python", "python_version"), ("torch", "pytorch_version")):
        value = system.get(key)
        if isinstance(value, str):
            yield name, value[:100]
    for device in map(as_object, as_list(state.get("devices"))):
        free, total = device.get("vram_free"), device.get("vram_total")
        room = ""
        if isinstance(free, int | float) and isinstance(total, int | float):
            room = f", {free / GIB:.1f} of {total / GIB:.1f} GiB free"
        yield "device", f"{str(device.get('name'))[:100]}{room}"


def _asked(drawn: Drawn, found: Sequence[Need]) -> Iterator[tuple[str, str, str]]:
    """Every class and every file of the graph, with whether the server has it."""
    missing = {(need.node, need.name): need for need in found}
    for node, described in drawn.graph.items():
        shown = as_object(described)
        kind = str(shown.get("class_type"))
        known = (node, "") not in missing
        yield "there" if known else "missing", kind, drawn.blame.title(node)
        for name, value in as_object(shown.get("inputs")).items():
            if name in drawn.tables.files and isinstance(value, str):
                need = missing.get((node, name))
                verdict = "missing" if need else "there" if known else "unknown"  # of a class that it has not
                verdict = f"as {need.renamed}" if need and need.renamed else verdict
                yield verdict, value, drawn.blame.setting(node, name, value).word
