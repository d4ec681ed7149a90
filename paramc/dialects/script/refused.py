"""Values that a Job refuses are left out of it one by one, so that all the others are read."""

from pydantic import ValidationError

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ReadError
from paramc.ir.job import Job
from paramc.ir.places import Raw
from paramc.ir.wishes import why_not


def job_of(raw: Raw) -> tuple[Job, dict[str, str]]:
    """The Job of the values that it takes, and for each path that is left out why. Raises ReadError for none at all."""
    refused: dict[str, str] = {}
    while True:
        try:
            return Job.model_validate(raw), refused
        except ValidationError as error:
            place = error.errors(include_url=False, include_input=False)[0]["loc"]
            path = _left_out(raw, place)
            if not path:
                raise ReadError(diagnose("PC701", reason=f"a value cannot be taken: {why_not(error)}")) from error
            refused[path] = why_not(error)


def _left_out(raw: Raw, place: tuple[int | str, ...]) -> str:
    """The path of the value at a place of an error, or of the nearest one around it, which is taken out of the tree."""
    holder: dict[str, object] | list[object] = raw
    found: list[tuple[dict[str, object] | list[object], str | int]] = []
    for step in place:  # names of kinds among them, which are no steps
        value: object = None
        match holder, step:
            case dict(), str() if step in holder:
                value = holder[step]
            case list(), int() if step < len(holder):
                value = holder[step]
            case _:
                continue
        found.append((holder, step))
        if not isinstance(value, dict | list):
            break
        holder = value
    if not found:
        return ""
    owner, last = found[-1]
    path = ".".join(str(_kind(at, step)) for at, step in found)
    if isinstance(owner, list):
        owner.pop(int(last))
    else:
        del owner[str(last)]
    return path


def _kind(owner: object, step: str | int) -> str | int:
    """What a path calls a step: items of a list by their kind."""
    item = owner[step] if isinstance(owner, list) and isinstance(step, int) else None
    return str(item["kind"]) if isinstance(item, dict) and "kind" in item else step
