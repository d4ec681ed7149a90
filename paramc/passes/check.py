"""Job → diagnostics: contradictions and values with which no picture can be made. The Job is not changed."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import isfinite
from typing import TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, Label, Span, Suggestion
from paramc.diagnostics.unknown import offer
from paramc.dialects.edits import Timeline
from paramc.dialects.language import language_of
from paramc.dialects.prompt_remarks import Pass, remark_prompt
from paramc.dialects.registry import find_dialect
from paramc.ir.control import PromptArea
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.ir.names import is_known, samplers, schedules
from paramc.ir.paths import leaves
from paramc.ir.places import place_of
from paramc.ir.sampling import ANY_SEED
from paramc.ir.stages import Enlarge, ImageToImage, Inpaint
from paramc.passes.conditioning import denoiser_calls
from paramc.passes.defaults import DEFAULT_SIZE, DEFAULT_STEPS
from paramc.passes.later import hires_size

Values: TypeAlias = tuple[tuple[str, object], ...]
"""Paths and values that are not their fields' defaults."""

LARGEST_SEED = 2**64 - 1
LARGEST_SIDE = 16384  # pixels
MOST_STEPS = 10_000
MOST_GUIDANCE = 1000.0
MOST_AT_ONCE = 4096  # pictures
LATENT_SCALE = 8  # pixels per latent cell


def check_job(job: Job) -> tuple[Diagnostic, ...]:
    """Structural problems of a job, in the order of its fields."""
    values = tuple(leaves(job))
    return (
        *_prompts(job),
        *_names(job, values),
        *_numbers(job, values),
        *_size(job),
        *_areas(job),
        *_task(job),
        *_seed(job),
        *_stages(job),
        *_family(job),
    )


def span_of(job: Job, path: str) -> Span | None:
    """Where the source states the value at `path`."""
    return next((stated.span for stated in job.ledger if path in stated.paths), None)


def _prompts(job: Job) -> Iterator[Diagnostic]:
    language = language_of(find_dialect(job.text.language))
    steps = min(job.sampling.steps or DEFAULT_STEPS, MOST_STEPS)
    calls = denoiser_calls(job, job.sampling.sampler, 1)
    sampling = Pass(Timeline(steps * calls, legacy=job.text.legacy_timelines), calls)
    for path, prompt in (("prompt", job.prompt), ("negative", job.negative)):
        stated = next((entry for entry in job.ledger if path in entry.paths), None)
        start = _start(stated, prompt.text)
        for remark in remark_prompt(prompt.text, language, negative=path == "negative", sampling=sampling):
            yield _placed(remark, path, start, stated.span if stated else None)


def _start(stated: Stated | None, text: str) -> int | None:
    """Where the source has the text of a prompt; None where it spells it otherwise, or not at all."""
    place = stated.raw_span if stated else None
    at = stated.raw.find(text) if stated else -1
    return place.start + at if place and at >= 0 else None


def _placed(remark: Diagnostic, path: str, start: int | None, entry: Span | None) -> Diagnostic:
    """A remark on a prompt with its spans where the source has that prompt; on the whole entry where they differ."""
    if start is None:
        labels = tuple(Label(entry, label.text) for label in remark.labels) if entry else ()
        return replace(remark, labels=labels, suggestion=None, path=path)
    labels = tuple(Label(_moved(label.span, start), label.text) for label in remark.labels)
    mend = remark.suggestion and replace(remark.suggestion, span=_moved(remark.suggestion.span, start))
    return replace(remark, labels=labels, suggestion=mend, path=path)


def _moved(span: Span, start: int) -> Span:
    return Span(start + span.start, start + span.end)


def _names(job: Job, values: Values) -> Iterator[Diagnostic]:
    for path, value in values:
        kind = path.rsplit(".", 1)[-1]
        if kind in ("sampler", "schedule") and isinstance(value, str) and is_known(value):
            known = samplers() if kind == "sampler" else schedules()
            if value not in known:
                yield diagnose(
                    "PC414", span_of(job, path), path=path, kind=kind, value=value, hint=_closest(value, known)
                )


def _closest(value: str, known: Iterable[str]) -> str:
    otherwise = "`paramc list samplers` and `paramc list schedules` print all"
    return offer(value.lower().replace("++", "pp").replace(" ", "_"), known, otherwise)


def _numbers(job: Job, values: Values) -> Iterator[Diagnostic]:
    for path, value in values:
        if isinstance(value, float) and not isfinite(value):
            yield diagnose("PC401", span_of(job, path), path=path, name=path, value=value)
    steps, cfg = job.sampling.steps, job.sampling.cfg_scale
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        yield diagnose("PC402", span_of(job, "sampling.steps"), path="sampling.steps", value=steps, most=MOST_STEPS)
    if cfg is not None and isfinite(cfg) and abs(cfg) > MOST_GUIDANCE:
        yield diagnose("PC403", span_of(job, "sampling.cfg_scale"), path="sampling.cfg_scale", value=cfg)
    if job.batch.size > MOST_AT_ONCE:
        span = span_of(job, "batch.size")
        yield diagnose("PC543", span, path="batch.size", value=job.batch.size, most=MOST_AT_ONCE)
    strengths = (("task.strength", job.task.strength if isinstance(job.task, ImageToImage | Inpaint) else None),)
    hires = job.hires
    for path, strength in (*strengths, ("stages.hires.strength", hires.strength if hires else None)):
        if strength is not None and not 0 <= strength <= 1:
            yield diagnose("PC404", span_of(job, path), path=path, value=strength)


def _size(job: Job) -> Iterator[Diagnostic]:
    size = job.size
    if size is None:
        return
    span = span_of(job, "size")
    text = f"{size.width}x{size.height}"
    if not (0 < size.width <= LARGEST_SIDE and 0 < size.height <= LARGEST_SIDE):
        yield diagnose("PC405", span, path="size", value=text, most=LARGEST_SIDE)
    elif size.width % LATENT_SCALE or size.height % LATENT_SCALE:
        floor = f"{size.width // LATENT_SCALE * LATENT_SCALE}x{size.height // LATENT_SCALE * LATENT_SCALE}"
        yield diagnose("PC406", span, suggestion=_floored(job, text, floor), path="size", value=text, floor=floor)


def _floored(job: Job, text: str, floor: str) -> Suggestion | None:
    """The size that is really made, where the source spells the size plainly."""
    stated = next((entry for entry in job.ledger if entry.paths == ("size",)), None)
    if stated is None or stated.raw_span is None or stated.raw != text or "0" in floor.split("x"):
        return None
    return Suggestion(stated.raw_span, floor, "safe")


def _areas(job: Job) -> Iterator[Diagnostic]:
    """Places of prompts beyond the edges of the picture."""
    areas = [patch for patch in job.patches if isinstance(patch, PromptArea)]
    for rank, area in enumerate(areas):
        whole = Size(1, 1) if area.unit == "share" else job.size
        is_placed = area.width is not None and area.height is not None
        if whole and is_placed and (area.x >= whole.width or area.y >= whole.height):
            path = place_of("patches.prompt_area[n]").text(rank)
            yield diagnose("PC454", span_of(job, f"{path}.x"), path=path, place=path, number=area.branch + 1)


def _task(job: Job) -> Iterator[Diagnostic]:
    task = job.task
    if isinstance(task, ImageToImage | Inpaint | Enlarge) and task.init.path is None:
        yield diagnose("PC407", path="task.init.path", md5=task.init.md5 or "not recorded")
    if isinstance(task, Inpaint) and task.mask.path is None:
        yield diagnose("PC408", path="task.mask.path")


def _seed(job: Job) -> Iterator[Diagnostic]:
    seed = job.noise.seed
    if isinstance(job.task, Enlarge):
        return
    if seed is None or seed == ANY_SEED:
        yield diagnose("PC409", span_of(job, "noise.seed"), path="noise.seed")
    elif not 0 <= seed <= LARGEST_SEED:
        yield diagnose("PC410", span_of(job, "noise.seed"), path="noise.seed", value=seed)


def _stages(job: Job) -> Iterator[Diagnostic]:
    hires, refiner = job.hires, job.refiner
    if hires and hires.upscaler:
        target = hires_size(job.size or DEFAULT_SIZE, hires)[1]
        if not (0 < target.width <= LARGEST_SIDE and 0 < target.height <= LARGEST_SIDE):
            path = "stages.hires.size" if hires.size else "stages.hires.scale"
            text = f"{target.width}x{target.height}"
            yield diagnose("PC405", span_of(job, path), path=path, value=text, most=LARGEST_SIDE)
    if hires and hires.scale is not None and hires.size is not None and hires.size != (0, 0):
        yield diagnose("PC411", span_of(job, "stages.hires.size"), path="stages.hires.size")
    if refiner and refiner.checkpoint.name is None:
        yield diagnose("PC412", path="stages.refiner.checkpoint.name")


def _family(job: Job) -> Iterator[Diagnostic]:
    family = job.family
    if family is None:
        return
    for conflict in family.conflicts:
        yield diagnose("PC413", path="family", conflict=conflict)
