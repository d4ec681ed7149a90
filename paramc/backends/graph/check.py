"""Checking a written graph: it is JSON, and every node, input, number, word and link is one that the server knows."""

import json
from collections.abc import Iterator, Mapping

from paramc.backends.description import Target
from paramc.backends.graph.tables import Definition, Take, definitions
from paramc.backends.report import File
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.job import Job


def verify(job: Job, target: Target, files: tuple[File, ...]) -> tuple[Diagnostic, ...]:
    """What is wrong with the files that `emit` wrote: nothing, or a mistake of paramc."""
    known = definitions(target.folder)
    return tuple(
        diagnose("PC790", target=target.name, file=file.name, problem=problem)
        for file in files
        for problem in graph_problems(file.text, known)
    )


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
            return "" if value in take.words else f"is `{value}`, which is no choice"
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
