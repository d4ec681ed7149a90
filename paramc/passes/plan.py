"""Job → Plan: stages become operations, and every constant explicit."""

from pathlib import Path

from paramc.diagnostics.model import UnknownName
from paramc.dialects.registry import find_dialect
from paramc.ir.base import trusted
from paramc.ir.job import Job
from paramc.ir.plan import (
    Decode,
    Detail,
    EmptyLatent,
    EncodeImage,
    LoadImage,
    MakeNoise,
    MaskLatent,
    Plan,
    RestoreFaces,
    Sample,
    Save,
    UpscaleImage,
)
from paramc.ir.sampling import ANY_SEED
from paramc.ir.stages import Detailer, Enlarge, FaceRestore, ImageToImage, Inpaint, PostUpscale, TextToImage
from paramc.passes.conditioning import add_controls, add_prompt, denoiser_calls
from paramc.passes.defaults import DEFAULT_CFG, DEFAULT_SIZE, DEFAULT_STEPS
from paramc.passes.draft import Draft, load_models
from paramc.passes.later import add_further, add_hires
from paramc.passes.levels import ENDS, Part, add_lengthened, add_part, add_sigmas, add_slice, longer
from paramc.passes.loop import looped, refined
from paramc.resources import GRAMMARS

UNKNOWN_BASE = "sd1"  # the prior where nothing tells the family; `check` says so
PER_BATCH = "reseeds_steps"  # the habit of a program whose batches share one stream
SCALES = "scales_from_the_top"  # the habit of a program that scales the noise of every pass
PLAINLY = (
    "plainly"  # the way of a program that keeps the numbers of a picture, and rounds what a factor makes of a side
)
SHADES = "noises_known"  # the habit of a program whose masks keep their greys
DEFAULT_STRENGTH = 0.75


def plan_job(job: Job, grammars: tuple[Path, ...] = (GRAMMARS,)) -> Plan:
    """The operations that make the picture. What the job leaves at None takes the field's usual value."""
    known = job.family is not None and job.family.base not in ("", "unknown")
    base = job.family.base if job.family and known else UNKNOWN_BASE
    habits, keeping, enlarging = (ways(job, grammars, name) for name in ("habits", "keeps_sigmas", "enlarging"))
    language, plainly = find_dialect(job.text.language, grammars), PLAINLY in enlarging
    draft = Draft(job, base, language, habits, frozenset(keeping), plainly)
    if isinstance(job.task, Enlarge):
        image = draft.add(trusted(LoadImage)(id="image", because=("task.init",), image=job.task.init))
    else:
        load_models(draft)
        image = _picture(draft)
    image = _finish(draft, image)
    draft.add(trusted(Save)(id="save", image=image))
    return trusted(Plan)(family=job.family.name if job.family and known else base, base=base, ops=tuple(draft.ops))


def ways(job: Job, grammars: tuple[Path, ...], name: str) -> tuple[str, ...]:
    """What the producer's sampling loop does its own way; a producer that nobody knows has no ways."""
    try:
        producer = find_dialect(job.producer.dialect, grammars)
    except UnknownName:
        return ()
    ways = producer.about.get(name, [])
    return tuple(str(way) for way in ways) if isinstance(ways, list) else ()


def _picture(draft: Draft) -> str:
    job = draft.job
    calls = denoiser_calls(job, job.sampling.sampler, job.sampling.steps or DEFAULT_STEPS)
    positive = add_prompt(draft, job.prompt, "prompt", "positive", calls, None)
    negative = add_prompt(draft, job.negative, "negative", "negative", calls, None)
    positive, negative = add_controls(draft, positive, negative)
    latent = _start(draft)
    noise = job.noise
    draft.noise = draft.add(
        trusted(MakeNoise)(
            id="noise",
            because=("noise.seed", "noise.generator"),
            seed=_said(noise.seed),
            generator=noise.generator or "cuda",
            variation=noise.variation and noise.variation.model_copy(update={"seed": _said(noise.variation.seed)}),
            resized_from=noise.resized_from,
            delta=noise.delta,
            multiplier=_noise_scale(draft),
            extra=noise.extra,
            scales_by_vp=noise.scales_by_vp,
            per_batch=noise.per_batch or PER_BATCH in draft.habits,
            position=job.batch.place,
        )
    )
    latent = _sample(draft, latent, positive, negative)
    hires = job.hires
    if hires is not None and isinstance(job.task, TextToImage):
        latent = add_hires(draft, hires, latent, positive, negative)
    latent = add_further(draft, latent, positive, negative)
    vae = _last_vae(draft)
    return draft.add(trusted(Decode)(id="decode", latent=latent, vae=vae, keeps_numbers=draft.enlarges_plainly))


def _said(seed: int | None) -> int | None:
    """The seed; None where any will do."""
    return None if seed == ANY_SEED else seed


def _noise_scale(draft: Draft) -> float:
    """The scale of the start noise, which A1111 puts on pictures alone."""
    acts = SCALES in draft.habits or not isinstance(draft.job.task, TextToImage)
    return draft.job.noise.multiplier if acts else 1.0


def _last_vae(draft: Draft) -> str:
    """The VAE of the checkpoint that sampled last, unless one was asked for: a refiner brings its own."""
    last = next(op for op in reversed(draft.ops) if isinstance(op, Sample))
    own = draft.vae.endswith("checkpoint.vae")
    return f"{last.refined_by.partition('.')[0]}.vae" if own and last.refined_by else draft.vae


def _start(draft: Draft) -> str:
    job, task = draft.job, draft.job.task
    draft.size = job.size
    if not isinstance(task, ImageToImage | Inpaint):
        draft.size = size = job.size or DEFAULT_SIZE
        return draft.add(trusted(EmptyLatent)(id="latent", because=("size",), size=size, batch=job.batch.size))
    image = draft.add(
        trusted(LoadImage)(
            id="image", because=("task.init", "size"), image=task.init, size=job.size, resize=task.resize
        )
    )
    latent = draft.add(
        trusted(EncodeImage)(id="latent", because=("task.init",), image=image, vae=draft.vae, batch=job.batch.size)
    )
    if not isinstance(task, Inpaint):
        return latent
    return draft.add(
        trusted(MaskLatent)(
            id="masked",
            because=("task.mask",),
            latent=latent,
            mask=task.mask,
            blur=task.mask_blur,
            inverts=task.inverts_mask,
            fill=task.fill,
            area=task.area,
            padding=task.padding,
            mask_weight=1.0 if job.sampling.mask_weight is None else job.sampling.mask_weight,
            soft=task.soft,
            keeps_shades=SHADES in draft.habits,
        )
    )


def _sample(draft: Draft, latent: str, positive: str, negative: str) -> str:
    job, sampling = draft.job, draft.job.sampling
    steps = sampling.steps or DEFAULT_STEPS
    task = job.task
    strength, path = sampling.share, "sampling.share"
    lengthens = strength < 1
    if isinstance(task, ImageToImage | Inpaint):
        strength, path = DEFAULT_STRENGTH if task.strength is None else task.strength, "task.strength"
        lengthens = task.exact_steps
    full = longer(steps, strength) if lengthens else steps
    sigmas = add_sigmas(draft, "sigmas", sampling.sampler, sampling.schedule, full)
    if lengthens:
        sigmas = add_lengthened(draft, "tail", sigmas, full - steps, strength, path)
    elif not isinstance(task, TextToImage):
        sigmas = add_slice(draft, "tail", sigmas, steps, strength)
    part = Part(sampling.first_step, sampling.last_step, sampling.leaves_noise)
    sigmas = add_part(draft, sigmas, "tail", part, ENDS)
    refined_by, switch_at = refined(draft, first_pass=True)
    return draft.add(
        looped(
            draft,
            trusted(Sample)(
                id="sample",
                because=("sampling.sampler", "sampling.cfg_scale"),
                model=draft.model,
                positive=positive,
                negative=negative,
                latent=latent,
                noise=draft.noise,
                sigmas=sigmas,
                sampler=sampling.sampler or "euler_ancestral",
                cfg_scale=DEFAULT_CFG if sampling.cfg_scale is None else sampling.cfg_scale,
                distilled_cfg_scale=sampling.distilled_cfg_scale,
                refined_by=refined_by,
                switch_at=switch_at,
            ),
            denoiser_calls(job, sampling.sampler, steps),
        )
    )


def _finish(draft: Draft, image: str) -> str:
    """Detailers, faces and enlargement on the decoded picture, in the order of the stages."""
    for index, stage in enumerate(draft.job.stages):
        because = (f"stages.{stage.kind}",)
        name = f"{stage.kind}{index + 1}"
        if isinstance(stage, Detailer):
            image = draft.add(trusted(Detail)(id=name, because=because, image=image, detailer=stage))
        elif isinstance(stage, FaceRestore):
            image = draft.add(trusted(RestoreFaces)(id=name, because=because, image=image, model=stage.model))
        elif isinstance(stage, PostUpscale):
            image = draft.add(
                trusted(UpscaleImage)(
                    id=name,
                    because=because,
                    image=image,
                    upscaler=stage.upscaler,
                    size=stage.size,
                    scale=stage.scale,
                    crop_to=stage.crop_to,
                    plainly=draft.enlarges_plainly,
                )
            )
    return image
