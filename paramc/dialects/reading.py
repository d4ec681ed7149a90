"""Source text → Job by the reading engine of its dialect."""

from pydantic import ValidationError

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ReadError
from paramc.dialects.description import Dialect
from paramc.ir.job import Job


def read_job(text: str, dialect: Dialect, *, strict: bool = False) -> tuple[Job, tuple[Diagnostic, ...]]:
    """The Job that `text` says, and what was to be said on the way.

    Raises ReadError in strict mode where the program itself refuses the text, and for a Job that is no valid JSON.
    """
    match dialect.engine:
        case "infotext":
            from paramc.dialects.read_infotext import read_infotext

            return read_infotext(text, dialect, strict=strict)
        case _:
            return _job_from_json(text), ()


def _job_from_json(text: str) -> Job:
    try:
        return Job.model_validate_json(text)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(piece) for piece in detail["loc"]) or "$"
        raise ReadError(diagnose("PC313", place=place, why=detail["msg"].lower())) from error
