"""Prompts → ops: what is encoded for each denoiser call, several prompts at once, and pictures that steer them."""

from collections.abc import Sequence
from typing import Final

from paramc.dialects.prompt import expand, weigh
from paramc.ir.base import trusted
from paramc.ir.control import PromptArea
from paramc.ir.job import Job
from paramc.ir.names import sampler_of
from paramc.ir.plan import ApplyControl, Average, Combine, Encode, Run, Variant
from paramc.ir.prompt import Prompt
from paramc.ir.ranges import misfits
from paramc.passes.draft import Draft

DIGITS: Final = 1e-6  # of the share of a prompt that is one of several
MOST_CALLS: Final = 20_000  # an alternation has an entry for each; nobody runs more


def denoiser_calls(job: Job, sampler: str | None, steps: int) -> int:
    """Denoiser calls that prompt editing counts on: two a step for samplers that call twice."""
    row = sampler_of(sampler)
    version = job.producer.version
    karras = job.sampling.schedule == "karras"
    once = row.since_calls and version is not None and version < row.since_calls and not karras
    return steps * (1 if once else row.calls)


def add_prompt(draft: Draft, prompt: Prompt, path: str, name: str, calls: int, hires_calls: int | None) -> str:
    """The ops of a prompt; gives the id of its conditioning."""
    # A1111 neither splits a negative prompt at AND nor takes its tags for networks.
    composed = path.endswith("prompt") and prompt.branches
    parts = [(branch.text, branch.weight) for branch in prompt.branches] if composed else [(prompt.text, 1.0)]
    ids = [
        draft.add(_encoding(draft, text, path, name if len(parts) == 1 else f"{name}{index + 1}", calls, hires_calls))
        for index, (text, _) in enumerate(parts)
    ]
    weights = tuple(weight for _, weight in parts)
    areas = _areas(draft.job, weights) if path == "prompt" else ()
    if areas:
        because = (path, "patches.prompt_area")
        return draft.add(
            trusted(Average)(
                id=f"{name}_areas", because=because, inputs=tuple(ids), weights=_evened(weights), areas=areas
            )
        )
    if len(ids) == 1 and weights == (1.0,):
        return ids[0]
    return draft.add(trusted(Combine)(id=f"{name}_and", because=(path,), inputs=tuple(ids), weights=weights))


def _areas(job: Job, weights: Sequence[float]) -> tuple[PromptArea | None, ...]:
    """The area of each prompt, its first one; none at all where none has one, or a weight below zero leaves no mean."""
    said = [patch for patch in job.patches if isinstance(patch, PromptArea) and not any(misfits(patch))]
    areas = {area.branch: area for area in reversed(said)}
    found = tuple(areas.get(branch) for branch in range(len(weights)))
    return found if any(found) and min(weights) >= 0 < sum(weights) else ()


def _evened(weights: tuple[float, ...]) -> tuple[float, ...]:
    """Weights that are shares of 1, written with few digits, as what they stand for."""
    even = 1 / len(weights)
    return (even,) * len(weights) if all(abs(weight - even) < DIGITS for weight in weights) else weights


def _encoding(draft: Draft, text: str, path: str, name: str, calls: int, hires_calls: int | None) -> Encode:
    settings = draft.job.text
    language = draft.language
    entries = expand(
        text, language, min(calls, MOST_CALLS), hires_calls and min(hires_calls, MOST_CALLS), settings.legacy_timelines
    )
    weighted = settings.emphasis != "none"
    variants = tuple(
        trusted(Variant)(
            last_call=end,
            text=entry,
            runs=tuple(_run(piece, weight) for piece, weight in weigh(entry, language))
            if weighted
            else (trusted(Run)(text=entry),),
        )
        for end, entry in entries
    )
    return trusted(Encode)(
        id=name,
        because=(path,),
        clip=draft.clip,
        variants=variants,
        layer=settings.layer,
        emphasis=settings.emphasis,
        negative=name.startswith("negative"),
        manner=draft.job.producer.dialect,
        backtrack=settings.backtrack,
        embeddings=draft.job.assets.embeddings,
    )


def _run(text: str, weight: float) -> Run:
    return (
        trusted(Run)(text="", breaks=True)
        if (text, weight) == ("BREAK", -1)
        else trusted(Run)(text=text, weight=weight)
    )


def add_controls(draft: Draft, positive: str, negative: str, suffix: str = "") -> tuple[str, str]:
    """What steers both conditionings, one after the other."""
    for index, unit in enumerate(draft.job.controls):
        because = (f"controls.controlnet[{index}]" if index else "controls.controlnet",)
        op = trusted(ApplyControl)(
            id=f"control{suffix}{index + 1}", because=because, positive=positive, negative=negative, unit=unit
        )
        draft.add(op)
        positive, negative = f"{op.id}.positive", f"{op.id}.negative"
    return positive, negative
