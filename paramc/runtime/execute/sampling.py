"""The Sample op: noise, levels, guidance and the sampler put together."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.names import sampler_of
from paramc.ir.plan import MakeNoise, Sample
from paramc.runtime.denoise.guidance import Skips
from paramc.runtime.denoise.guided import Guidance, GuidedDenoiser, Padding
from paramc.runtime.denoise.masked import Blend, Masked, putting_back, putting_back_noised
from paramc.runtime.denoise.on_timesteps import OnTimesteps
from paramc.runtime.execute.network import UnetCall, estimate_of
from paramc.runtime.execute.tables import Tables, tables_for
from paramc.runtime.execute.values import Guide, Latent, Softness, Weights
from paramc.runtime.execute.walk import Route, Walk, knobs_of, on_timesteps, walk_of
from paramc.runtime.execute.watch import Progress, Watch
from paramc.runtime.rng.batch import leftover_seed
from paramc.runtime.rng.brownian import image_brownian
from paramc.runtime.rng.images import NoiseSpec, image_seeds, start_noise
from paramc.runtime.rng.streams import OpenStream, stream_opener
from paramc.runtime.samplers.ddim import CFG_PP_SCALE
from paramc.runtime.samplers.limits import check_walk
from paramc.runtime.samplers.protocol import Denoiser, Noise
from paramc.runtime.samplers.registry import SAMPLERS, TIMESTEP_SAMPLERS
from paramc.runtime.stages.soft import blended, softened
from paramc.runtime.stages.starts import (
    start_from_latent,
    start_from_latent_at,
    start_from_noise,
    with_extra_noise,
)

PADDINGS: dict[str, Padding] = {"none": "apart", "empty_chunks": "empty", "repeat_last": "last_token"}


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A model with the texts encoded by its own text encoders."""

    weights: Weights
    positive: Guide
    negative: Guide


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """All that a Sample op needs.

    refined: makes the side that takes over at `op.switch_at`. open_stream: the generator in use.
    ready: lays the networks and patches of the weights over them; to be called before they are used.
    """

    op: Sample
    route: Route
    noise: MakeNoise
    latent: Latent
    side: Side
    refined: Callable[[], Side] | None
    open_stream: OpenStream
    ready: Callable[[Weights], None]
    device: torch.device
    watch: Watch
    joins: bool = True


def sample(work: Pass) -> Latent:
    """The latent after all steps; what a mask leaves alone is put back."""
    op = work.op
    tables = tables_for(op.sampler, op.flags)
    walk = walk_of(op, work.route, tables, work.side.weights.checkpoint.base)
    knobs = knobs_of(op, walk, tables)
    check_walk(op.sampler, walk.levels, knobs)
    noise, source = _noise(work)
    latent = _filled(work, work.latent)
    x = _start(work, latent, noise, walk)
    blend = _blend(work, latent)
    denoise = _denoiser(work, latent, tables, blend, expected_calls(op.sampler, walk))
    draws = _step_noise(work, source, walk)
    step = (TIMESTEP_SAMPLERS if on_timesteps(op.sampler) else SAMPLERS)[op.sampler]
    with torch.inference_mode():
        x = step(denoise, x, walk.levels, draws, knobs=knobs)
    if latent.values is None or latent.mask is None:
        return replace(latent, values=x)
    if latent.soft is not None:
        return replace(latent, values=x, mask=painted_share(latent.values, x, latent.mask, latent.soft))
    return replace(latent, values=putting_back(latent.values, latent.mask)(x, x))


def seeds_of(noise: MakeNoise, batch: int) -> tuple[list[int], list[int]]:
    """Seeds and variation seeds of a whole batch; `noise.seed` is that of the image at `noise.position`."""
    seed, variation = noise.seed or 0, noise.variation
    strength = variation.strength if variation else 0.0
    other = (variation.seed if variation and variation.seed is not None else 0) - noise.position
    return image_seeds(seed if strength else seed - noise.position, batch, other, strength)


def _spec(work: Pass) -> NoiseSpec:
    noise, latent = work.noise, work.latent
    seeds, variations = seeds_of(noise, latent.batch)
    drawn = noise.resized_from
    return NoiseSpec(
        latent.shape,
        tuple(seeds),
        tuple(variations),
        noise.variation.strength if noise.variation else 0.0,
        (drawn.height // 8, drawn.width // 8) if drawn and all(drawn) else None,
        noise.delta,
    )


def _noise(work: Pass) -> tuple[Tensor, Noise]:
    first, source = start_noise(_spec(work), work.open_stream)
    work.watch.drew(first)
    first = first.to(work.device)

    def draw(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        drawn = source.draw()
        work.watch.drew(drawn)
        return drawn.to(work.device)

    return first, draw


def _step_noise(work: Pass, source: Noise, walk: Walk) -> Noise:
    if sampler_of(work.op.sampler).draws != "brownian":
        return source
    positive = walk.whole[walk.whole > 0]
    seeds, _ = seeds_of(work.noise, work.latent.batch)
    trees = image_brownian(seeds, work.latent.shape, (positive.min().item(), positive.max().item()), work.open_stream)
    return lambda sigma, sigma_next: trees(sigma, sigma_next).to(work.device)


def _filled(work: Pass, latent: Latent) -> Latent:
    """The masked part of the start latent replaced by noise where that is asked for: the noise of the very sampling."""
    if not latent.fills_with_noise or latent.values is None or latent.mask is None:
        return latent
    noise, _ = start_noise(_spec(work), work.open_stream)
    work.watch.drew(noise)
    mask = latent.mask
    return replace(latent, values=latent.values * (1 - mask) + noise.to(work.device) * mask)


def _start(work: Pass, latent: Latent, noise: Tensor, walk: Walk) -> Tensor:
    recipe, timesteps = work.noise, on_timesteps(work.op.sampler)
    if work.route.tail is None or latent.values is None:
        return noise if timesteps else start_from_noise(noise, walk.start, scales_by_vp=recipe.scales_by_vp)
    noise = noise * recipe.multiplier
    if timesteps:
        return with_extra_noise(start_from_latent_at(latent.values, noise, walk.start), noise, recipe.extra, walk.start)
    return with_extra_noise(start_from_latent(latent.values, noise, walk.start), noise, recipe.extra)


def _blend(work: Pass, latent: Latent) -> Blend | None:
    """What puts back what the mask leaves alone; None where there is no mask."""
    if latent.values is None or latent.mask is None:
        return None
    known, mask, soft = latent.values, latent.mask, latent.soft
    if "renoises_known" in work.op.flags:
        seeds, _ = seeds_of(work.noise, latent.batch)
        leftover = stream_opener("cpu")(leftover_seed(seeds[-1]))
        return putting_back_noised(lambda sigma: known + sigma * leftover.normal(known.shape).to(known), mask)
    if soft is None:
        return putting_back(known, mask)

    def blend(x: Tensor, level: Tensor) -> Tensor:
        share = softened(mask[0], level.item(), bias=soft.bias, preservation=soft.preservation)
        return blended(known, x, share.expand(x.shape[1:]), contrast=soft.contrast)

    return blend


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


def painted_share(known: Tensor, painted: Tensor, mask: Tensor, soft: Softness) -> Tensor:
    """How much of the painted picture shows in each cell, (1, 1, height, width), by how far the latent has moved.

    A description of the settings, not the UI's own arithmetic: half of it shows at `difference_threshold`, the step is
    as steep as `difference_contrast`, and `mask_influence` lowers the threshold where the mask is strong.
    """
    moved = (painted - known).norm(dim=1, keepdim=True).mean(dim=0, keepdim=True)
    half = soft.threshold * (1 - soft.influence * mask) + 1e-5
    ratio = (moved / half) ** soft.difference_contrast
    return torch.where(mask > 0, ratio / (1 + ratio), torch.zeros_like(mask))


def _denoiser(work: Pass, latent: Latent, tables: Tables, blend: Blend | None, expected: int) -> Denoiser:
    timesteps = on_timesteps(work.op.sampler)
    if work.refined is None or work.op.switch_at is None:
        guided: Denoiser = _guided(work, work.side, latent, tables)
    else:
        guided = Relay(work, latent, tables)
    if timesteps and "rounds_timesteps" in work.op.flags:
        guided = OnTimesteps(guided, tables.alphas)
    watched = Watched(
        work.op.id, work.watch, guided, expected, half=work.side.weights.checkpoint.unet.dtype == torch.float16
    )
    if blend is None:
        return watched
    if timesteps or "renoises_known" in work.op.flags:
        return Masked(watched, before=blend)
    return Masked(watched, after=blend)


def _guided(work: Pass, side: Side, latent: Latent, tables: Tables) -> GuidedDenoiser:
    op, count = work.op, latent.batch
    work.ready(side.weights)
    network = UnetCall(side.weights.checkpoint, work.watch, latent.concat, latent.size)
    on_levels = on_timesteps(op.sampler) and "rounds_timesteps" not in op.flags
    repeats = "repeats_prompts" in op.flags
    padding = "repeat" if repeats else PADDINGS[op.padding]
    guidance = Guidance(
        positive=(side.positive.branches,) * count,
        negative=side.negative.branches * count,
        scale=op.cfg_scale / (CFG_PP_SCALE if op.sampler == "ddim_cfg_pp" and "scales_cfg_pp" in op.flags else 1.0),
        total_calls=op.total_calls,
        skips=Skips(op.min_uncond_sigma, "min_uncond_every_step" in op.flags, op.skip_early_cfg),
        padding=padding,
        empty=side.negative.empty() if padding == "empty" else None,
        joins=work.joins,
        skips_at_one="skips_negative_at_one" in op.flags,
    )
    return GuidedDenoiser(estimate_of(network, tables, timesteps=on_levels), guidance)


class Watched:
    """A denoiser whose evaluations are counted and told."""

    def __init__(self, op: str, watch: Watch, denoise: Denoiser, expected: int, *, half: bool) -> None:
        self._op, self._watch, self._denoise, self._expected, self._half = op, watch, denoise, expected, half
        self._calls = 0

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction."""
        progress = Progress(self._op, self._calls, self._expected)
        self._watch.evaluates(x, sigma, progress)
        self._calls += 1
        result, unconditional = self._denoise.pair(x, sigma)
        if not bool(torch.isfinite(result).all()):
            raise RunError(diagnose("PC554", op=self._op, call=progress.calls + 1, help=_likely_cause(self._half)))
        self._watch.predicted(result, progress)
        return result, unconditional


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
        if on_timesteps(op.sampler):
            return (999 - int(level)) / 1000
        return (999 - int((self._tables.levels.sigmas - level).abs().argmin())) / 1000
