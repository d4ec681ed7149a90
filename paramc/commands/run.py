"""`paramc run`: the pictures that settings ask for, painted here."""

from typing import NamedTuple

from paramc.api import check
from paramc.backends.report import Report
from paramc.commands.outcome import ERRORS_FOUND, EVERYTHING, FINE, LOUD, NOT_WRITTEN, Outcome, Said
from paramc.commands.outputs import make_folder, picture_folder
from paramc.commands.painter import Painter, ProgressLine
from paramc.commands.painting import (
    asked,
    demo_remarks,
    file_name,
    news,
    picture_bytes,
    picture_stem,
)
from paramc.commands.parser import Arguments
from paramc.commands.sources import Attempt, attempts
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ParamcError
from paramc.ir.job import Job
from paramc.presentation.console import Console
from paramc.presentation.layout import counted
from paramc.presentation.report import fates_table, summary
from paramc.resources import write_atomically


def run(arguments: Arguments, console: Console) -> Outcome:
    """One line for each picture. What fails does not stop the others; what is finished already is kept."""
    work = _Work(arguments, console)
    for attempt in attempts(arguments, console):
        work.take(attempt)
    return work.outcome()


class _Painted(NamedTuple):
    """A picture that is there; `kept`: from an earlier run."""

    file: str
    seed: int | None
    kept: bool


class _Work:
    """The jobs of one call."""

    def __init__(self, arguments: Arguments, console: Console) -> None:
        self._arguments, self._console = arguments, console
        self._folder = picture_folder(arguments.output or ".")
        self._painter = Painter(arguments, console, leaves=True)
        self._said: list[Said] = []
        self._results: list[_Painted] = []
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
            stem = picture_stem(source)
            said = demo_remarks(attempt.loaded.job, self._arguments)
            said += news(self._painted(job, stem), attempt.said.diagnostics)
        except ParamcError as error:
            said = tuple(error.diagnostics)
            self._code = max(self._code, ERRORS_FOUND)
        except OSError as error:
            said = (diagnose("PC802", file=error.filename, reason=error.strerror or error),)
            self._code = max(self._code, NOT_WRITTEN)
        self._said.append(Said(said, source, EVERYTHING if self._arguments.report else LOUD))

    def outcome(self) -> Outcome:
        """What there is to be told of all."""
        text = "".join(f"{result.file}\n" for result in self._results)
        shown = fates_table if self._arguments.report else summary
        tables = [shown(report, self._console.errors) for report in self._reports]
        kept = sum(result.kept for result in self._results)
        if kept:
            tables.append(f"{counted(kept, 'picture')} kept from before: `--force` paints anew\n")
        return Outcome(
            text,
            [result._asdict() for result in self._results],
            tuple(self._said),
            remarks="".join(tables),
            code=self._code,
        )

    def _painted(self, job: Job, stem: str) -> tuple[Diagnostic, ...]:
        wrong = check(job)
        if any(item.severity == "error" for item in wrong):
            self._code = max(self._code, ERRORS_FOUND)
            return wrong
        files = [self._folder / file_name(stem, job, place) for place in range(job.batch.size)]
        first = files[0]
        if job.noise.seed is not None and not self._arguments.force and all(file.exists() for file in files):
            self._results += [_Painted(str(file), job.noise.seed, kept=True) for file in files]
            return tuple(diagnose("PC568", file=file) for file in files)
        make_folder(self._folder)
        ran = self._painter.paint(job, first, ProgressLine(stem, self._console).show)
        named = job if job.noise.seed is not None else ran.jobs[0]
        for place, (image, own) in enumerate(zip(ran.images, ran.jobs, strict=True)):
            file = self._folder / file_name(stem, named, place)
            write_atomically(file, picture_bytes(image, own))
            self._results.append(_Painted(str(file), own.noise.seed, kept=False))
        self._reports += ran.reports
        return ran.diagnostics
