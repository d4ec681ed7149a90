"""`--set path=value`: the Job with other values, typed as JSON where they are JSON."""

import json

from paramc.commands.parser import Arguments
from paramc.diagnostics.model import InvalidValue
from paramc.ir.job import Job
from paramc.passes.family import find_family


def edited(job: Job, arguments: Arguments) -> Job:
    """The job after every `--set`; its family is looked for again. Raises InvalidValue."""
    if not arguments.edits:
        return job
    for path, text in arguments.edits:
        job = _with(job, path, text)
    if any(path.startswith("family") for path, _ in arguments.edits):
        return job
    return job.model_copy(update={"family": find_family(job, arguments.family)})


def _with(job: Job, path: str, text: str) -> Job:
    """The job with the text as JSON at `path`, or as it stands where it is no JSON or JSON does not fit there."""
    try:
        value: object = json.loads(text)
        return job.replace({path: value})
    except (ValueError, RecursionError):  # no JSON
        return job.replace({path: text})
    except InvalidValue as misfit:
        try:
            return job.replace({path: text})
        except InvalidValue:
            raise misfit from None
