"""`paramc show`: what an image or a settings text says."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from paramc.commands.check import tally
from paramc.commands.outcome import Outcome, Output
from paramc.commands.outputs import check_place
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import Attempt, attempts
from paramc.diagnostics.model import Severity
from paramc.dialects.plots import read_plot
from paramc.ir.base import json_of
from paramc.presentation.console import Console
from paramc.presentation.grid import sweep_text
from paramc.presentation.job import DOT
from paramc.presentation.layout import counted
from paramc.presentation.screen import job_picture, job_screen
from paramc.source.model import Source


def run(arguments: Arguments, console: Console) -> Outcome:
    """One screen for each source; only errors are spelled out, the rest is counted."""
    tried = attempts(arguments, console, ("error",))
    screens = [_screen(attempt, console) for attempt in tried if attempt.loaded]
    return Outcome(
        "\n".join(screens),
        [_plain(attempt) for attempt in tried],
        tuple(attempt.said for attempt in tried),
        files=_pictures(tried, arguments),
        code=max(attempt.code for attempt in tried),
    )


def _screen(attempt: Attempt, console: Console) -> str:
    if attempt.loaded is None:
        return ""
    source = attempt.loaded.source
    counts = Counter[Severity](item.severity for item in attempt.said.diagnostics)
    checks = [("checks", f"{tally(counts)}{DOT}`paramc check` prints them")] if counts else []
    grid = ("grid", sweep_text(read_plot(attempt.loaded.job).sweep))
    return job_screen(attempt.loaded.job, [("source", _origin(source))], [grid, *checks], console.output)


def _pictures(tried: Sequence[Attempt], arguments: Arguments) -> tuple[Output, ...]:
    """The curve of the noise levels, of the only source, for `--svg`. Raises UsageError and Refused."""
    if arguments.svg is None:
        return ()
    if len(tried) != 1 or tried[0].loaded is None:
        raise UsageError("`--svg` draws one source")
    picture = job_picture(tried[0].loaded.job)
    if not picture:
        raise UsageError("`--svg` has no formula for this schedule")
    check_place(Path(arguments.svg), force=arguments.force)
    return (Output(Path(arguments.svg), picture),)


def _origin(source: Source) -> str:
    size = f"{source.size[0]} × {source.size[1]} pixels" if source.size else ""
    others = counted(len(source.others), "other text") if source.others else ""
    return DOT.join(filter(None, (source.name, source.carrier, source.encoding, size, others)))


def _plain(attempt: Attempt) -> object:
    if attempt.loaded is None:
        return {"source": attempt.name, "job": None}
    source, job = attempt.loaded.source, attempt.loaded.job
    origin = {"carrier": source.carrier, "encoding": source.encoding, "size": source.size}
    sweep = read_plot(job).sweep
    grid = {"sweep": json.loads(json_of(sweep)), "pictures": sweep.count} if sweep.axes else {}
    return {"source": source.name, **origin, "job": json.loads(json_of(job)), **grid}
