"""`paramc check`: what is wrong with some settings, whatever the target."""

from collections import Counter

from paramc.commands.outcome import EVERYTHING, Outcome
from paramc.commands.parser import Arguments
from paramc.commands.sources import attempts
from paramc.presentation.console import Console


def run(arguments: Arguments, console: Console) -> Outcome:
    """All diagnostics of every source, and how many there are."""
    tried = attempts(arguments, console, EVERYTHING)
    counts = Counter[str](item.severity for attempt in tried for item in attempt.said.diagnostics)
    return Outcome(
        result={"sources": len(tried)} | {severity: counts[severity] for severity in EVERYTHING},
        said=tuple(attempt.said for attempt in tried),
        remarks=f"{tally(counts)}\n",
        code=max(attempt.code for attempt in tried),
    )


def tally(counts: Counter[str]) -> str:
    """`1 error, 2 warnings`, or that there is nothing."""
    named = (f"{counts[name]} {name}{'s' if counts[name] > 1 else ''}" for name in EVERYTHING if counts[name])
    return ", ".join(named) or "nothing to report"
