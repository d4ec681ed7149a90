"""`paramc grid`: a sweep over settings, painted here or written for another program."""

import os
from pathlib import Path, PurePath

from paramc.api import check
from paramc.commands.grid_files import write_sweep
from paramc.commands.grid_painting import paint_sweep
from paramc.commands.grid_request import requested
from paramc.commands.outcome import EVERYTHING, FINE, USAGE, Outcome, Refused, Said
from paramc.commands.outputs import make_folder, safe_name
from paramc.commands.painting import asked, asks_for_demo, demo_remarks
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import about, load_source, open_argument
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.axes import check_sweep, read_sweep
from paramc.dialects.plots import read_plot
from paramc.ir.job import Job
from paramc.ir.sweep import Sweep
from paramc.presentation.console import Console
from paramc.source.model import Source

NO_AXES = "the settings speak of no grid that can be swept: `--axis` says what varies, as in `--axis seed=1..4`"


def run(arguments: Arguments, console: Console) -> Outcome:
    """The pictures of a sweep with a sheet and a page, or with `--to` the files of a target."""
    folder = _folder(arguments)
    source = open_argument(arguments.source, console, hidden=arguments.hidden)
    loaded = load_source(source, arguments)
    with about(source):
        job = asked(loaded.job, arguments)
        sweep, noticed = _sweep(job, arguments)
        remarks = demo_remarks(loaded.job) if asks_for_demo(arguments) else ()
        told = Said((*loaded.diagnostics, *noticed, *remarks, *check(job)), source)
        if told.code != FINE:
            return Outcome(said=(told,), code=told.code)
        request = requested(job, sweep, folder, _stem(source), arguments)
        done = write_sweep(request, arguments) if arguments.to else paint_sweep(request, arguments, console)
    shown = Said(done.diagnostics, source, EVERYTHING) if done.diagnostics else None
    return Outcome(
        done.text,
        done.result,
        (told, *([shown] if shown else [])),
        remarks=done.remarks,
        files=done.files,
        code=done.code,
    )


def _sweep(job: Job, arguments: Arguments) -> tuple[Sweep, tuple[Diagnostic, ...]]:
    """The axes of the command line, or those that the settings speak of. Raises Refused for none at all."""
    if arguments.axes:
        return read_sweep(arguments.axes, job), ()
    read = read_plot(job)
    if not read.sweep.axes:
        missing = diagnose("PC800", message=NO_AXES, verb="grid")
        raise Refused(Said((*read.diagnostics, missing), shown=EVERYTHING), USAGE)
    check_sweep(read.sweep, job)
    return read.sweep, read.diagnostics


def _folder(arguments: Arguments) -> Path:
    if arguments.output is None:
        raise UsageError("`-o` is missing: the folder for the pictures")
    folder = Path(arguments.output)
    if not os.path.isdir(folder):  # noqa: PTH112  # Path raises for names that are too long
        if os.path.exists(folder) or not os.path.isdir(folder.parent):  # noqa: PTH110, PTH112  # as above
            raise UsageError(f"there is no folder `{folder}`")
        make_folder(folder)
    return folder


def _stem(source: Source) -> str:
    return safe_name("picture" if source.name.startswith("<") else PurePath(source.name).stem)
