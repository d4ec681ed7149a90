"""Schedules by canonical id, and the sigmas of a pass."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import torch
from torch import Tensor

from paramc.runtime.schedules.curve import Curve
from paramc.runtime.schedules.curves import (
    beta,
    exponential,
    karras,
    kl_optimal,
    kl_optimal_zero,
    linear_quadratic,
    polyexponential,
)
from paramc.runtime.schedules.fitted import align_your_steps, align_your_steps_32, align_your_steps_gits
from paramc.runtime.schedules.levels import LcmTable, Levels
from paramc.runtime.schedules.spaced import (
    beta_timesteps,
    ddim,
    lcm_uniform,
    normal,
    sgm_uniform,
    simple,
    turbo,
    uniform,
)

Schedule: TypeAlias = Callable[[Levels, int, Curve], Tensor]

SCHEDULES: Final[Mapping[str, Schedule]] = MappingProxyType(
    {
        "uniform": uniform,
        "karras": karras,
        "exponential": exponential,
        "polyexponential": polyexponential,
        "sgm_uniform": sgm_uniform,
        "kl_optimal": kl_optimal,
        "align_your_steps": align_your_steps,
        "simple": simple,
        "normal": normal,
        "ddim": ddim,
        "beta": beta,
        "turbo": turbo,
        "align_your_steps_gits": align_your_steps_gits,
        "align_your_steps_11": align_your_steps,
        "align_your_steps_32": align_your_steps_32,
        "beta_timesteps": beta_timesteps,
        "kl_optimal_zero": kl_optimal_zero,
        "linear_quadratic": linear_quadratic,
    }
)


def scheduled(name: str, levels: Levels, steps: int, curve: Curve, *, drops_penultimate: bool = False) -> Tensor:
    """The sigmas of a whole schedule, noisiest first.

    drops_penultimate: one step more is scheduled and the last sigma before the final one left out.
    """
    schedule = lcm_uniform if name == "uniform" and isinstance(levels, LcmTable) else SCHEDULES[name]
    if not drops_penultimate:
        return schedule(levels, steps, curve)
    sigmas = schedule(levels, steps + 1, curve)
    return torch.cat([sigmas[:-2], sigmas[-1:]])


def tail_of_longer(
    name: str, levels: Levels, steps: int, strength: float, curve: Curve, *, drops_penultimate: bool = False
) -> Tensor:
    """The last `steps` of a schedule long enough for `strength` in (0, 1] (ComfyUI); empty for 0 and less."""
    if strength <= 0.0:
        return torch.empty(0)
    if strength > 0.9999:
        return scheduled(name, levels, steps, curve, drops_penultimate=drops_penultimate)
    sigmas = scheduled(name, levels, int(steps / strength), curve, drops_penultimate=drops_penultimate)
    return sigmas[-(steps + 1) :]
