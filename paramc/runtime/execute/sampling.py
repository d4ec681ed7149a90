"""The Sample op: noise, levels, guidance and the sampler put together."""

from dataclasses import replace
from math import isfinite
from typing import Final

import torch
from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.names import sampler_of
from paramc.ir.plan import Sample
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.guidance import Skips
from paramc.runtime.denoise.guided import Guidance, GuidedDenoiser, Padding
from paramc.runtime.denoise.instructed import Instructed
from paramc.runtime.denoise.masked import putting_back
from paramc.runtime.denoise.on_timesteps import OnTimesteps
from paramc.runtime.denoise.parametrisation import Estimate, Network, clean_from_flow
from paramc.runtime.denoise.placed import PlacedDenoiser
from paramc.runtime.denoise.rescaled import Rescaled, Terms
from paramc.runtime.execute.areas import places_of
from paramc.runtime.execute.controls import flow_steering_of, steering_of
from paramc.runtime.execute.draws import drawn, first_draw, step_noise
from paramc.runtime.execute.masking import blends_of, painted_share
from paramc.runtime.execute.network import UnetCall, bounded, estimate_of, guidance_width, noised_as
from paramc.runtime.execute.tables import Tables, tables_for
from paramc.runtime.execute.transformer import CALLERS, TransformerCall
from paramc.runtime.execute.values import Latent
from paramc.runtime.execute.walk import Walk, knobs_of, on_timesteps, rule_of, walk_of
from paramc.runtime.execute.watch import Progress
from paramc.runtime.execute.work import Pass, Side
from paramc.runtime.models.dtypes import dtype_of
from paramc.runtime.samplers.ddim import CFG_PP_SCALE
from paramc.runtime.samplers.limits import check_walk
from paramc.runtime.samplers.protocol import Denoiser
from paramc.runtime.samplers.registry import SAMPLERS, TIMESTEP_SAMPLERS
from paramc.runtime.samplers.unipc import LAST_SIGMA
from paramc.runtime.schedules.levels import TIMESTEPS
from paramc.runtime.stages.starts import (
    data_of_flow,
    start_from_latent,
    start_from_latent_at,
    start_from_noise,
    with_extra_noise,
)

NEARLY: Final = 1e-5  # share by which a level may stay below the greatest one
PADDINGS: Final[dict[str, Padding]] = {"none": "apart", "empty_chunks": "empty", "repeat_last": "last_token"}


def sample(work: Pass) -> Latent:
    """The latent after all steps; what a mask leaves alone is put back."""
    op = work.op
    if work.route.leads_nowhere:
        return _unsampled(work)
    checkpoint = work.side.weights.checkpoint
    if on_timesteps(op) and (checkpoint.prediction == "edm" or len(checkpoint.alphas_cumprod) != TIMESTEPS):
        raise RunError(diagnose("PC582", path="sampling.sampler", sampler=op.sampler))
    tables = tables_for(op.sampler, op.flags, checkpoint, work.route.sigmas.shift)
    walk = walk_of(op, work.route, tables, checkpoint.base)
    if len(walk.levels) == 0 and "takes_last_steps" in op.flags:
        return _unsampled(work)
    knobs = knobs_of(op, walk, tables)
    rule = rule_of(op)
    check_walk(rule, walk.levels, knobs)
    noise, source = drawn(work)
    latent = _filled(work, work.latent)
    x = _start(work, latent, noise, walk, tables)
    denoise = _denoiser(work, latent, tables, expected_calls(rule, walk))
    step = (TIMESTEP_SAMPLERS if on_timesteps(op) else SAMPLERS)[rule]
    with torch.inference_mode():
        around = blends_of(work, latent, noise).around(denoise)
        x = step(around, x, walk.levels, step_noise(work, source, walk), knobs=knobs)
    if tables.is_flow and "scales_from_the_top" in op.flags:
        x = data_of_flow(x, _last_level(rule, walk))
    return _finished(work, latent, x)


def _last_level(rule: str, walk: Walk) -> float:
    """The level that a pass ends at, as ComfyUI takes it: of UniPC the one that stands for 0."""
    last = walk.levels[-1].item()
    return LAST_SIGMA if last == 0 and rule.startswith("uni_pc") else last


def _unsampled(work: Pass) -> Latent:
    """What a pass of no steps at all gives back: what it was given."""
    latent = work.latent
    if latent.values is not None:
        return latent
    return replace(latent, values=torch.zeros((latent.batch, *latent.shape), device=work.device))


def _finished(work: Pass, latent: Latent, x: Tensor) -> Latent:
    if latent.values is None or latent.mask is None or "noises_known" in work.op.flags:
        return replace(latent, values=x)
    if latent.soft is not None:
        return replace(latent, values=x, mask=painted_share(latent.values, x, latent.mask, latent.soft))
    return replace(latent, values=putting_back(latent.values, latent.mask)(x, x))


def _filled(work: Pass, latent: Latent) -> Latent:
    """The masked part of the start latent replaced by noise where that is asked for: the noise of the very sampling."""
    if not latent.fills_with_noise or latent.values is None or latent.mask is None:
        return latent
    mask = latent.mask
    return replace(latent, values=latent.values * (1 - mask) + first_draw(work) * mask)


def _start(work: Pass, latent: Latent, noise: Tensor, walk: Walk, tables: Tables) -> Tensor:
    recipe, timesteps = work.noise, on_timesteps(work.op)
    if "scales_from_the_top" in work.op.flags:
        return _start_from_the_top(work, latent, noise, walk, tables)
    if work.route.tail is None or latent.values is None:
        return noise if timesteps else start_from_noise(noise, walk.start, scales_by_vp=recipe.scales_by_vp)
    noise = noise * recipe.multiplier
    if timesteps:
        return with_extra_noise(start_from_latent_at(latent.values, noise, walk.start), noise, recipe.extra, walk.start)
    noised = start_from_latent(latent.values, noise, walk.start, is_flow=tables.is_flow)
    return with_extra_noise(noised, noise, recipe.extra)


def _start_from_the_top(work: Pass, latent: Latent, noise: Tensor, walk: Walk, tables: Tables) -> Tensor:
    """Noise on the latent, scaled by variance where the walk begins at the greatest level there is (ComfyUI)."""
    noise = noise * work.noise.multiplier
    known = torch.zeros_like(noise) if latent.values is None else latent.values
    greatest = tables.levels.sigmas[-1].item()
    if work.noise.scales_by_vp and not tables.is_flow and walk.start >= greatest * (1 - NEARLY):
        return start_from_noise(noise, walk.start, scales_by_vp=True) + known
    return start_from_latent(known, noise, walk.start, is_flow=tables.is_flow)


def expected_calls(sampler: str, walk: Walk) -> int:
    """Evaluations that a pass will make; 0 where the sampler decides as it goes."""
    steps = len(walk.levels) - 1
    match sampler:
        case "dpm_adaptive":
            return 0
        case "dpm_fast":
            return walk.steps
        case "plms" | "unipc":
            return steps + (steps > 0)
        case _:
            per_step = sampler_of(sampler).calls
            return max(steps * per_step - (per_step - 1), 0)


def _denoiser(work: Pass, latent: Latent, tables: Tables, expected: int) -> Denoiser:
    timesteps = on_timesteps(work.op)
    if work.refined is None or work.op.switch_at is None:
        guided: Denoiser = _guided(work, work.side, latent, tables)
    else:
        guided = Relay(work, latent, tables)
    scale = work.op.image_cfg_scale
    if scale not in (None, 1.0) and latent.concat is not None and latent.concat.shape[1] == latent.shape[0]:
        guided = Instructed(guided, _blind(work, latent, tables), scale)
    if timesteps and "rounds_timesteps" in work.op.flags:
        guided = OnTimesteps(guided, tables.alphas)
    if work.op.cfg_rescale:
        guided = Rescaled(guided, work.op.cfg_scale, work.op.cfg_rescale, _terms(work))
    return Watched(work, guided, expected, tables.alphas if timesteps else None)


def _blind(work: Pass, latent: Latent, tables: Tables) -> GuidedDenoiser | PlacedDenoiser:
    """The model with the negative on both sides, and nothing in the place of the picture that it paints after."""
    hidden = latent.concat if latent.concat is None else torch.zeros_like(latent.concat)
    negative = work.side.negative
    return _guided(work, Side(work.side.weights, negative, negative), replace(latent, concat=hidden), tables)


def _terms(work: Pass) -> Terms:
    if on_timesteps(work.op):
        return "own"
    predicts_velocity = work.side.weights.checkpoint.prediction == "v"
    return "velocity" if predicts_velocity or "rescales_velocity" in work.op.flags else "noise"


def _guided(work: Pass, side: Side, latent: Latent, tables: Tables) -> GuidedDenoiser | PlacedDenoiser:
    op, count = work.op, latent.batch
    on_levels = on_timesteps(op) and "rounds_timesteps" not in op.flags
    estimate = _estimate(work, side, latent, tables, on_levels=on_levels)
    work.ready(side.weights)  # after the estimate: control pictures may have gone through the VAE for it
    repeats = "repeats_prompts" in op.flags
    padding = "repeat" if repeats else PADDINGS[op.padding]
    is_told = guidance_width(side.weights.checkpoint) > 0
    guidance = Guidance(
        positive=(side.positive.branches,) * count,
        negative=side.negative.branches * count,
        scale=1.0 if is_told else _scale(op),
        total_calls=op.total_calls,
        skips=Skips(op.min_uncond_sigma, "min_uncond_every_step" in op.flags, op.skip_early_cfg),
        padding=padding,
        empty=side.negative.empty() if padding == "empty" else None,
        most_rows=work.most_rows,
        skips_at_one=is_told or "skips_negative_at_one" in op.flags,
    )
    estimate = _relaid(work, side, estimate) if side.weights.changes else estimate
    if side.positive.areas:
        return PlacedDenoiser(estimate, guidance, places_of(side.positive.areas, latent))
    return GuidedDenoiser(estimate, guidance)


def _scale(op: Sample) -> float:
    return op.cfg_scale / (CFG_PP_SCALE if op.sampler == "ddim_cfg_pp" and "scales_cfg_pp" in op.flags else 1.0)


def _relaid(work: Pass, side: Side, estimate: Estimate) -> Estimate:
    """The same, with the networks laid over the weights anew where a step asks for others."""
    per_step = sampler_of(work.op.sampler).calls

    def relaid(x: Tensor, level: Tensor, conditioning: Conditioning) -> Tensor:
        work.relay(side.weights, round(conditioning.done * work.op.total_calls) // per_step)
        return estimate(x, level, conditioning)

    return relaid


def _estimate(work: Pass, side: Side, latent: Latent, tables: Tables, *, on_levels: bool) -> Estimate:
    network = _network(work, side, latent, tables)
    if tables.is_flow:
        return bounded(clean_from_flow(network, tables.multiplier), tables)
    return estimate_of(network, side.weights.checkpoint, tables, timesteps=on_levels)


def _network(work: Pass, side: Side, latent: Latent, tables: Tables) -> Network:
    checkpoint, controls = side.weights.checkpoint, side.positive.controls
    if type(checkpoint.unet) in CALLERS:
        steering = flow_steering_of(work.op, controls, latent.size, tables.levels.at_fraction)
        return TransformerCall(
            checkpoint, work.watch, work.op.distilled_cfg_scale, latent.concat, latent.reference, steering
        )
    steered = steering_of(work.op, controls, latent.size, noised_as(checkpoint, tables))
    told = work.op.cfg_scale if guidance_width(checkpoint) else None
    return UnetCall(checkpoint, work.watch, latent.concat, latent.size, steered, told)


class Watched:
    """A denoiser whose evaluations are counted and told. alphas: cumulative, where it gives noise at timesteps."""

    def __init__(self, work: Pass, denoise: Denoiser, expected: int, alphas: Tensor | None) -> None:
        checkpoint = work.side.weights.checkpoint
        self._watch, self._denoise, self._alphas = work.watch, denoise, alphas
        self._progress = Progress(work.op.id, 0, expected, checkpoint.base)
        self._half = dtype_of(checkpoint.unet) == torch.float16

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction."""
        progress = self._progress
        self._watch.evaluates(x, sigma, progress)
        self._progress = progress._replace(calls=progress.calls + 1)
        result, unconditional = self._denoise.pair(x, sigma)
        if not _is_finite(result):
            raise RunError(diagnose("PC554", op=progress.op, call=progress.calls + 1, help=_likely_cause(self._half)))
        self._watch.predicted(self._clean(x, sigma, result), progress)
        return result, unconditional

    def _clean(self, x: Tensor, level: Tensor, result: Tensor) -> Tensor:
        if self._alphas is None:
            return result
        alpha = self._alphas[int(level)].to(x)
        return (x - (1 - alpha).sqrt() * result) / alpha.sqrt()


def _is_finite(values: Tensor) -> bool:
    """Whether all of them are numbers. Their sum tells at a fraction of the cost, unless it is too large itself."""
    return isfinite(values.sum().item()) or bool(torch.isfinite(values).all())


def _likely_cause(half: bool) -> str:
    """What to try where the numbers ran out."""
    if half:
        return "half precision overflows with some models: `--dtype float32` or `--dtype bfloat16`"
    return "the checkpoint may be damaged, or the guidance, the noise levels or a network's strength far beyond use"


class Relay:
    """Two models one after the other: the second takes over where the schedule is done to a share."""

    def __init__(self, work: Pass, latent: Latent, tables: Tables) -> None:
        self._work, self._latent, self._tables = work, latent, tables
        self._guided = _guided(work, work.side, latent, tables)
        self._switched = False

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction of the model whose turn it is."""
        work = self._work
        if not self._switched and work.refined is not None and self._done(sigma) >= (work.op.switch_at or 1.0):
            calls = self._guided.calls
            self._guided = _guided(work, work.refined(), self._latent, self._tables)
            self._guided.calls = calls
            self._switched = True
        return self._guided.pair(x, sigma)

    def _done(self, level: Tensor) -> float:
        """The share of the timesteps, or of the evaluations, that lies behind."""
        op = self._work.op
        if "refiner_counts_steps" in op.flags:
            return self._guided.calls / max(op.total_calls, 1)
        if on_timesteps(op):
            return (999 - int(level)) / 1000
        return (999 - int((self._tables.levels.sigmas - level).abs().argmin())) / 1000
