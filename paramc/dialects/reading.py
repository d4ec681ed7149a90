"""Source text → Job by the reading engine of its dialect."""

import json

from pydantic import ValidationError

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ReadError
from paramc.dialects.description import Dialect
from paramc.ir.job import Job
from paramc.ir.wishes import why_not
from paramc.source.model import Source

SURROGATE = "\\ud"  # how JSON spells one


def read_job(
    text: str,
    dialect: Dialect,
    *,
    strict: bool = False,
    source: Source | None = None,
    pick: int = 1,
    limit: int | None = None,
) -> tuple[Job, tuple[Diagnostic, ...]]:
    """The Job that `text` says, and what was to be said on the way; `source` is where the text comes from.

    A graph with several results is read for the one that is picked, from 1; `limit` is for the characters of a graph.

    Raises ReadError in strict mode where the program itself refuses the text, and for JSON without any settings.
    """
    match dialect.engine:
        case "infotext":
            from paramc.dialects.read_infotext import read_infotext

            return read_infotext(text, dialect, strict=strict)
        case "record":
            from paramc.dialects.read_record import read_record

            beside = {other.key: other.text for other in source.others} if source else {}
            size = source.size if source else None
            return read_record(text, dialect, strict=strict, beside=beside, size=size)
        case "graph":
            from paramc.dialects.graph.load import LIMIT
            from paramc.dialects.graph.read import read_graph

            return read_graph(text, dialect, strict=strict, pick=pick, limit=LIMIT if limit is None else limit)
        case "script":
            from paramc.dialects.read_script import read_script

            return read_script(text, dialect)
        case _:
            return _job_from_json(text), ()


def _job_from_json(text: str) -> Job:
    try:
        return _validated(text)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(piece) for piece in detail["loc"]) or "$"
        raise ReadError(diagnose("PC313", place=place, why=why_not(error))) from error


def _validated(text: str) -> Job:
    try:
        return Job.model_validate_json(text)
    except ValidationError as error:
        if SURROGATE not in text.lower():
            raise
        try:  # pydantic's own reader refuses surrogates without a partner
            document: object = json.loads(text)
        except (ValueError, RecursionError):
            raise error from None
        return Job.model_validate(document)
