"""`--set path=value`: the Job with other values, typed as JSON where they are JSON."""

import json

from paramc.commands.parser import Arguments
from paramc.ir.job import Job
from paramc.passes.family import find_family


def edited(job: Job, arguments: Arguments) -> Job:
    """The job after every `--set`; its family is looked for again. Raises InvalidValue."""
    if not arguments.edits:
        return job
    job = job.replace({path: _value(text) for path, text in arguments.edits})
    if any(path.startswith("family") for path, _ in arguments.edits):
        return job
    return job.model_copy(update={"family": find_family(job, arguments.family)})


def _value(text: str) -> object:
    """The text as JSON, or itself where it is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value
