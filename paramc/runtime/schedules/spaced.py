"""Schedules that pick timesteps or entries of the model's table; sigmas are float32, descending, with a final 0.

`steps` sigmas and the 0, where a docstring does not say otherwise.
"""

from typing import Final

import numpy as np
import torch
from scipy.special import betaincinv  # type: ignore[import-untyped]  # scipy ships no types
from torch import Tensor

from paramc.runtime.schedules.curve import Curve, ended
from paramc.runtime.schedules.levels import TIMESTEPS, Levels

NEARLY_ZERO: Final = 1e-5


def uniform(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Timesteps evenly from the last to 0, whatever the bounds of `curve` (k-diffusion's default)."""
    return ended(levels.sigma(torch.linspace(len(levels.sigmas) - 1, 0, steps)))


def lcm_uniform(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Timesteps evenly from 999 to 19, of the 50 that latent consistency models know."""
    start, end = (levels.timestep(levels.sigmas[index]) for index in (-1, 0))
    return ended(levels.sigma(torch.linspace(start.item(), end.item(), steps)))


def normal(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Timesteps evenly between those of the bounds. A last sigma of nearly 0 is the final 0."""
    start, end = _ends(levels, curve)
    if abs(levels.sigma(end).item()) < NEARLY_ZERO:
        return levels.sigma(torch.linspace(start.item(), end.item(), steps + 1))
    return ended(levels.sigma(torch.linspace(start.item(), end.item(), steps)))


def sgm_uniform(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Timesteps evenly between those of the bounds, the last of `steps` + 1 left out (generative-models)."""
    start, end = _ends(levels, curve)
    return ended(levels.sigma(torch.linspace(start.item(), end.item(), steps + 1)[:-1]))


def simple(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Table entries evenly from the noisiest on."""
    stride = len(levels.sigmas) / steps
    return ended(torch.stack([levels.sigmas[-1 - int(step * stride)] for step in range(steps)]).float())


def ddim(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Table entries 1, 1 + s, … for a whole stride s: more than `steps` where the table does not divide evenly."""
    stride = max(len(levels.sigmas) // steps, 1)
    return ended(levels.sigmas[1::stride].flip(0).float())


def turbo(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Timesteps 1000 k / steps - 1, rounded half to even (Forge)."""
    timesteps = np.flip(np.arange(steps) + 1) * (TIMESTEPS / steps)
    rounded = torch.from_numpy((timesteps - 1).round().clip(0, TIMESTEPS - 1).astype(np.int64).copy())
    return ended(levels.sigma(rounded))


def beta_timesteps(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Table entries at quantiles of a beta distribution (Lee et al. 2024, as in ComfyUI).

    Neighbours that round to one entry become one step: perhaps fewer than `steps`.
    """
    shares = betaincinv(curve.alpha, curve.beta, 1 - np.linspace(0, 1, steps, endpoint=False))
    picked = np.rint(shares * (len(levels.sigmas) - 1)).astype(int)
    return ended(torch.stack([levels.sigmas[index] for index in dict.fromkeys(picked.tolist())]).float())


def sd_turbo(levels: Levels, steps: int, strength: float = 1.0) -> Tensor:
    """Timesteps 999, 899, … from the place that `strength` of ten steps leaves (SD-Turbo)."""
    start = 10 - int(10 * strength)
    timesteps = torch.flip(torch.arange(1, 11) * 100 - 1, (0,))[start : start + steps]
    return ended(levels.sigma(timesteps))


def _ends(levels: Levels, curve: Curve) -> tuple[Tensor, Tensor]:
    return levels.timestep(torch.tensor(curve.sigma_max)), levels.timestep(torch.tensor(curve.sigma_min))
