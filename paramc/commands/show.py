"""`paramc show`: what an image or a settings text says."""

import json
from collections import Counter

from paramc.commands.check import tally
from paramc.commands.outcome import Outcome
from paramc.commands.parser import Arguments
from paramc.commands.sources import Attempt, attempts
from paramc.presentation.console import Console
from paramc.presentation.job import DOT, describe
from paramc.presentation.layout import entries
from paramc.source.model import Source


def run(arguments: Arguments, console: Console) -> Outcome:
    """One screen for each source; only errors are spelled out, the rest is counted."""
    tried = attempts(arguments, console, ("error",))
    screens = [_screen(attempt, console) for attempt in tried if attempt.loaded]
    return Outcome(
        "\n".join(screens),
        [_plain(attempt) for attempt in tried],
        tuple(attempt.said for attempt in tried),
        code=max(attempt.code for attempt in tried),
    )


def _screen(attempt: Attempt, console: Console) -> str:
    if attempt.loaded is None:
        return ""
    source = attempt.loaded.source
    counts = Counter[str](item.severity for item in attempt.said.diagnostics)
    checks = [("checks", f"{tally(counts)}{DOT}`paramc check` prints them")] if counts else []
    lines = [("source", _origin(source)), *describe(attempt.loaded.job), *checks]
    return entries(lines, console.output)


def _origin(source: Source) -> str:
    size = f"{source.size[0]} × {source.size[1]} pixels" if source.size else ""
    others = f"{len(source.others)} other texts" if source.others else ""
    return DOT.join(filter(None, (source.name, source.carrier, source.encoding, size, others)))


def _plain(attempt: Attempt) -> object:
    if attempt.loaded is None:
        return {"source": attempt.name, "job": None}
    source, job = attempt.loaded.source, attempt.loaded.job
    origin = {"carrier": source.carrier, "encoding": source.encoding, "size": source.size}
    return {"source": source.name, **origin, "job": json.loads(job.model_dump_json())}
