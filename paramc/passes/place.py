"""Diagnostics of an edited Job: none points at a text of the source whose value was replaced."""

from collections.abc import Iterable
from dataclasses import replace

from paramc.diagnostics.model import Diagnostic
from paramc.ir.job import Job
from paramc.ir.places import View


def without_replaced(job: Job, found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics, without a place where the source says something else there than the job does now."""
    view = View(job)
    replaced = {path for stated in job.ledger if not view.still_says(stated) for path in stated.paths}
    return tuple(replace(item, labels=(), suggestion=None) if item.path in replaced else item for item in found)
