"""Passes behind the first: one over what it left, enlarged, and whatever more there are."""

from math import isfinite
from typing import Final

from paramc.ir.base import trusted
from paramc.ir.geometry import Size, derived, multiplied
from paramc.ir.names import MODEL_UPSCALER, model_factor
from paramc.ir.plan import Decode, Encode, EncodeImage, MakeNoise, ResizeLatent, Sample, ScaleLatent, UpscaleImage
from paramc.ir.stages import Further, Hires
from paramc.passes.conditioning import add_controls, add_prompt, denoiser_calls
from paramc.passes.defaults import DEFAULT_CFG, DEFAULT_SIZE, DEFAULT_STEPS
from paramc.passes.draft import Draft, change_checkpoint
from paramc.passes.levels import Part, add_lengthened, add_part, add_sigmas, longer
from paramc.passes.loop import looped, refined

LONGEST_SIDE: Final = 2**24  # pixels
CELL: Final = 8  # pixels per latent cell
DEFAULT_SCALE: Final = 2.0
DEFAULT_STRENGTH: Final = 0.7
LATENT: Final = "latent"  # what the id of an upscaler of latents begins with
BILINEAR: Final = "bilinear"
HIRES: Final = "stages.hires"


def add_hires(draft: Draft, hires: Hires, latent: str, positive: str, negative: str) -> str:
    """The second pass, over the enlarged first one; gives its latent."""
    sampling = draft.job.sampling
    first = sampling.steps or DEFAULT_STEPS
    steps = hires.steps or first
    sampler = hires.sampler or sampling.sampler or "euler_ancestral"
    latent = _enlarged(draft, hires, latent)
    positive, negative = _hires_conditioning(draft, hires, (positive, negative), first, steps)
    noise = _own_noise(draft, hires.seed, HIRES, "_hires")
    strength = DEFAULT_STRENGTH if hires.strength is None else hires.strength
    full = longer(steps, strength)
    sigmas = add_sigmas(draft, "sigmas_hires", sampler, hires.schedule or sampling.schedule, full)
    tail = add_lengthened(draft, "tail_hires", sigmas, full - steps, strength, f"{HIRES}.strength")
    refined_by, switch_at = refined(draft, first_pass=False)
    distilled = hires.distilled_cfg_scale
    sample = trusted(Sample)(
        id="sample_hires",
        because=(HIRES,),
        model=draft.model,
        positive=positive,
        negative=negative,
        latent=latent,
        noise=noise,
        sigmas=tail,
        sampler=sampler,
        cfg_scale=_cfg(draft, hires),
        distilled_cfg_scale=sampling.distilled_cfg_scale if distilled is None else distilled,
        refined_by=refined_by,
        switch_at=switch_at,
    )
    return draft.add(looped(draft, sample, denoiser_calls(draft.job, sampler, steps)))


def add_further(draft: Draft, latent: str, positive: str, negative: str) -> str:
    """All passes behind those; gives the latent of the last. What is steered by a latent is left out."""
    stages = [stage for stage in draft.job.stages if isinstance(stage, Further)]
    for number, stage in enumerate(stages):
        if not stage.steered:
            latent = _further(draft, stage, number, latent, (positive, negative))
    return latent


def _further(draft: Draft, stage: Further, number: int, latent: str, opening: tuple[str, str]) -> str:
    job, sampling = draft.job, draft.job.sampling
    part, suffix = f"stages.further[{number}]" if number else "stages.further", f"_further{number + 1}"
    steps = stage.steps or sampling.steps or DEFAULT_STEPS
    sampler = stage.sampler or sampling.sampler or "euler_ancestral"
    if stage.upscaler is not None:
        latent = _further_enlarged(draft, stage, part, suffix, latent)
    draft.model, draft.clip, draft.vae = draft.opening
    change_checkpoint(draft, stage, part, suffix)
    calls = denoiser_calls(job, sampler, steps)
    positive, negative = _further_conditioning(draft, stage, part, suffix, opening, calls)
    noise = _own_noise(draft, stage.seed, part, suffix, adds=stage.adds_noise)
    strength = 1.0 if stage.strength is None else stage.strength
    full = longer(steps, strength)
    levels = add_sigmas(draft, f"sigmas{suffix}", sampler, stage.schedule or sampling.schedule, full)
    levels = add_lengthened(draft, f"tail{suffix}", levels, full - steps, strength, f"{part}.strength")
    ends = Part(stage.first_step, stage.last_step, stage.leaves_noise)
    levels = add_part(draft, levels, f"tail{suffix}", ends, (f"{part}.first_step", f"{part}.last_step"))
    sample = trusted(Sample)(
        id=f"sample{suffix}",
        because=(part,),
        model=draft.model,
        positive=positive,
        negative=negative,
        latent=latent,
        noise=noise,
        sigmas=levels,
        sampler=sampler,
        cfg_scale=_cfg(draft, stage),
        distilled_cfg_scale=sampling.distilled_cfg_scale,
    )
    return draft.add(looped(draft, sample, calls))


def _cfg(draft: Draft, stage: Hires | Further) -> float:
    own, first = stage.cfg_scale, draft.job.sampling.cfg_scale
    return own if own is not None else DEFAULT_CFG if first is None else first


def _own_noise(draft: Draft, seed: int | None, part: str, suffix: str, *, adds: bool = True) -> str:
    """The noise of a later pass: the first one's, unless it has a seed of its own or another scale."""
    first = next(op for op in draft.ops if isinstance(op, MakeNoise))
    own = first.model_copy(update={"seed": first.seed if seed is None else seed, "multiplier": 1.0 if adds else 0.0})
    if own == first:
        return draft.noise
    because = part if seed is None else f"{part}.seed"
    return draft.add(own.model_copy(update={"id": f"noise{suffix}", "because": (because,)}))


def _hires_conditioning(
    draft: Draft, hires: Hires, first_pass: tuple[str, str], first: int, steps: int
) -> tuple[str, str]:
    """Conditioning of the second pass: the first pass's own where neither texts, model nor timeline differ."""
    job = draft.job
    sampler = hires.sampler or job.sampling.sampler
    calls, hires_calls = denoiser_calls(job, job.sampling.sampler, first), denoiser_calls(job, sampler, steps)
    edited = any(isinstance(op, Encode) and op.switches for op in draft.ops) or "[" in job.prompt.text
    if not (edited or hires.prompt or hires.negative or draft.clip.startswith(("hires", "network_hires"))):
        return first_pass
    return _own_conditioning(draft, hires, HIRES, "_hires", (calls, hires_calls))


def _further_conditioning(
    draft: Draft, stage: Further, part: str, suffix: str, opening: tuple[str, str], calls: int
) -> tuple[str, str]:
    """The same of one more pass, on which the timelines of its texts begin anew."""
    edited = any(isinstance(op, Encode) and op.switches for op in draft.ops)
    if not (edited or stage.prompt or stage.negative or draft.clip != draft.opening[1]):
        return opening
    return _own_conditioning(draft, stage, part, suffix, (calls, None))


def _own_conditioning(
    draft: Draft, stage: Hires | Further, part: str, suffix: str, calls: tuple[int, int | None]
) -> tuple[str, str]:
    """Its own texts, or else those of the first pass, encoded for it."""
    path = f"{part}.prompt" if stage.prompt else "prompt"
    positive = add_prompt(draft, stage.prompt or draft.job.prompt, path, f"positive{suffix}", *calls)
    path = f"{part}.negative" if stage.negative else "negative"
    negative = add_prompt(draft, stage.negative or draft.job.negative, path, f"negative{suffix}", *calls)
    return add_controls(draft, positive, negative, suffix)


def _enlarged(draft: Draft, hires: Hires, latent: str) -> str:
    scaled, target = hires_size(draft.size or DEFAULT_SIZE, hires, plainly=draft.enlarges_plainly)
    draft.size = target
    because = (f"{HIRES}.upscaler", f"{HIRES}.size" if hires.size else f"{HIRES}.scale")
    kind, _, method = hires.upscaler.partition(":")
    if kind == LATENT:
        change_checkpoint(draft, hires, HIRES, "_hires")
        return draft.add(
            trusted(ResizeLatent)(
                id="enlarged", because=because, latent=latent, method=method or BILINEAR, size=scaled, crop_to=target
            )
        )
    made = _is_left(draft, hires)
    upscale = trusted(UpscaleImage)(
        id="upscaled",
        because=because,
        image=_decoded(draft, "decode_first", because, latent),
        upscaler=hires.upscaler,
        size=None if made else scaled,
        crop_to=None if made else target,
        resampling=hires.resampling,
        plainly=draft.enlarges_plainly,
    )
    draft.add(upscale)
    change_checkpoint(draft, hires, HIRES, "_hires")
    return _encoded(draft, "enlarged", because, upscale.id)


def _further_enlarged(draft: Draft, stage: Further, part: str, suffix: str, latent: str) -> str:
    """What there is so far, enlarged; by a factor where its size is not known before it is painted."""
    kind, _, method = (stage.upscaler or "").partition(":")
    because = (f"{part}.upscaler", f"{part}.size" if stage.size else f"{part}.scale")
    scale = None if stage.size else stage.scale
    size = _grown(draft, stage)
    draft.size = size if size and all(size) else None
    name = f"enlarged{suffix}"
    if kind == LATENT:
        scaled = trusted(ScaleLatent)(
            id=name, because=because, latent=latent, method=method or BILINEAR, scale=1.0 if scale is None else scale
        )
        if size is None or scale is not None:
            return draft.add(scaled)
        sized = {"id": name, "because": because, "latent": latent, "method": scaled.method}
        return draft.add(trusted(ResizeLatent)(**sized, size=size, crop_to=size))
    upscale = trusted(UpscaleImage)(
        id=f"upscaled{suffix}",
        because=because,
        image=_decoded(draft, f"decode{suffix}", because, latent),
        upscaler=stage.upscaler or "none",
        size=size if stage.size else None,
        scale=scale,
        resampling=stage.resampling,
        plainly=draft.enlarges_plainly,
    )
    return _encoded(draft, name, because, draft.add(upscale))


def _decoded(draft: Draft, name: str, because: tuple[str, ...], latent: str) -> str:
    plainly = draft.enlarges_plainly
    return draft.add(trusted(Decode)(id=name, because=because, latent=latent, vae=draft.vae, keeps_numbers=plainly))


def _encoded(draft: Draft, name: str, because: tuple[str, ...], image: str) -> str:
    batch = draft.job.batch.size
    return draft.add(trusted(EncodeImage)(id=name, because=because, image=image, vae=draft.vae, batch=batch))


def _is_left(draft: Draft, stage: Hires | Further) -> bool:
    """Is the picture as large as a model makes it?"""
    asked = stage.size is not None or stage.scale is not None
    return not asked and draft.enlarges_plainly and (stage.upscaler or "").startswith(MODEL_UPSCALER)


def _grown(draft: Draft, stage: Further) -> Size | None:
    """The size of what one more pass begins with, where it is known; a side of it may be 0 where nothing else is."""
    before, upscaler = draft.size, stage.upscaler or ""
    if stage.size is not None:
        return stage.size if before is None else derived(before, stage.size)
    if before is None:
        return None
    if stage.scale is None and upscaler.startswith(MODEL_UPSCALER):
        factor = model_factor(upscaler)
        return None if factor is None else Size(before.width * factor, before.height * factor)
    return _by_factor(before, stage.scale or 1.0, upscaler, plainly=draft.enlarges_plainly)


def hires_size(first: Size, hires: Hires, *, plainly: bool = False) -> tuple[Size, Size]:
    """Size after scaling and size after cutting of the second pass, pixels, A1111's integer arithmetic.

    plainly: nothing is cut, and sides are rounded (ComfyUI).
    """
    wanted = hires.size
    if wanted is None or wanted == (0, 0):
        scaled = _by_factor(
            first, DEFAULT_SCALE if hires.scale is None else hires.scale, hires.upscaler, plainly=plainly
        )
        return scaled, scaled
    if not all(wanted):
        scaled = derived(first, wanted)
        return scaled, scaled
    if plainly:
        return wanted, wanted
    if first.width * wanted.height > wanted.width * first.height:  # wider than wanted: the height decides
        return Size(wanted.height * first.width // max(first.height, 1), wanted.height), wanted
    return Size(wanted.width, wanted.width * first.height // max(first.width, 1)), wanted


def _by_factor(first: Size, factor: float, upscaler: str, *, plainly: bool) -> Size:
    if plainly and isfinite(factor) and 0 < factor * max(first) < LONGEST_SIDE:
        return multiplied(first, factor, CELL if upscaler.startswith(LATENT) else 1)
    return Size(_scaled(first.width, factor), _scaled(first.height, factor))


def _scaled(side: int, scale: float) -> int:
    """A side cut off to whole pixels; what no picture can have ends at a bound that `check` reports."""
    scaled = side * scale
    return int(min(scaled, LONGEST_SIDE)) if isfinite(scaled) and scaled > 0 else LONGEST_SIDE
