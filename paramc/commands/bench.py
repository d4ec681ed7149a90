"""`paramc bench`: what a job costs here, beside plain diffusers with the same weights."""

from typing import TYPE_CHECKING, Final

from paramc.commands.outcome import Outcome, refusal
from paramc.commands.painting import asked
from paramc.commands.parser import Arguments
from paramc.commands.sources import load_source, model_folders, open_argument
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ParamcError, RunError
from paramc.ir.job import Job
from paramc.presentation.console import Console
from paramc.presentation.layout import table

if TYPE_CHECKING:
    from paramc.runtime.execute.measuring import Figures

HEAD: Final = ("", "paramc", "diffusers", "ratio")
LEAST_STEPS: Final = 3  # of which the last is not measured


def run(arguments: Arguments, console: Console) -> Outcome:
    """The table of one source. Raises Refused for a job that cannot be run."""
    source = open_argument(arguments.source, console, hidden=arguments.hidden)
    job = load_source(source, arguments).job
    try:
        job = asked(job, arguments)
        if (job.sampling.steps or 0) < LEAST_STEPS:
            raise RunError(diagnose("PC575", least=LEAST_STEPS, path="sampling.steps"))
        ours, theirs = _figures(job, arguments)
    except ParamcError as error:
        raise refusal(error) from error
    pairs = _pairs(ours, theirs)
    values = {name: {"paramc": mine, "diffusers": plain} for name, mine, plain in pairs}
    return Outcome(table(HEAD, [_row(*pair) for pair in pairs], console.output), values)


def _row(name: str, mine: float, plain: float) -> tuple[str, ...]:
    compared = (f"{plain:.4g}", f"{mine / plain:.3f}") if plain else ("", "")
    return (name, f"{mine:.4g}", *compared)


def _figures(job: Job, arguments: Arguments) -> "tuple[Figures, Figures]":
    try:
        from paramc.runtime.execute.measuring import measured, middle  # with torch, which only a run needs
        from paramc.runtime.execute.runner import device_called
    except ModuleNotFoundError as error:
        if (error.name or "paramc").startswith("paramc"):
            raise
        raise RunError(diagnose("PC571", package=error.name)) from error
    device = str(device_called(arguments.device))
    folders = model_folders(arguments)
    ours, theirs = measured(job, folders, device=device, dtype=arguments.dtype, rounds=arguments.rounds)
    return middle(ours), middle(theirs)


def _pairs(ours: "Figures", theirs: "Figures") -> list[tuple[str, float, float]]:
    """Each figure of both; seconds of processor time on a processor."""
    return [
        ("s to the first step", ours.load, theirs.load),
        ("s to that of the next job", ours.again, theirs.again),
        ("s a step", ours.step, theirs.step),
        ("s of it in the network", ours.call, theirs.call),
        ("s an image", ours.image, theirs.image),
        ("images a minute", 60 / ours.image, 60 / theirs.image),
        ("MB at the peak", ours.memory / 1e6, theirs.memory / 1e6),
    ]
