"""`paramc run`: the pictures that settings ask for, painted here."""

import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from paramc.api import check
from paramc.backends.report import Report
from paramc.commands.outcome import ERRORS_FOUND, EVERYTHING, FINE, LOUD, NOT_WRITTEN, Outcome, Said
from paramc.commands.outputs import make_folder, safe_name
from paramc.commands.painting import (
    Preview,
    ProgressLine,
    asked,
    asks_for_demo,
    demo_remarks,
    file_name,
    picture_bytes,
    runner_of,
)
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import Attempt, attempts
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ParamcError
from paramc.ir.job import Job
from paramc.presentation.console import Console
from paramc.presentation.report import fates_table, summary
from paramc.resources import write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

    from paramc.runtime.execute.runner import Runner
    from paramc.runtime.execute.watch import Watch


def run(arguments: Arguments, console: Console) -> Outcome:
    """One line for each picture. What fails does not stop the others; what is finished already is kept."""
    folder = Path(arguments.output or ".")
    if (arguments.output or "").endswith(("/", os.sep)):  # says that it is to be a folder
        make_folder(folder)
    if not os.path.isdir(folder):  # noqa: PTH112  # Path raises for names that are too long
        raise UsageError(f"there is no folder `{folder}`")
    work = _Work(arguments, console, folder)
    for attempt in attempts(arguments, console):
        work.take(attempt)
    return work.outcome()


class _Work:
    """The jobs of one call; the runner is made when the first picture is really to be painted."""

    def __init__(self, arguments: Arguments, console: Console, folder: Path) -> None:
        self._arguments, self._console, self._folder = arguments, console, folder
        self._runner: Runner | None = None
        self._said: list[Said] = []
        self._results: list[dict[str, object]] = []
        self._reports: list[Report] = []
        self._code = FINE

    def take(self, attempt: Attempt) -> None:
        """Paint what one source asks for."""
        self._said.append(attempt.said)
        self._code = max(self._code, attempt.code)
        if attempt.loaded is None or attempt.code != FINE:
            return
        source = attempt.loaded.source
        try:
            job = asked(attempt.loaded.job, self._arguments)
            stem = safe_name("picture" if source.name.startswith("<") else PurePath(source.name).stem)
            said = demo_remarks(attempt.loaded.job) if asks_for_demo(self._arguments) else ()
            said += self._painted(job, stem)
        except ParamcError as error:
            said = tuple(error.diagnostics)
            self._code = max(self._code, ERRORS_FOUND)
        except OSError as error:
            said = (diagnose("PC802", file=error.filename, reason=error.strerror or error),)
            self._code = max(self._code, NOT_WRITTEN)
        self._said.append(Said(said, source, EVERYTHING if self._arguments.report else LOUD))

    def outcome(self) -> Outcome:
        """What there is to be told of all."""
        text = "".join(f"{result['file']}\n" for result in self._results)
        shown = fates_table if self._arguments.report else summary
        tables = [shown(report, self._console.errors) for report in self._reports]
        return Outcome(text, self._results, tuple(self._said), remarks="".join(tables), code=self._code)

    def _painted(self, job: Job, stem: str) -> tuple[Diagnostic, ...]:
        wrong = check(job)
        if any(item.severity == "error" for item in wrong):
            self._code = max(self._code, ERRORS_FOUND)
            return wrong
        first = self._folder / file_name(stem, job, 0)
        if job.noise.seed is not None and first.exists() and not self._arguments.force:
            self._results.append({"file": str(first), "seed": job.noise.seed, "kept": True})
            return (diagnose("PC568", file=first),)
        preview = Preview(first.with_suffix(".preview.png"), self._console)
        finished: tuple[Image, ...] = ()
        try:
            ran = self._open().run(job, self._watch(stem, preview))
            finished = ran.images if self._arguments.preview else ()
        finally:
            preview.end(finished)
        named = job if job.noise.seed is not None else ran.jobs[0]
        for place, (image, own) in enumerate(zip(ran.images, ran.jobs, strict=True)):
            file = self._folder / file_name(stem, named, place)
            write_atomically(file, picture_bytes(image, own))
            self._results.append({"file": str(file), "seed": own.noise.seed, "kept": False})
        self._reports += ran.reports
        return ran.diagnostics

    def _open(self) -> "Runner":
        if self._runner is None:
            self._runner = runner_of(self._arguments)
        return self._runner

    def _watch(self, stem: str, preview: Preview) -> "Watch":
        from paramc.runtime.execute.watch import Meter  # with torch, which only a run needs

        return Meter(ProgressLine(stem, self._console).show, preview.show if self._arguments.preview else None)
