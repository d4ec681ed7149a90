"""A sweep written for another program: a loop where the target has one, else a file for each cell and an index.

On request one graph does what the graphs of all cells do.
"""

from collections.abc import Iterator, Mapping
from graphlib import CycleError
from typing import Final

from paramc.backends.description import Target
from paramc.backends.graph.engine import drawn_text
from paramc.backends.graph.joined import Part, joined_text
from paramc.backends.looped import Unlike, loop_script
from paramc.backends.registry import engine, find_target
from paramc.backends.report import Artifact, File
from paramc.commands.grid_request import Done, Request, drawn
from paramc.commands.outcome import Output
from paramc.commands.outputs import check_place, make_folder
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import compiled, target_folders
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import VerifyError
from paramc.ir.sweep import Cell

SCRIPTS: Final = "template"  # the engine whose artefacts can say a loop
GRAPHS: Final = "graph"  # the engine whose artefacts can be joined
SUFFIX: Final = ".py"
PREFIX: Final = "filename_prefix"  # the option of graphs that says what pictures are called
FORM: Final = "form"
DRAWN: Final = "ui"


def write_sweep(request: Request, arguments: Arguments) -> Done:
    """One script with a loop, one graph, or a file for each cell with an index.

    Raises Refused for a place that is taken, UsageError for one graph of a target that has none.
    """
    target = find_target(str(arguments.to), target_folders(arguments))
    if arguments.one_graph and target.engine != GRAPHS:
        raise UsageError(f"`--one-graph` is for targets of graphs; `{target.name}` is none")
    artifacts = {
        cell.place: compiled(cell.job, target.name, arguments, options=_options(request, cell, arguments))
        for cell in request.cells
    }
    said = dict.fromkeys((*drawn(request), *(item for one in artifacts.values() for item in one.diagnostics)))
    outputs: tuple[Output, ...] = ()
    if target.engine == SCRIPTS:
        try:
            outputs = (_loop(request, artifacts, target),)
        except Unlike:
            said[diagnose("PC837", target=target.name)] = None
    if arguments.one_graph:
        outputs = tuple(_joined(request, artifacts, target, arguments))
    outputs = outputs or tuple(_apart(request, artifacts))
    make_folder(request.folder)
    for output in outputs:
        check_place(output.path, force=arguments.force)
    return Done(result={"files": [str(output.path) for output in outputs]}, diagnostics=tuple(said), files=outputs)


def _options(request: Request, cell: Cell, arguments: Arguments) -> dict[str, str]:
    """What the command line chooses; in one graph the pictures of each cell have a name of their own."""
    options = dict(arguments.options)
    if not arguments.one_graph:
        return options
    return {PREFIX: request.file(cell).stem, **{name: text for name, text in options.items() if text != DRAWN}}


def _loop(request: Request, artifacts: Mapping[tuple[int, ...], Artifact], target: Target) -> Output:
    """Raises Unlike, and VerifyError for a script that would not run."""
    first = next(iter(artifacts.values())).files[0]
    if any(len(artifact.files) != 1 or not artifact.files[0].name.endswith(SUFFIX) for artifact in artifacts.values()):
        raise Unlike(first.name)
    text = loop_script([artifacts[cell.place].text for cell in request.cells], request.sweep, target)
    name = f"{request.name}{SUFFIX}"
    _verified(request, target, File(name, text))
    return Output(request.folder / name, text)


def _joined(
    request: Request, artifacts: Mapping[tuple[int, ...], Artifact], target: Target, arguments: Arguments
) -> Iterator[Output]:
    """The graph, and what its pictures are called where that is ours. Raises VerifyError for one that would not run."""
    parts = [Part(request.title(cell), artifacts[cell.place].text) for cell in request.cells]
    try:
        text = joined_text(parts)
    except CycleError as error:
        raise UsageError("`--one-graph` joins no graphs whose links run in a circle") from error
    if dict(arguments.options).get(FORM) == DRAWN:
        text = drawn_text(text, target)
    name = f"{request.name}.{target.name}{target.suffix}"
    _verified(request, target, File(name, text))
    yield Output(request.folder / name, text)
    stems = {cell.place: request.file(cell).stem for cell in request.cells}
    names = {place: stem for place, stem in stems.items() if stem in artifacts[place].text}
    yield Output(request.index, request.index_text(names))


def _verified(request: Request, target: Target, file: File) -> None:
    _, verify = engine(target)
    wrong = verify(request.job, target, (file,))
    if any(item.severity == "error" for item in wrong):
        raise VerifyError(*wrong)


def _apart(request: Request, artifacts: Mapping[tuple[int, ...], Artifact]) -> Iterator[Output]:
    """The files of each cell, those of equal settings once, and what is where."""
    names: dict[tuple[int, ...], str] = {}
    texts: dict[str, str] = {}
    for cell in request.cells:
        for number, file in enumerate(artifacts[cell.place].files):
            ending = f"-{number}" if number else ""
            name = f"{request.file(cell).stem}{ending}.{file.name.partition('.')[2]}"
            names.setdefault(cell.place, name)
            texts[name] = file.text
    yield from (Output(request.folder / name, text) for name, text in texts.items())
    yield Output(request.index, request.index_text(names))
