"""`paramc check`: what is wrong with some settings, or probably not meant, whatever the target."""

from collections import Counter
from collections.abc import Sequence

from paramc.api import Loaded
from paramc.commands.configuration import Judge, judge_of
from paramc.commands.mending import Mended, mended, written
from paramc.commands.outcome import ERRORS_FOUND, EVERYTHING, FINE, Outcome, Refused, Said
from paramc.commands.parser import Arguments
from paramc.commands.sources import Attempt, attempts
from paramc.diagnostics.model import Severity
from paramc.presentation.console import Console
from paramc.presentation.findings import Findings, github, markdown, sarif
from paramc.presentation.layout import counted
from paramc.source.model import BARE

FOR_PEOPLE = ("text", "json")


def run(arguments: Arguments, console: Console) -> Outcome:
    """All diagnostics of every source, and how many there are; with `--fix`, after what could be mended was."""
    judge = judge_of(arguments)
    tried = attempts(arguments, console, EVERYTHING, judge)
    if arguments.fix:
        return _fixed(tried, arguments, judge)
    return _told(tried, [attempt.said for attempt in tried], arguments, judge)


def tally(counts: Counter[Severity]) -> str:
    """`1 error, 2 warnings`, or that there is nothing."""
    named = (counted(counts[name], name) for name in EVERYTHING if counts[name])
    return ", ".join(named) or "nothing to report"


def _told(tried: Sequence[Attempt], said: Sequence[Said], arguments: Arguments, judge: Judge) -> Outcome:
    counts = _counts(said)
    text = _for_programs(tried, said, arguments)
    return Outcome(
        text=text,
        result=_summed(tried, counts),
        said=tuple(one._replace(shown=()) if arguments.format not in FOR_PEOPLE else one for one in said),
        remarks=f"{tally(counts)}\n",
        laid_out=arguments.format in FOR_PEOPLE,
        code=max(_code(attempt, one, judge) for attempt, one in zip(tried, said, strict=True)),
    )


def _code(attempt: Attempt, said: Said, judge: Judge) -> int:
    """The exit code of one source: its own where nothing could be read of it."""
    if attempt.loaded is None:
        return attempt.code
    return ERRORS_FOUND if judge.fails(said.diagnostics) else FINE


def _for_programs(tried: Sequence[Attempt], said: Sequence[Said], arguments: Arguments) -> str:
    found = [_findings(attempt, one) for attempt, one in zip(tried, said, strict=True)]
    match arguments.format:
        case "sarif":
            from paramc import __version__

            return sarif(found, __version__)
        case "github":
            return github(found)
        case "markdown":
            return markdown(found)
        case _:
            return ""


def _findings(attempt: Attempt, said: Said) -> Findings:
    is_text = said.source is None or said.source.carrier == BARE
    return Findings(attempt.path, said.text, said.diagnostics, is_text)


def _fixed(tried: Sequence[Attempt], arguments: Arguments, judge: Judge) -> Outcome:
    """The outcome with files to write in place of those that were mended; other texts go to standard output."""
    mends = [_mended(attempt, arguments, judge) for attempt in tried]
    said = [_said(attempt, mend, judge) for attempt, mend in zip(tried, mends, strict=True)]
    told = _told(tried, said, arguments, judge)
    files = tuple(output for mend in mends if mend for output in mend.files)
    loose = [mend.loaded.source.text for attempt, mend in zip(tried, mends, strict=True) if mend and not attempt.path]
    count = sum(mend.carried_out for mend in mends if mend)
    return told._replace(
        text=told.text or "".join(text if text.endswith("\n") else f"{text}\n" for text in loose),
        result={"mended": count, "texts": loose, **_summed(tried, _counts(said))},
        said=(*told.said, *(one for mend in mends if mend for one in mend.said)),
        remarks=f"{count} mended, then {told.remarks}",
        laid_out=False,
        files=files,
    )


def _counts(said: Sequence[Said]) -> Counter[Severity]:
    return Counter[Severity](item.severity for one in said for item in one.diagnostics)


def _summed(tried: Sequence[Attempt], counts: Counter[Severity]) -> dict[str, int]:
    return {"sources": len(tried)} | {severity: counts[severity] for severity in EVERYTHING}


def _mended(attempt: Attempt, arguments: Arguments, judge: Judge) -> Mended | None:
    if attempt.loaded is None:
        return None
    try:
        mend = mended(attempt.loaded, arguments, judge)
    except Refused:  # strict reading refuses what came of it: all stays as it was
        return Mended(attempt.loaded, 0)
    return written(mend, attempt.loaded.source, attempt.path or None)


def _said(attempt: Attempt, mend: Mended | None, judge: Judge) -> Said:
    """What is left to say of a source after mending."""
    return _judged(mend.loaded, judge) if mend else attempt.said


def _judged(loaded: Loaded, judge: Judge) -> Said:
    return Said(judge(loaded), loaded.source, EVERYTHING)
