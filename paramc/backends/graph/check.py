"""Checking a written graph: it is JSON, and every node, input, number, word and link is one that the server knows."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramc.backends.description import Target
from paramc.backends.graph.tables import Definition, Take, definitions
from paramc.backends.report import File
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.ledger import drawing

DRAWN = '"last_node_id"'  # at the head of a workflow
HEAD = 100  # characters
EXACT = 2**53


def verify(job: Job, target: Target, files: tuple[File, ...]) -> tuple[Diagnostic, ...]:
    """What is wrong with the files that `emit` wrote: mistakes of paramc, and what a graph read back has lost.

    The nodes of a graph that somebody else drew are theirs.
    """
    known = definitions(target.folder)
    drawn = drawing(job.ledger) is not None
    queued = {} if drawn else {file.name: _queued(file.text, target) for file in files}
    mistakes = (
        diagnose("PC790", target=target.name, file=name, problem=problem)
        for name, text in queued.items()
        for problem in graph_problems(text, known)
    )
    lost = (lost for file in files if drawn for lost in _lost(job, file.text, target))
    packs = (pack for text in queued.values() for pack in _named(text, _packs(target.folder)))
    newer = (word for text in queued.values() for word in _named(text, _newer(target.folder)))
    told = (
        *(diagnose("PC857", pack=pack, target=target.name) for pack in dict.fromkeys(packs)),
        *(diagnose("PC859", word=word, target=target.name) for word in dict.fromkeys(newer)),
    )
    return (*mistakes, *lost, *(long for file in files for long in _long_numbers(job, file.text, target)), *told)


class _Sign(NamedTuple):
    """Words between quotation marks, which all stand in a text that has to do with what is `meant`."""

    words: tuple[str, ...]
    meant: str


def _named(text: str, signs: tuple[_Sign, ...]) -> Iterator[str]:
    """What a graph has to do with; a look at the text tells whether it may be anything."""
    return (sign.meant for sign in signs if all(word in text for word in sign.words))


@cache
def _packs(folder: Path) -> tuple[_Sign, ...]:
    """What has to be installed for a graph."""
    known = definitions(folder).items()
    return tuple(_Sign((f'"{name}"',), definition.pack) for name, definition in known if definition.pack)


@cache
def _newer(folder: Path) -> tuple[_Sign, ...]:
    """What only later servers know of a graph."""
    signs: list[_Sign] = []
    for name, definition in definitions(folder).items():
        words = [name] if definition.newer else [word for take in definition.takes.values() for word in take.newer]
        signs += (_Sign((f'"{name}"', f'"{word}"'), word) for word in words)
    return tuple(signs)


def _lost(job: Job, text: str, target: Target) -> Iterator[Diagnostic]:
    from paramc.backends.graph.kept import lost_values  # only for jobs that were read from a graph

    return lost_values(job, target, text)


def _long_numbers(job: Job, text: str, target: Target) -> Iterator[Diagnostic]:
    """Seeds with more digits than the numbers of an editor that runs in a browser have."""
    seeds = (("noise.seed", job.noise.seed), ("stages.hires.seed", job.hires.seed if job.hires else None))
    for path, seed in seeds if DRAWN in text[:HEAD] else ():
        if seed is not None and seed > EXACT:
            yield diagnose("PC665", path=path, where=path, seed=seed, target=target.name)


def _queued(text: str, target: Target) -> str:
    """A workflow as its frontend would queue it; a graph as it is."""
    if DRAWN not in text[:HEAD]:
        return text
    from paramc.dialects.graph.load import load_graph  # only where somebody asks for it
    from paramc.dialects.graph.read import written

    dialect = find_dialect(str(target.dialect), target.grammars)
    return written(load_graph(text, dialect, limit=len(text)))


def graph_problems(text: str, known: Mapping[str, Definition]) -> Iterator[str]:
    """Each mistake of a graph in the API format, in words."""
    try:
        text.encode()
        graph: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield f"not JSON: {error}"
        return
    if not isinstance(graph, dict) or not graph:
        yield "not an object with nodes"
        return
    classes = {key: _class_of(node) for key, node in graph.items()}
    for key, node in graph.items():
        definition = known.get(classes[key])
        if definition is None:
            yield f"node {key}: no class `{classes[key]}`"
        else:
            yield from (
                f"node {key} ({classes[key]}): {problem}" for problem in _problems(node, definition, classes, known)
            )
    if not any(definition.ends for name in classes.values() if (definition := known.get(name))):
        yield "no node ends the graph"


def _class_of(node: object) -> str:
    return str(node.get("class_type")) if isinstance(node, dict) else ""


def _problems(
    node: object, definition: Definition, classes: Mapping[str, str], known: Mapping[str, Definition]
) -> Iterator[str]:
    inputs = node.get("inputs") if isinstance(node, dict) else None
    if not isinstance(inputs, dict):
        yield "has no inputs"
        return
    for name, take in definition.takes.items():
        if name not in inputs:
            if take.required:
                yield f"`{name}` is missing"
            continue
        problem = _mismatch(inputs[name], take, classes, known)
        if problem:
            yield f"`{name}` {problem}"
    yield from (f"takes no `{name}`" for name in inputs if name not in definition.takes)


def _mismatch(value: object, take: Take, classes: Mapping[str, str], known: Mapping[str, Definition]) -> str:
    """Why `value` cannot go into the input; empty when it can."""
    match value:
        case [str() as source, int() as slot]:
            return _wrong_link(source, slot, take.type, classes, known)
        case list():
            return "is a malformed link"
        case bool():
            return "" if take.type == "BOOLEAN" else f"is a switch, not {take.type}"
        case int() | float() if take.is_number:
            whole = take.type == "FLOAT" or isinstance(value, int)
            fits = whole and take.least <= value <= take.most
            return "" if fits else f"is {value}, not {take.type} in {take.least}..{take.most}"
        case str() if take.type == "CHOICE":
            return "" if value in (*take.words, *take.newer) else f"is `{value}`, which is no choice"
        case str() if take.type in ("STRING", "FILE"):
            return "" if value or take.type == "STRING" else "is empty"
        case _:
            return f"is {value!r}, not {take.type}"


def _wrong_link(
    source: str, slot: int, wanted: str, classes: Mapping[str, str], known: Mapping[str, Definition]
) -> str:
    definition = known.get(classes.get(source, ""))
    if definition is None:
        return f"links to `{source}`, which is no node"
    if not 0 <= slot < len(definition.gives):
        return f"links to output {slot} of `{source}`, which it has not"
    given = definition.gives[slot]
    return "" if given == wanted else f"links to {given}, not {wanted}"
