"""Values of the Job written as texts: as JSON where they are JSON."""

import json
from typing import TYPE_CHECKING

from paramc.diagnostics.model import InvalidValue

if TYPE_CHECKING:
    from paramc.ir.job import Job


def edit_with_text(job: "Job", path: str, text: str) -> "Job":
    """The job with the text as JSON at `path`, or as it stands where it is no JSON or JSON does not fit there.

    Raises InvalidValue.
    """
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
