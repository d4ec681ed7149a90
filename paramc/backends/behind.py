"""The settings behind a script, for the remarks at its end: from there is read what the code cannot say of them."""

from typing import NamedTuple

from paramc.backends.description import Target
from paramc.backends.report import Report
from paramc.backends.settings import settings_of
from paramc.diagnostics.model import ReadError
from paramc.dialects.reading import read_job
from paramc.dialects.registry import find_dialect
from paramc.dialects.script.folded import folded
from paramc.dialects.script.origin import marks_of
from paramc.ir.job import Job
from paramc.ir.plan import Plan


class Behind(NamedTuple):
    """The dialect of the settings with the marks, and the settings as lines of remarks."""

    head: str
    lines: tuple[str, ...]


def settings_behind(source: str, job: Job, plan: Plan, target: Target, report: Report) -> Behind | None:
    """What stands behind a script; None where its code says all, or no settings text can."""
    text, name, said = settings_of(job, plan, target, report)
    if said is None:
        return None
    try:
        code = read_job(source, find_dialect(target.dialect or target.name, target.grammars))[0]
    except ReadError:  # a script that paints nothing
        marks: tuple[str, ...] = ()
    else:
        marks = tuple(marks_of(said, code))
        if not marks:
            return None
    return Behind(f"{name}:{''.join(f' {mark}' for mark in marks)}", tuple(folded(text)))
