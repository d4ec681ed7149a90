"""Values of the Job written as texts: as JSON where they are JSON; a text for a file is its name."""

import json
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING

from paramc.diagnostics.model import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paramc.ir.job import Job


def edit_with_text(job: "Job", path: str, text: str) -> "Job":
    """The job with the text as JSON at `path`, or as it stands where it is no JSON or JSON does not fit there.

    A text for a file is its name, and its place where it has folders. Raises InvalidValue.
    """
    misfits: list[InvalidValue] = []
    for value in _readings(text):
        try:
            return job.replace({path: value})
        except InvalidValue as misfit:
            misfits.append(misfit)
    raise misfits[0]


def _readings(text: str) -> "Iterator[object]":
    """What the text may stand for, the likeliest first."""
    with suppress(ValueError, RecursionError):  # no JSON
        yield json.loads(text)
    yield text
    if name := PurePath(text).name:
        yield {"name": name} if name == text else {"name": name, "path": text}
