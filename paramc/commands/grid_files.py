"""A sweep written for another program: a loop where the target has one, else a file for each cell and an index."""

from collections.abc import Iterator, Mapping
from typing import Final

from paramc.api import compile as compile_job
from paramc.backends.description import Target
from paramc.backends.looped import Unlike, loop_script
from paramc.backends.registry import engine, find_target
from paramc.backends.report import Artifact, File
from paramc.commands.grid_request import Done, Request, drawn
from paramc.commands.outcome import Output
from paramc.commands.outputs import check_place
from paramc.commands.parser import Arguments
from paramc.commands.sources import grammar_folders, target_folders
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import VerifyError
from paramc.ir.sweep import Cell

SCRIPTS: Final = "template"  # the engine whose artefacts can say a loop
SUFFIX: Final = ".py"


def write_sweep(request: Request, arguments: Arguments) -> Done:
    """One script with a loop, or a file for each cell with an index. Raises Refused for a place that is taken."""
    target = find_target(str(arguments.to), target_folders(arguments))
    artifacts = {cell.place: _compiled(cell, arguments) for cell in request.cells}
    said = dict.fromkeys((*drawn(request), *(item for one in artifacts.values() for item in one.diagnostics)))
    outputs: tuple[Output, ...] = ()
    if target.engine == SCRIPTS:
        try:
            outputs = (_loop(request, artifacts, target),)
        except Unlike:
            said[diagnose("PC837", target=target.name)] = None
    outputs = outputs or tuple(_apart(request, artifacts))
    for output in outputs:
        check_place(output.path, force=arguments.force)
    return Done(result={"files": [str(output.path) for output in outputs]}, diagnostics=tuple(said), files=outputs)


def _compiled(cell: Cell, arguments: Arguments) -> Artifact:
    return compile_job(
        cell.job,
        str(arguments.to),
        options=dict(arguments.options),
        targets=target_folders(arguments),
        grammars=grammar_folders(arguments),
    )


def _loop(request: Request, artifacts: Mapping[tuple[int, ...], Artifact], target: Target) -> Output:
    """Raises Unlike, and VerifyError for a script that would not run."""
    first = next(iter(artifacts.values())).files[0]
    if any(len(artifact.files) != 1 or not artifact.files[0].name.endswith(SUFFIX) for artifact in artifacts.values()):
        raise Unlike(first.name)
    text = loop_script([artifacts[cell.place].text for cell in request.cells], request.sweep, target)
    name = f"{request.name}{SUFFIX}"
    _, verify = engine(target)
    wrong = verify(request.job, target, (File(name, text),))
    if any(item.severity == "error" for item in wrong):
        raise VerifyError(*wrong)
    return Output(request.folder / name, text)


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
