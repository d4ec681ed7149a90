"""`paramc grid`: a sweep over settings, painted here or written for another program."""

from paramc.api import check
from paramc.commands.grid_files import write_sweep
from paramc.commands.grid_painting import paint_sweep
from paramc.commands.grid_request import requested
from paramc.commands.outcome import EVERYTHING, FINE, USAGE, Outcome, Refused, Said
from paramc.commands.outputs import picture_folder
from paramc.commands.painting import asked, demo_remarks, picture_stem
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import about, load_source, open_argument
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.axes import check_sweep, read_sweep
from paramc.dialects.plots import read_plot
from paramc.ir.job import Job
from paramc.ir.sweep import Sweep
from paramc.presentation.console import Console

NO_AXES = "the settings speak of no grid that can be swept: `--axis` says what varies, as in `--axis seed=1..4`"


def run(arguments: Arguments, console: Console) -> Outcome:
    """The pictures of a sweep with a sheet and a page, or with `--to` the files of a target."""
    if arguments.output is None:
        raise UsageError("`-o` is missing: the folder for the pictures")
    if arguments.one_graph and arguments.to is None:
        raise UsageError("`--one-graph` says how `--to` writes a sweep; without it the pictures are painted here")
    folder = picture_folder(arguments.output)
    source = open_argument(arguments.source, console, hidden=arguments.hidden)
    loaded = load_source(source, arguments)
    with about(source):
        job = asked(loaded.job, arguments)
        sweep, noticed = _sweep(job, arguments)
        remarks = demo_remarks(loaded.job, arguments)
        told = Said((*loaded.diagnostics, *noticed, *remarks, *check(job)), source)
        if told.code != FINE:
            return Outcome(said=(told,), code=told.code)
        request = requested(job, sweep, folder, picture_stem(source), arguments)
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
