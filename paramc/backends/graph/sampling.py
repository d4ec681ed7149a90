"""A sampling pass in nodes: one sampler node where it can say the pass, one with a part of the steps, or a chain."""

from functools import cache, partial
from math import ceil, log
from string import digits
from typing import NamedTuple

from paramc.backends.graph.builder import Socket, Sockets
from paramc.backends.graph.conditioning import Guidance, Side, adapted, adapters, bare, guidance
from paramc.backends.graph.context import Context, Steered
from paramc.backends.graph.passes import Pass, planned, schedule_node, seed_of
from paramc.backends.graph.tiled import enlargement, factor, upscaled
from paramc.dialects.graph.levels import Flow, NoiseModel, limits, shares, sigmas, variance_preserving
from paramc.dialects.graph.making import shortest
from paramc.ir.geometry import Size
from paramc.ir.names import sampler_of
from paramc.ir.plan import Detail, Encode, EncodeImage, MaskLatent, Op, Sample, Sigmas, UpscaleImage
from paramc.ir.stages import TextToImage

MOST_STEPS = 10_000
LONGEST = 10**12  # steps of a schedule; a strength that asks for more is next to nothing
SQUARE = Size(1024, 1024)  # pixels, where the picture alone tells the size
WHOLE = 0.9999  # above this strength a sampler node runs all steps
REFINED = "refined"
LAST_STEPS = "takes_last_steps"  # the quirk of programs that take as many steps as asked from any longer schedule
VARIED = "variation"  # the option for a node that mixes two noises
BY_TIME = "controls_by_time"  # the quirk of programs whose units are active for shares of the time
LARGEST_SIGMA, SMALLEST_SIGMA = 14.614642, 0.029167535  # SD 1 to SDXL, as A1111 computes them


class Piece(NamedTuple):
    """Steps [start, end) of a pass, with one model and its conditioning."""

    model: Socket
    guidance: Guidance
    start: int
    end: int | None
    seed: int
    title: str  # the variant of the node's title


def sample(context: Context, op: Sample) -> Sockets:
    """A pass: in one piece, or in two where a refiner takes over."""
    run = planned(context, op)
    context.keep_size(op.id, op.latent)
    enlarged = enlargement(context, op)
    if enlarged is not None and _denoise(run) is not None:
        return _in_tiles(context, run, enlarged)
    latent = {"latent": context.socket(op.latent)}
    pieces = _pieces(context, run)
    for index, piece in enumerate(pieces):
        latent = _sampled(context, run, piece, latent["latent"], first=index == 0, last=index == len(pieces) - 1)
    return latent


def _in_tiles(context: Context, run: Pass, enlarged: UpscaleImage) -> Sockets:
    piece = _pieces(context, run)[0]
    encoded = context.ops[run.op.latent]
    vae = context.socket(encoded.vae) if isinstance(encoded, EncodeImage) else context.socket("checkpoint.vae")
    return context.graph.add(
        "sample_tiled",
        piece.title,
        scale=factor(context, enlarged),
        seed=piece.seed,
        steps=run.steps - run.start,
        cfg=piece.guidance.cfg,
        sampler=_sampler_name(run),
        scheduler=run.schedule.name,
        denoise=_denoise(run) or 0.0,
        model=piece.model,
        positive=piece.guidance.positive,
        negative=piece.guidance.negative,
        vae=vae,
        **upscaled(context, enlarged),
    )


def _noise_model(context: Context, run: Pass) -> NoiseModel:
    base = context.base
    if not base.entries:
        return variance_preserving()
    return Flow(_shift(run.sigmas) or base.shift, base.entries)


def _levels(context: Context, run: Pass) -> tuple[float, ...] | None:
    """The sigmas at which the steps of a pass begin, where the schedule has a formula."""
    model, asked = _noise_model(context, run), run.sigmas
    span = limits(model, asked.sigma_min, asked.sigma_max, asked.rho or run.schedule.rho)
    points = run.steps + (1 if asked.drops_penultimate else run.schedule.extra)
    levels = sigmas(run.schedule.spacing, points, model, span) if points <= 2 * MOST_STEPS else None
    if levels is None:
        return None
    return levels[run.start :] if run.schedule.uneven else levels[run.start : run.steps]


def _shift(source: Sigmas) -> float | None:
    return source.shift if source.shift is not None and 0 < source.shift < float("inf") else None


def _pieces(context: Context, run: Pass) -> tuple[Piece, ...]:
    op = run.op
    switch = _switch(context, run)
    calls = cache(partial(_calls, context, run))
    by_time = BY_TIME in op.flags
    between = op.refined_by is None and not run.is_silent and not context.base.distilled
    base = Side(_clip(context, op.positive), calls, by_time, between=between)
    model = _patched(context, run, context.socket(op.model))
    end, found = run.end if switch is None else switch, _guidance(context, run, base)
    context.steered = _steering(context, run, model, base)
    first = Piece(model, found, run.start, end, run.seed, op.id.rstrip(digits))
    if op.refined_by is None or switch is None:
        return (first,)
    refiner = context.job.refiner
    refined = Side(context.socket(op.refined_by.partition(".")[0] + ".clip"), calls, by_time, REFINED)
    second = Piece(
        _patched(context, run, context.socket(op.refined_by)),
        _guidance(context, run, refined),
        switch,
        run.end,
        run.seed if refiner is None or refiner.seed is None else seed_of(refiner.seed),
        REFINED,
    )
    return (second,) if switch <= run.start else (first, second)


def _steering(context: Context, run: Pass, model: Socket, side: Side) -> Steered | None:
    """What regions of the picture are painted by; None where none are."""
    if not any(isinstance(op, Detail) for op in context.plan.ops):
        return None
    op = run.op
    positive, negative = (bare(context, name) for name in (op.positive, op.negative))
    plain = run._replace(op=op.model_copy(update={"positive": positive, "negative": negative}))
    found = _guidance(context, plain, side)
    return Steered(
        model,
        side.clip,
        found.positive,
        found.negative,
        found.cfg,
        _sampler_name(run),
        run.schedule.name,
        run.steps - run.start,
        run.seed,
        op.distilled_cfg_scale if context.base.distilled else None,
        LAST_STEPS in op.flags,
    )


def _switch(context: Context, run: Pass) -> int | None:
    """The step from which the refiner runs; None where it never does.

    A1111 from 1.9 on compares the timestep with the fraction, before that and on request the share of the steps.
    """
    op, refiner = run.op, context.job.refiner
    if op.refined_by is None or op.switch_at is None:
        return None
    levels = None if refiner is not None and refiner.counts_steps else _levels(context, run)
    if levels is None:
        step = run.start + ceil(op.switch_at * run.steps)
    else:
        model = _noise_model(context, run)
        passed = (index for index, level in enumerate(levels) if _elapsed(model, level) >= op.switch_at)
        step = run.start + next(passed, len(levels))
    return step if step < (run.end or run.steps) else None


def _elapsed(model: NoiseModel, level: float) -> float:
    """How much of the training steps lies above a noise level, by its nearest step."""
    last = model.entries - 1
    return (last - round(model.time(level) * last)) / model.entries


def _clip(context: Context, reference: str) -> Socket:
    op: Op = context.ops[bare(context, reference)]
    while not isinstance(op, Encode):
        op = context.ops[op.__dict__["inputs"][0].partition(".")[0]]
    return context.socket(op.clip)


def _calls(context: Context, run: Pass) -> tuple[float, ...]:
    """Shares of the sampling at which the model is called; evenly spread where the schedule has no formula here."""
    sampler, levels = sampler_of(run.op.sampler), _levels(context, run)
    if levels:
        return shares(levels, _noise_model(context, run), sampler, _eta(run))
    count = min(max(run.steps - run.start, 1), MOST_STEPS) * sampler.calls
    begin = run.start / run.steps
    return tuple(begin + (1 - begin) * index / count for index in range(count))


def _guidance(context: Context, run: Pass, side: Side) -> Guidance:
    op = run.op
    found = guidance(context, op.positive, op.negative, op.cfg_scale * run.sampler.cfg, side)
    source = context.ops.get(op.latent)
    if side.between and op.image_cfg_scale is not None and isinstance(source, EncodeImage):
        told = context.graph.add(
            "instruct",
            positive=found.positive,
            negative=found.negative,
            image=context.socket(source.image),
            vae=context.socket(source.vae),
        )
        return Guidance(told["positive"], found.negative, found.cfg, told["negative"], op.image_cfg_scale)
    if not context.base.distilled or op.distilled_cfg_scale is None:
        return found
    positive, negative = (
        context.graph.add("distilled", guidance=op.distilled_cfg_scale, conditioning=socket)["conditioning"]
        for socket in (found.positive, found.negative)
    )
    return Guidance(positive, found.negative if found.cfg == 1.0 else negative, found.cfg)


def _patched(context: Context, run: Pass, model: Socket) -> Socket:
    """The model with what this pass changes of it."""
    given = {"model": model}
    shift = _shift(run.sigmas)
    if shift is not None and context.base.shift_node:
        given = context.graph.add(context.base.shift_node, shift=shift, log_shift=log(shift), **given)
    if "zero_terminal_snr" in run.op.flags and not context.base.entries:
        given = context.graph.add("zero_snr", **given)
    if run.sampler.patch and not context.base.entries:
        given = context.graph.add(run.sampler.patch, **given)
    source = context.ops.get(run.op.latent)
    if isinstance(source, MaskLatent) and source.soft is not None:
        given = context.graph.add("soft", **given)
    for unit in adapters(context, run.op.positive):
        given = adapted(context, unit, given["model"])
    if run.op.cfg_rescale:
        given = context.graph.add("rescale", rescale=run.op.cfg_rescale, **given)
    return given["model"]


def _sampled(context: Context, run: Pass, piece: Piece, latent: Socket, *, first: bool, last: bool) -> Sockets:
    if _needs_chain(context, run) or piece.guidance.middle is not None:
        return _chain(context, run, piece, latent, first=first, last=last)
    denoise = _denoise(run) if first and last else None
    if denoise is not None:
        return _whole(context, run, piece, latent, denoise)
    return _part(context, run, piece, latent, first=first, last=last)


def _denoise(run: Pass) -> float | None:
    """The strength by which a plain sampler node runs just these steps; None where it cannot."""
    return None if run.is_silent else _share(run)


def _share(run: Pass) -> float | None:
    """The strength that leaves just these steps of a schedule; None where none does."""
    if run.end is not None:
        return None
    steps = run.steps - run.start
    if run.start == 0:
        idle = LAST_STEPS in run.op.flags and run.shortens and run.strength > 0 and int(steps / run.strength) == steps
        return run.strength if idle else float(run.strength > 0)
    if not run.shortens:
        return None  # a plain node would count only the steps that are run
    longer = min(steps / run.strength, LONGEST) if run.strength > 0 else 0
    whole = steps if run.strength > WHOLE else int(longer)
    counted = not run.schedule.uneven or LAST_STEPS in run.op.flags
    return run.strength if whole == run.steps and counted else None


def _whole(context: Context, run: Pass, piece: Piece, latent: Socket, denoise: float) -> Sockets:
    is_varied = context.choices.get(VARIED) and isinstance(context.job.task, TextToImage)
    second = run.noise.variation if is_varied else None
    mixed = {} if second is None else {"second_seed": seed_of(second.seed), "second_share": second.strength}
    return context.graph.add(
        "sample_varied" if second else "sample",
        piece.title,
        noise=context.word("noise_modes", run.noise.generator),
        **mixed,
        seed=piece.seed,
        steps=run.steps - run.start,
        cfg=piece.guidance.cfg,
        sampler=_sampler_name(run),
        scheduler=run.schedule.name,
        denoise=denoise,
        model=piece.model,
        positive=piece.guidance.positive,
        negative=piece.guidance.negative,
        latent=latent,
    )


def _part(context: Context, run: Pass, piece: Piece, latent: Socket, *, first: bool, last: bool) -> Sockets:
    keeps = not last or run.leftover
    return context.graph.add(
        "sample_part",
        piece.title,
        add_noise=_switch_word(context, on=first and not run.is_silent),
        seed=piece.seed,
        steps=run.planned,
        cfg=piece.guidance.cfg,
        sampler=_sampler_name(run),
        scheduler=run.schedule.name,
        start=piece.start,
        end=MOST_STEPS if piece.end is None else piece.end,
        leftover=_switch_word(context, on=keeps),
        model=piece.model,
        positive=piece.guidance.positive,
        negative=piece.guidance.negative,
        latent=latent,
    )


def _switch_word(context: Context, *, on: bool) -> str:
    return context.word("switches", "on" if on else "off")


def _sampler_name(run: Pass) -> str:
    return run.sampler.on_gpu if run.sampler.on_gpu and run.noise.generator == "cuda" else run.sampler.name


def _chain(context: Context, run: Pass, piece: Piece, latent: Socket, *, first: bool, last: bool) -> Sockets:
    side = piece.guidance
    sockets = {"model": piece.model, "positive": side.positive, "negative": side.negative}
    if not first or run.is_silent:
        chosen = _sampler(context, run) | _levels_of(context, run, piece, first=first, last=last)
        return context.graph.add(
            "sample_silent", piece.title, seed=piece.seed, latent=latent, cfg=side.cfg, **sockets, **chosen
        )
    chained = context.graph.add("noise", seed=piece.seed)
    if side.middle is None:
        chained |= context.graph.add("guider", cfg=side.cfg, **sockets)
    else:
        chained |= context.graph.add(
            "dual_guider", cfg=side.cfg, middle=side.middle, middle_cfg=side.middle_cfg, **sockets
        )
    chained |= _sampler(context, run) | _levels_of(context, run, piece, first=first, last=last)
    return context.graph.add("sample_custom", piece.title, latent=latent, **chained)


def _levels_of(context: Context, run: Pass, piece: Piece, *, first: bool, last: bool) -> Sockets:
    """The sigmas of a piece: by a share of the steps where nodes can say it so, else from one step to another."""
    if first and last and run.is_parted:
        asked = _sigmas(context, run, piece.model, run.steps - run.lead, run.strength)
        end = None if piece.end is None else piece.end - run.lead
        return _cut(context, asked, piece.start - run.lead, end, cleans=not run.leftover and run.end is not None)
    share = _share(run) if first and last and run.strength < 1 else None
    if share is not None and not schedule_node(run) and not _starts_plainly(context, run):
        return _sigmas(context, run, piece.model, run.steps - run.start, share)
    whole = _sigmas(context, run, piece.model, run.planned if run.leftover else run.steps)
    if share is not None:
        return {"sigmas": context.graph.add("split_share", share=_splitting(run, share), **whole)["low"]}
    return _cut(context, whole, piece.start, piece.end, cleans=last and not run.leftover and run.end is not None)


def _splitting(run: Pass, share: float) -> float:
    """The strength itself where it parts the schedule at the right step; else the shortest that means the same."""
    steps = run.steps - run.start

    def fits(share: float) -> bool:
        return round(run.steps * share) == steps and run.steps <= steps / share < run.steps + 1

    return share if share == 0 or fits(share) else shortest(steps / (run.steps + 1), fits)


def _needs_chain(context: Context, run: Pass) -> bool:
    return bool(schedule_node(run)) or _needs_sampler_node(run) or _starts_plainly(context, run) or run.is_parted


def _starts_plainly(context: Context, run: Pass) -> bool:
    """Whether the start noise is to be kept from being scaled up, which only a chain can do."""
    return (
        context.choices.get("form") == "faithful"
        and context.base.first_sigma > 0
        and run.start == 0
        and run.strength > 0
        and not run.schedule.below_max
        and not run.sigmas.sigma_max
        and not run.sampler.drops
        and (run.leftover or run.end is None)
        and not run.noise.scales_by_vp
        and "zero_terminal_snr" not in run.op.flags
    )


def _eta(run: Pass) -> float:
    return 1.0 if run.op.eta is None else run.op.eta


def _needs_sampler_node(run: Pass) -> bool:
    asked = {"eta": _eta(run), "s_noise": run.op.s_noise}
    return run.sampler.always or any(asked[name] != 1.0 for name in run.sampler.knobs)


def _sampler(context: Context, run: Pass) -> Sockets:
    if not _needs_sampler_node(run):
        return context.graph.add("sampler", sampler=_sampler_name(run))
    s_noise = run.op.s_noise if "s_noise" in run.sampler.knobs else 1.0
    device = context.word("devices", run.noise.generator)
    return context.graph.add(run.sampler.node, eta=_eta(run), s_noise=s_noise, device=device)


def _sigmas(context: Context, run: Pass, model: Socket, steps: int, share: float = 1.0) -> Sockets:
    asked, size = run.sigmas, context.sizes.get(run.op.latent, SQUARE)
    made = context.graph.add(
        schedule_node(run) or "sigmas",
        scheduler=run.schedule.name,
        steps=steps,
        share=share,
        model=model,
        sigma_min=asked.sigma_min or SMALLEST_SIGMA,
        sigma_max=asked.sigma_max or LARGEST_SIGMA,
        rho=asked.rho or run.schedule.rho,
        beta_alpha=asked.beta_alpha,
        beta_beta=asked.beta_beta,
        table=context.base.table,
        width=size.width,
        height=size.height,
    )
    if _starts_plainly(context, run):
        return context.graph.add("first_sigma", sigma=context.base.first_sigma, **made)
    return made


def _cut(context: Context, made: Sockets, start: int, end: int | None, *, cleans: bool) -> Sockets:
    """The levels from one step to another, the last of them made 0 where no noise is to be left."""
    if end is not None:
        made = {"sigmas": context.graph.add("split", step=end, **made)["high"]}
    if cleans:
        for role in ("flip", "last_sigma", "flip"):
            made = context.graph.add(role, **made)
    if start > 0:
        made = {"sigmas": context.graph.add("split", step=start, **made)["low"]}
    return made
