"""The levels that a pass walks down, and what steers its sampler."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.plan import Sample, Sigmas, Slice
from paramc.runtime.execute.tables import Tables
from paramc.runtime.samplers.process import Process, RectifiedFlow, VarianceExploding
from paramc.runtime.samplers.protocol import Churn, Knobs, Quirk, UniPc
from paramc.runtime.samplers.registry import TIMESTEP_SAMPLERS, handed
from paramc.runtime.schedules.curve import Curve, curve_of
from paramc.runtime.schedules.registry import SCHEDULES, scheduled
from paramc.runtime.schedules.timesteps import continuous_times, ddim_timesteps

QUIRKS: Final[tuple[Quirk, ...]] = ("draws_idle_noise", "asks_noise_through_logs", "steps_to_zero")
FLOW_FORMS: Final = frozenset({"euler_ancestral", "dpm_2_ancestral"})
DPM_SOLVERS: Final = frozenset({"dpm_fast", "dpm_adaptive"})


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """The levels of one pass.

    levels: sigmas, timesteps or times as the sampler takes them. whole: all sigmas of the schedule, of which a pass
    that begins on a picture walks the tail. start: level that the latent is noised to; a cumulative alpha for
    samplers on timesteps. bounds, steps: of the samplers that make their own steps.
    """

    levels: Tensor
    whole: Tensor
    start: Tensor
    bounds: tuple[float, float]
    steps: int


@dataclass(frozen=True, slots=True)
class Route:
    """The ops that say which levels a pass walks; no `tail`: it begins on noise."""

    sigmas: Sigmas
    tail: Slice | None

    @property
    def encoded(self) -> int:
        """Index of the level, from the end, that a picture is noised to."""
        return self.sigmas.steps - (self.tail.start if self.tail else 0) - 1

    @property
    def leads_nowhere(self) -> bool:
        """Whether no schedule is so long that nothing of it would be as many steps as were asked for."""
        return self.tail is not None and self.tail.lengthens and self.tail.strength <= 0


def rule_of(op: Sample) -> str:
    """The id of the step rule that stands behind a name."""
    return "euler" if op.sampler == "ddim" and "ddim_is_euler" in op.flags else op.sampler


def on_timesteps(op: Sample) -> bool:
    """Whether the sampler walks timesteps and wants noise, not clean latents."""
    return rule_of(op) in TIMESTEP_SAMPLERS


def walk_of(op: Sample, route: Route, tables: Tables, base: str) -> Walk:
    """The levels of a pass."""
    return _on_timesteps(op, route, tables) if on_timesteps(op) else _on_sigmas(op, route, tables, base)


def knobs_of(op: Sample, walk: Walk, tables: Tables) -> Knobs:
    """What the sampler is handed."""
    knobs = Knobs(
        eta=_eta(op),
        s_noise=op.s_noise,
        churn=Churn(op.s_churn, op.s_tmin, op.s_tmax or torch.inf),
        process=_process(op, tables),
        bounds=walk.bounds,
        steps=walk.steps,
        alphas=tables.alphas,
        unipc=UniPc(op.unipc_variant, op.unipc_spacing, op.unipc_order, op.unipc_lower_order_final),
        quirks=frozenset(quirk for quirk in QUIRKS if quirk in op.flags),
    )
    return knobs if "hands_all_knobs" in op.flags else handed(op.sampler, knobs)


def _process(op: Sample, tables: Tables) -> Process:
    """How data and noise mix. Forge has a form for flows of two samplers only, and for FLUX alone."""
    levels = tables.levels
    span = levels.at_fraction(0.2), levels.at_fraction(0.8)
    is_flux = tables.multiplier == 1.0
    is_comfyui = "hands_all_knobs" in op.flags
    if tables.is_flow and (is_comfyui or (is_flux and op.sampler in FLOW_FORMS)):
        return RectifiedFlow(levels.at_fraction(1e-4), span)
    return VarianceExploding(span, computes_alpha=is_comfyui)


def _eta(op: Sample) -> float:
    if op.eta is not None:
        return op.eta
    deterministic = on_timesteps(op) or ("hands_all_knobs" in op.flags and op.sampler in DPM_SOLVERS)
    return 0.0 if deterministic else 1.0


def _scheduled(sigmas: Sigmas, tables: Tables, base: str) -> Tensor:
    """All levels of a schedule. Raises RunError where the timesteps of its bounds are no numbers."""
    curve = _curve(sigmas, tables, base)
    try:
        return scheduled(
            sigmas.schedule, tables.levels, sigmas.steps, curve, drops_penultimate=sigmas.drops_penultimate
        )
    except IndexError as error:  # of a level looked up at a timestep that is no number
        raise RunError(diagnose("PC577", schedule=sigmas.schedule)) from error


def _on_sigmas(op: Sample, route: Route, tables: Tables, base: str) -> Walk:
    sigmas, tail = route.sigmas, route.tail
    whole = _scheduled(sigmas, tables, base)
    levels = whole if tail is None else _tail(whole, sigmas, tail, last="takes_last_steps" in op.flags)
    if len(levels) == 0:
        return Walk(levels, whole, torch.zeros(()), (0.0, 0.0), 0)
    if tail is None and "spans_its_levels" not in op.flags:
        low, high = tables.levels.sigmas[[0, -1]].float().tolist()
        return Walk(whole, whole, whole[0], (low, high), sigmas.steps)
    # A1111 takes the last but one whatever the last is
    low = -1 if levels[-1] > 0 and "spans_its_levels" in op.flags else max(len(levels) - 2, 0)
    bounds = levels[low].item(), levels[0].item()
    return Walk(levels, whole, levels[0], bounds, len(levels) - 1)


def _tail(whole: Tensor, sigmas: Sigmas, tail: Slice, *, last: bool) -> Tensor:
    """The levels of a part of the schedule. last: its last ones are counted from the end; none where none is left."""
    rest = whole[tail.start :]
    if last and tail.lengthens:
        rest = whole[-(sigmas.steps - tail.start + 1) :]
    if tail.end is not None and tail.end - tail.start < len(rest) - 1:
        rest = rest[: max(tail.end - tail.start, 0) + 1].clone()
        if tail.ends_clean:
            rest[-1] = 0.0
    return whole[:0] if len(rest) < 2 and (last or tail.end is not None) else rest


def _on_timesteps(op: Sample, route: Route, tables: Tables) -> Walk:
    sigmas, encoded = route.sigmas, route.encoded
    # one step more, and none dropped: what A1111 does with the option, and only with the option
    timesteps = ddim_timesteps(sigmas.steps + sigmas.drops_penultimate)
    halves = 0.5 * tables.alphas.log()
    nothing = torch.empty(0)
    if route.tail is None:
        times = continuous_times(1.0, len(timesteps), op.unipc_spacing, halves)
        levels = times if op.sampler == "unipc" else timesteps
        return Walk(levels, nothing, torch.ones(()), (0.0, 0.0), sigmas.steps)
    alpha = tables.alphas[timesteps[encoded]].float()
    if op.sampler != "unipc":
        return Walk(timesteps[:encoded], nothing, alpha, (0.0, 0.0), encoded)
    start = (int(timesteps[encoded - 1]) + 1) / 1000
    return Walk(continuous_times(start, encoded, op.unipc_spacing, halves), nothing, alpha, (0.0, 0.0), encoded)


def _curve(sigmas: Sigmas, tables: Tables, base: str) -> Curve:
    bounds = curve_of(tables.levels, sigma_min=sigmas.sigma_min, sigma_max=sigmas.sigma_max)
    return Curve(
        bounds.sigma_min,
        bounds.sigma_max,
        rho=sigmas.rho,
        alpha=sigmas.beta_alpha,
        beta=sigmas.beta_beta,
        fitted_to="sdxl" if base == "sdxl" else "sd1",
    )


def knows_schedule(name: str) -> bool:
    """Whether the runner has a schedule of that id."""
    return name in SCHEDULES
