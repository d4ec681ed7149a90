"""`--set path=value`: the Job with other values, typed as JSON where they are JSON; a path may be its last part.

Samplers and schedules may be called as the program calls them; an id, too, is one of its names.
"""

from paramc.commands.parser import Arguments
from paramc.dialects.axes import labelled_edits
from paramc.ir.edits import edit_with_text
from paramc.ir.job import Job
from paramc.ir.wishes import full_path
from paramc.passes.family import find_family


def edited(job: Job, arguments: Arguments) -> Job:
    """The job after every `--set`; its family is looked for again. Raises InvalidValue."""
    if not arguments.edits:
        return job
    for path, text in arguments.edits:
        whole = full_path(path) or path
        labelled = labelled_edits(job, whole, text)
        changes = {edit.path: edit.value for edit in labelled}
        job = job.replace(changes) if changes else edit_with_text(job, whole, text)
    if any(path.startswith("family") for path, _ in arguments.edits):
        return job
    return job.model_copy(update={"family": find_family(job, arguments.family)})
