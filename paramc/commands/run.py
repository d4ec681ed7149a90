"""`paramc run`: the pictures that settings ask for, painted here."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path, PurePath
from time import monotonic
from typing import TYPE_CHECKING

from paramc.api import check, open_runner
from paramc.api import compile as compile_job
from paramc.backends.report import Report
from paramc.commands.edits import edited
from paramc.commands.outcome import ERRORS_FOUND, EVERYTHING, FINE, LOUD, NOT_WRITTEN, Outcome, Said
from paramc.commands.outputs import safe_name
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import Attempt, attempts
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ParamcError, RunError
from paramc.ir.job import Job
from paramc.presentation.console import Console
from paramc.presentation.report import fates_table
from paramc.resources import write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

    from paramc.runtime.execute.runner import Runner
    from paramc.runtime.execute.watch import Progress, Watch

SETTINGS = "parameters"  # the keyword under which UIs look for their settings text
OURS = "paramc"
DIGEST = 10  # hex digits of the settings in a file name


def run(arguments: Arguments, console: Console) -> Outcome:
    """One line for each picture. What fails does not stop the others; what is finished already is kept."""
    folder = Path(arguments.output or ".")
    if not folder.is_dir():
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
            job = _asked(attempt.loaded.job, self._arguments)
            said = self._painted(
                job, safe_name("picture" if source.name.startswith("<") else PurePath(source.name).stem)
            )
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
        tables = [fates_table(report, self._console.errors) for report in self._reports if self._arguments.report]
        return Outcome(text, self._results, tuple(self._said), remarks="".join(tables), code=self._code)

    def _painted(self, job: Job, stem: str) -> tuple[Diagnostic, ...]:
        wrong = check(job)
        if any(item.severity == "error" for item in wrong):
            self._code = max(self._code, ERRORS_FOUND)
            return wrong
        first = self._folder / _file_name(stem, job, 0)
        if job.noise.seed is not None and first.exists() and not self._arguments.force:
            self._results.append({"file": str(first), "seed": job.noise.seed, "kept": True})
            return (diagnose("PC568", file=first),)
        preview = first.with_suffix(".preview.png")
        try:
            ran = self._open().run(job, self._watch(stem, preview))
        finally:
            preview.unlink(missing_ok=True)
        named = job if job.noise.seed is not None else ran.jobs[0]
        for place, (image, own) in enumerate(zip(ran.images, ran.jobs, strict=True)):
            file = self._folder / _file_name(stem, named, place)
            write_atomically(file, _png(image, own))
            self._results.append({"file": str(file), "seed": own.noise.seed, "kept": False})
        self._reports += ran.reports
        return ran.diagnostics

    def _open(self) -> "Runner":
        arguments = self._arguments
        if self._runner is None:
            self._runner = open_runner(
                arguments.models, device=arguments.device, dtype=arguments.dtype, rng=arguments.rng
            )
        return self._runner

    def _watch(self, stem: str, preview: Path) -> "Watch":
        from paramc.runtime.execute.watch import Meter  # with torch, which only a run needs

        shown = _previewer(preview) if self._arguments.preview else None
        return Meter(_Line(stem, self._console).show, shown)


class _Line:
    """The line that tells how far a picture is."""

    def __init__(self, name: str, console: Console) -> None:
        self._name, self._console = name, console
        self._op, self._start = "", monotonic()

    def show(self, progress: "Progress") -> None:
        """Write over the line."""
        if progress.op != self._op:
            self._op, self._start = progress.op, monotonic()
        passed = monotonic() - self._start
        rate = f" · {progress.calls / passed:.2f} it/s" if progress.calls and passed > 0 else ""
        total = f" of {progress.expected}" if progress.expected else ""
        self._console.notify(f"\r{self._name} · {progress.op} {progress.calls + 1}{total}{rate}\x1b[K")
        if progress.calls + 1 == progress.expected:
            self._console.notify("\r\x1b[K")


def _asked(job: Job, arguments: Arguments) -> Job:
    """The job with what the command line says over it. Raises InvalidValue, RunError for a file that is not there."""
    job = edited(job, arguments)
    files = {"assets.checkpoint": arguments.model, "assets.vae": arguments.vae}
    for path, file in files.items():
        if file and not Path(file).expanduser().exists():
            raise RunError(diagnose("PC573", kind=path.removeprefix("assets."), file=file))
    values: dict[str, object] = {
        path: {"name": PurePath(file).name, "path": file} for path, file in files.items() if file
    }
    if arguments.seed is not None:
        values["noise.seed"] = arguments.seed
    return job.replace(values) if values else job


def _file_name(stem: str, job: Job, place: int) -> str:
    """A name that tells the settings apart, so that a later run knows what is finished."""
    digest = sha256(job.model_dump_json(exclude={"ledger", "implied", "family"}).encode()).hexdigest()[:DIGEST]
    return f"{stem}-{digest}{f'-{place}' if place else ''}.png"


def _png(image: "Image", job: Job) -> bytes:
    from paramc.runtime.execute.saving import png_bytes  # only where something was painted

    return png_bytes(image, {SETTINGS: compile_job(job, "a1111").text, OURS: job.model_dump_json()})


def _previewer(file: Path) -> "Callable[[Image], None]":
    from paramc.runtime.execute.saving import png_bytes

    return lambda image: write_atomically(file, png_bytes(image, {}))
