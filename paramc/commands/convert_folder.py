"""`paramc convert DIR`: every picture of a folder as a target says it, in a folder of the same shape."""

import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from paramc.api import check
from paramc.archive.entry import WITHOUT
from paramc.archive.pool import Lost
from paramc.archive.scan import TOLD, in_parallel
from paramc.archive.walk import walk
from paramc.backends.registry import find_target
from paramc.backends.report import GRADES, Artifact
from paramc.commands.edits import edited
from paramc.commands.outcome import ERRORS_FOUND, EVERYTHING, FINE, Outcome, Refused, Said
from paramc.commands.outputs import make_folder, safe_name
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import about, compiled, load_source, target_folders
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.presentation.console import Console
from paramc.presentation.layout import tally
from paramc.presentation.progress import Progress
from paramc.resources import write_atomically
from paramc.source.detect import open_file

Status: TypeAlias = Literal["written", "kept", "errors", "none", "failed"]
STATUSES: Final[dict[Status, str]] = {
    "written": "",
    "kept": "written before, left as it is",
    "errors": "settings with errors, nothing written",
    "none": "no settings",
    "failed": "not read or not written",
}


class Done(NamedTuple):
    """What became of one file. `grade`: how well the worst setting is kept."""

    path: str
    status: Status
    grade: str = ""
    reason: str = ""


def run_folder(arguments: Arguments, console: Console) -> Outcome:
    """Counts of what became of the files; what exists is kept, so a run that was ended can be begun again."""
    if arguments.emit != "artifact" or not arguments.output or arguments.output == "-":
        raise UsageError("a folder is converted to `--to` and into the folder of `-o`")
    make_folder(Path(arguments.output))
    folder = str(arguments.source)
    total = None if console.errors.columns is None else sum(1 for _ in walk([folder], lambda name, why: None))
    problems: list[Diagnostic] = []
    paths = walk([folder], lambda name, why: problems.append(diagnose("PC822", name=name, reason=why)))
    progress = Progress(total, console.errors, console.notify)
    statuses: Counter[str] = Counter()
    grades: Counter[str] = Counter()
    for found in in_parallel(partial(convert_file, arguments), paths, arguments.jobs):
        done = Done(found.path, "failed", "", found.reason) if isinstance(found, Lost) else found
        statuses[done.status] += 1
        grades[done.grade] += bool(done.grade)
        if done.status in ("errors", "failed") and len(problems) < TOLD:
            problems.append(diagnose("PC824", name=done.path, reason=done.reason))
        progress.step()
    progress.end()
    counts = {name: statuses[name] for name in STATUSES}
    kept = {grade: grades[grade] for grade in GRADES if grades[grade]}
    lines: list[tuple[int, str, str]] = [(statuses[name], name, meaning) for name, meaning in STATUSES.items()]
    lines += [(count, "of them", f"at worst {grade}") for grade, count in kept.items()]
    code = ERRORS_FOUND if counts["failed"] or counts["errors"] else FINE
    said = Said(tuple(problems), shown=EVERYTHING)
    return Outcome(tally(lines), {"files": counts, "grades": kept}, (said,), code=code)


def convert_file(arguments: Arguments, path: str) -> Done:
    """One file read, compiled and written."""
    inside = os.path.relpath(path, str(arguments.source))
    place = Path(str(arguments.output), *Path(inside).parent.parts, safe_name(Path(path).name))
    with_suffix = place.with_name(place.name + find_target(str(arguments.to), target_folders(arguments)).suffix)
    if not arguments.force and (with_suffix.exists() or place.is_dir()):
        return Done(path, "kept")
    try:
        artifact = _artifact(path, arguments)
    except Refused as refused:
        first = refused.said.diagnostics[0]
        if first.code in WITHOUT:
            return Done(path, "none")
        return Done(path, "errors" if refused.said.source else "failed", reason=f"{first.code} {first.message}")
    try:
        _write(artifact, place)
    except OSError as error:
        return Done(path, "failed", reason=(error.strerror or str(error)).lower())
    return Done(path, "written", artifact.report.worst)


def _artifact(path: str, arguments: Arguments) -> Artifact:
    """Raises Refused for a file without settings, and for settings with errors."""
    with about(None):
        source = open_file(path, hidden=arguments.hidden)
    loaded = load_source(source, arguments)
    with about(source):
        job = edited(loaded.job, arguments)
        wrong = tuple(item for item in (*loaded.diagnostics, *check(job)) if item.severity == "error")
        if wrong:
            raise Refused(Said(wrong, source), ERRORS_FOUND)
        options = dict(arguments.options)
        return compiled(job, str(arguments.to), arguments, options=options, at_least=arguments.at_least)


def _write(artifact: Artifact, place: Path) -> None:
    """The only file under the picture's name, several in a folder of that name."""
    if len(artifact.files) == 1:
        own = Path(artifact.files[0].name)
        files = {place.with_name(place.name + safe_name(own.suffix, start=".")): artifact.files[0].text}
    else:
        files = {place / safe_name(file.name): file.text for file in artifact.files}
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, text.encode("utf-8", "backslashreplace"))
