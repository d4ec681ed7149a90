"""Job → Plan: stages become operations, and every constant explicit."""

from math import isfinite
from pathlib import Path

from paramc.diagnostics.model import UnknownName
from paramc.dialects.prompt import expand, weigh
from paramc.dialects.registry import find_dialect
from paramc.ir.base import trusted
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.names import sampler_of
from paramc.ir.plan import (
    ApplyControl,
    Combine,
    Decode,
    Detail,
    EmptyLatent,
    Encode,
    EncodeImage,
    LoadCheckpoint,
    LoadImage,
    MakeNoise,
    MaskLatent,
    Plan,
    ResizeLatent,
    RestoreFaces,
    Run,
    Sample,
    Save,
    UpscaleImage,
    Variant,
)
from paramc.ir.prompt import Prompt
from paramc.ir.sampling import ANY_SEED
from paramc.ir.stages import Detailer, Enlarge, FaceRestore, Hires, ImageToImage, Inpaint, PostUpscale, TextToImage
from paramc.passes.draft import Draft, change_checkpoint, load_models
from paramc.passes.levels import add_lengthened, add_part, add_sigmas, add_slice, longer
from paramc.resources import GRAMMARS

UNKNOWN_BASE = "sd1"  # the prior where nothing tells the family; `check` says so
LATENT_SCALE = 8  # pixels per latent cell
DEFAULT_SIZE = Size(512, 512)
DEFAULT_STEPS = 20
MOST_CALLS = 20_000  # an alternation has an entry for each; nobody runs more
LONGEST_SIDE = 2**24  # pixels
PER_BATCH = "reseeds_steps"  # the habit of a program whose batches share one stream
SCALES = "scales_from_the_top"  # the habit of a program that scales the noise of every pass
SHADES = "noises_known"  # the habit of a program whose masks keep their greys
DEFAULT_CFG = 7.0
DEFAULT_STRENGTH = 0.75
DEFAULT_HIRES_SCALE = 2.0
DEFAULT_HIRES_STRENGTH = 0.7


def plan_job(job: Job, grammars: tuple[Path, ...] = (GRAMMARS,)) -> Plan:
    """The operations that make the picture. What the job leaves at None takes the field's usual value."""
    known = job.family is not None and job.family.base not in ("", "unknown")
    base = job.family.base if job.family and known else UNKNOWN_BASE
    habits, keeping = (_ways(job, grammars, name) for name in ("habits", "keeps_sigmas"))
    draft = Draft(job, base, find_dialect(job.text.language, grammars), habits, frozenset(keeping))
    if isinstance(job.task, Enlarge):
        image = draft.add(trusted(LoadImage)(id="image", because=("task.init",), image=job.task.init))
    else:
        load_models(draft)
        image = _picture(draft)
    image = _finish(draft, image)
    draft.add(trusted(Save)(id="save", image=image))
    return trusted(Plan)(family=job.family.name if job.family and known else base, base=base, ops=tuple(draft.ops))


def _ways(job: Job, grammars: tuple[Path, ...], name: str) -> tuple[str, ...]:
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
    positive = _encode(draft, job.prompt, "prompt", "positive", calls, None)
    negative = _encode(draft, job.negative, "negative", "negative", calls, None)
    positive, negative = _controls(draft, positive, negative)
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
            position=job.batch.position or 0,
        )
    )
    latent = _sample(draft, latent, positive, negative)
    hires = job.hires
    if hires is not None and isinstance(job.task, TextToImage):
        latent = _hires(draft, hires, latent, positive, negative)
    return draft.add(trusted(Decode)(id="decode", latent=latent, vae=_last_vae(draft)))


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


def denoiser_calls(job: Job, sampler: str | None, steps: int) -> int:
    """Denoiser calls that prompt editing counts on: two a step for samplers that call twice."""
    row = sampler_of(sampler)
    version = job.producer.version
    karras = job.sampling.schedule == "karras"
    once = row.since_calls and version is not None and version < row.since_calls and not karras
    return steps * (1 if once else row.calls)


def _encode(draft: Draft, prompt: Prompt, path: str, name: str, calls: int, hires_calls: int | None) -> str:
    # A1111 neither splits a negative prompt at AND nor takes its tags for networks.
    composed = path.endswith("prompt") and prompt.branches
    parts = [(branch.text, branch.weight) for branch in prompt.branches] if composed else [(prompt.text, 1.0)]
    ids = [
        draft.add(_encoding(draft, text, path, name if len(parts) == 1 else f"{name}{index + 1}", calls, hires_calls))
        for index, (text, _) in enumerate(parts)
    ]
    weights = tuple(weight for _, weight in parts)
    if len(ids) == 1 and weights == (1.0,):
        return ids[0]
    return draft.add(trusted(Combine)(id=f"{name}_and", because=(path,), inputs=tuple(ids), weights=weights))


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


def _controls(draft: Draft, positive: str, negative: str, suffix: str = "") -> tuple[str, str]:
    for index, unit in enumerate(draft.job.controls):
        because = (f"controls.controlnet[{index}]" if index else "controls.controlnet",)
        op = trusted(ApplyControl)(
            id=f"control{suffix}{index + 1}", because=because, positive=positive, negative=negative, unit=unit
        )
        draft.add(op)
        positive, negative = f"{op.id}.positive", f"{op.id}.negative"
    return positive, negative


def _start(draft: Draft) -> str:
    job, task = draft.job, draft.job.task
    if not isinstance(task, ImageToImage | Inpaint):
        size = job.size or DEFAULT_SIZE
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
    sigmas = add_part(draft, sigmas)
    refined_by, switch_at = _refiner(draft, first_pass=True)
    return draft.add(
        _loop(
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


def _loop(draft: Draft, sample: Sample, calls: int) -> Sample:
    """`sample` with the settings that every pass of the job shares."""
    job, sampling = draft.job, draft.job.sampling
    flags = (
        ("zero_terminal_snr", sampling.zero_terminal_snr),
        ("downcasts_alphas", sampling.downcasts_alphas),
        ("quantizes_timesteps", sampling.quantizes_timesteps),
        ("min_uncond_every_step", sampling.min_uncond_every_step),
        ("refiner_counts_steps", job.refiner is not None and job.refiner.counts_steps),
    )
    return sample.model_copy(
        update={
            "image_cfg_scale": sampling.image_cfg_scale,
            "cfg_rescale": sampling.cfg_rescale,
            "skip_early_cfg": sampling.skip_early_cfg,
            "min_uncond_sigma": sampling.min_uncond_sigma,
            "eta": sampling.eta_ddim if sample.sampler.startswith("ddim") else sampling.eta,
            "s_churn": sampling.s_churn,
            "s_tmin": sampling.s_tmin,
            "s_tmax": sampling.s_tmax,
            "s_noise": sampling.s_noise,
            "flags": (*(name for name, wanted in flags if wanted), *draft.habits),
            "total_calls": calls,
            "padding": job.text.padding,
            "unipc_variant": sampling.unipc_variant,
            "unipc_spacing": sampling.unipc_spacing,
            "unipc_order": sampling.unipc_order,
            "unipc_lower_order_final": sampling.unipc_lower_order_final,
        }
    )


def _refiner(draft: Draft, *, first_pass: bool) -> tuple[str | None, float | None]:
    refiner = draft.job.refiner
    if refiner is None:
        return None, None
    alone = draft.job.hires is None
    if not alone and refiner.passes not in (("first", "both") if first_pass else ("second", "both")):
        return None, None
    if not any(op.id == "refiner" for op in draft.ops):
        draft.add(
            trusted(LoadCheckpoint)(id="refiner", because=("stages.refiner.checkpoint",), asset=refiner.checkpoint)
        )
    return "refiner.model", refiner.switch_at


def _hires(draft: Draft, hires: Hires, latent: str, positive: str, negative: str) -> str:
    sampling = draft.job.sampling
    first = sampling.steps or DEFAULT_STEPS
    steps = hires.steps or first
    sampler = hires.sampler or sampling.sampler or "euler_ancestral"
    latent = _enlarged(draft, hires, latent)
    positive, negative = _hires_conditioning(draft, hires, (positive, negative), first, steps)
    noise = _hires_noise(draft, hires)
    strength = DEFAULT_HIRES_STRENGTH if hires.strength is None else hires.strength
    full = longer(steps, strength)
    sigmas = add_sigmas(draft, "sigmas_hires", sampler, hires.schedule or sampling.schedule, full)
    tail = add_lengthened(draft, "tail_hires", sigmas, full - steps, strength, "stages.hires.strength")
    refined_by, switch_at = _refiner(draft, first_pass=False)
    cfg = DEFAULT_CFG if sampling.cfg_scale is None else sampling.cfg_scale
    distilled = hires.distilled_cfg_scale
    sample = trusted(Sample)(
        id="sample_hires",
        because=("stages.hires",),
        model=draft.model,
        positive=positive,
        negative=negative,
        latent=latent,
        noise=noise,
        sigmas=tail,
        sampler=sampler,
        cfg_scale=cfg if hires.cfg_scale is None else hires.cfg_scale,
        distilled_cfg_scale=sampling.distilled_cfg_scale if distilled is None else distilled,
        refined_by=refined_by,
        switch_at=switch_at,
    )
    return draft.add(_loop(draft, sample, denoiser_calls(draft.job, sampler, steps)))


def _hires_noise(draft: Draft, hires: Hires) -> str:
    """The noise of the second pass: the first one's, unless it has a seed of its own or the first one is scaled."""
    first = next(op for op in draft.ops if isinstance(op, MakeNoise))
    seed = first.seed if hires.seed is None else hires.seed
    own = first.model_copy(update={"seed": seed, "multiplier": 1.0})
    if own == first:
        return draft.noise
    because = "stages.hires" if hires.seed is None else "stages.hires.seed"
    return draft.add(own.model_copy(update={"id": "noise_hires", "because": (because,)}))


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
    path = "stages.hires.prompt" if hires.prompt else "prompt"
    positive = _encode(draft, hires.prompt or job.prompt, path, "positive_hires", calls, hires_calls)
    path = "stages.hires.negative" if hires.negative else "negative"
    negative = _encode(draft, hires.negative or job.negative, path, "negative_hires", calls, hires_calls)
    return _controls(draft, positive, negative, "_hires")


def _enlarged(draft: Draft, hires: Hires, latent: str) -> str:
    first = draft.job.size or DEFAULT_SIZE
    scaled, target = hires_size(first, hires)
    because = ("stages.hires.upscaler", "stages.hires.size" if hires.size else "stages.hires.scale")
    kind, _, method = hires.upscaler.partition(":")
    if kind == "latent":
        change_checkpoint(draft, hires)
        return draft.add(
            trusted(ResizeLatent)(
                id="enlarged", because=because, latent=latent, method=method or "bilinear", size=scaled, crop_to=target
            )
        )
    image = draft.add(trusted(Decode)(id="decode_first", because=because, latent=latent, vae=draft.vae))
    image = draft.add(
        trusted(UpscaleImage)(
            id="upscaled", because=because, image=image, upscaler=hires.upscaler, size=scaled, crop_to=target
        )
    )
    change_checkpoint(draft, hires)
    return draft.add(
        trusted(EncodeImage)(id="enlarged", because=because, image=image, vae=draft.vae, batch=draft.job.batch.size)
    )


def hires_size(first: Size, hires: Hires) -> tuple[Size, Size]:
    """Size after scaling and size after cutting of the second pass, pixels, A1111's integer arithmetic."""
    wanted = hires.size
    if wanted is None or wanted == (0, 0):
        scale = DEFAULT_HIRES_SCALE if hires.scale is None else hires.scale
        scaled = Size(_scaled(first.width, scale), _scaled(first.height, scale))
        return scaled, scaled
    if wanted.width == 0:
        scaled = Size(wanted.height * first.width // max(first.height, 1), wanted.height)
        return scaled, scaled
    if wanted.height == 0:
        scaled = Size(wanted.width, wanted.width * first.height // max(first.width, 1))
        return scaled, scaled
    if first.width * wanted.height > wanted.width * first.height:  # wider than wanted: the height decides
        return Size(wanted.height * first.width // max(first.height, 1), wanted.height), wanted
    return Size(wanted.width, wanted.width * first.height // max(first.width, 1)), wanted


def _scaled(side: int, scale: float) -> int:
    """A side cut off to whole pixels; what no picture can have ends at a bound that `check` reports."""
    scaled = side * scale
    return int(min(scaled, LONGEST_SIDE)) if isfinite(scaled) and scaled > 0 else LONGEST_SIDE


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
                )
            )
    return image
