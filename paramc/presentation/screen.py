"""A Job on one screen: what `describe` says, with weights in colours, changes over the steps, and the curve."""

from collections.abc import Sequence
from typing import Final

from paramc.dialects.language import Language, language_of
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.names import executed_schedule, sampler_of
from paramc.ir.stages import Enlarge
from paramc.passes.complete import complete_job
from paramc.passes.defaults import DEFAULT_STEPS
from paramc.passes.lint.tables import advice
from paramc.passes.plan import ways
from paramc.presentation.console import Screen
from paramc.presentation.curve import Ask, plot, sigmas_of, svg
from paramc.presentation.emphasis import painted, placed, weights_of
from paramc.presentation.job import DOT, describe
from paramc.presentation.layout import Painter, entries
from paramc.presentation.timeline import switches, timeline
from paramc.resources import GRAMMARS
from paramc.runtime.schedules.flow_rows import flow_bases, flow_row

PLOT: Final = 48  # columns
BESIDE: Final = 16  # columns that labels take
MOST_STEPS: Final = 1000  # of a curve
Pairs = Sequence[tuple[str, str]]


def job_screen(job: Job, before: Pairs, after: Pairs, screen: Screen) -> str:
    """Everything that a job says, between other entries."""
    job = complete_job(job)
    language = language_of(find_dialect(job.text.language))
    lines: list[tuple[str, str]] = [*before]
    for label, text in describe(job):
        lines.append((label, text))
        if label in ("prompt", "negative"):
            prompt = job.prompt if label == "prompt" else job.negative
            lines.append(("over the steps", timeline(job, prompt, language)))
        if label == "sampling":
            lines.append(("noise levels", _curve(job, screen)))
    shown = [(label, text) for label, text in (*lines, *after) if text]
    return entries(shown, screen, _painter(job, language)) if screen.colour else entries(shown, screen)


def job_picture(job: Job) -> str:
    """The curve of the noise levels as SVG; empty where the schedule has no plain formula."""
    job = complete_job(job)
    language = language_of(find_dialect(job.text.language))
    schedule, sigmas = _sigmas(job)
    title = DOT.join((sampler_of(job.sampling.sampler).title, schedule, f"{job.sampling.steps or DEFAULT_STEPS} steps"))
    return svg(sigmas, title, switches(job, job.prompt, language)) if sigmas else ""


def _curve(job: Job, screen: Screen) -> str:
    if isinstance(job.task, Enlarge):
        return ""
    schedule, sigmas = _sigmas(job)
    if not sigmas:
        return ""
    width = min(PLOT, (screen.columns or PLOT + BESIDE) - BESIDE)
    rest = ", then 0" if sigmas[-1] == 0 else ""
    last = next(sigma for sigma in reversed(sigmas) if sigma > 0)
    return "\n".join((*plot(sigmas, width), f"{schedule}: {sigmas[0]:.4g} to {last:.3g}{rest}"))


def _sigmas(job: Job) -> tuple[str, tuple[float, ...]]:
    """The schedule that is run, and its levels."""
    sampling = job.sampling
    schedule = executed_schedule(sampling.sampler, sampling.schedule)
    ask = Ask(
        steps=min(sampling.steps or DEFAULT_STEPS, MOST_STEPS),
        shift=_shift(job),
        rho=sampling.rho,
        sigma_min=sampling.sigma_min,
        sigma_max=sampling.sigma_max,
    )
    return schedule, sigmas_of(schedule, ask)


def _shift(job: Job) -> float | None:
    """The shift of a flow model's timesteps, 1 where nobody knows it; None for other models."""
    family = job.family
    if family is None or family.name not in advice() or not advice()[family.name].flow:
        return None
    if job.sampling.shift or family.base not in flow_bases():
        return job.sampling.shift or 1.0
    return flow_row(family.base, family.name, ways(job, (GRAMMARS,), "habits")).shift


def _painter(job: Job, language: Language) -> Painter:
    prompts = {"prompt": job.prompt, "negative": job.negative}

    def paint(label: str, lines: Sequence[str]) -> Sequence[str]:
        prompt = prompts.get(label)
        if prompt is None:
            return lines
        weights = weights_of(prompt, language)
        stretches = placed(prompt.text, lines, weights)
        return [painted(line, stretch) for line, stretch in zip(lines, stretches, strict=True)]

    return paint
