"""Schedules that are a formula between two sigmas; float32, descending, `steps` of them and a final 0."""

import math

import numpy as np
import torch
from scipy.special import betaincinv  # type: ignore[import-untyped]  # scipy ships no types
from torch import Tensor

from paramc.runtime.schedules.curve import Curve, ended
from paramc.runtime.schedules.levels import Levels


def karras(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Evenly spaced in sigma^(1/rho), rho 7 (Karras et al. 2022, eq. 5)."""
    return karras_between(steps, curve.sigma_min, curve.sigma_max, rho=curve.rho or 7.0)


def karras_between(steps: int, sigma_min: float, sigma_max: float, *, rho: float = 7.0) -> Tensor:
    """The same between any two sigmas."""
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return ended((high + torch.linspace(0, 1, steps) * (low - high)) ** rho)


def exponential(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Evenly spaced in ln sigma."""
    return ended(torch.linspace(math.log(curve.sigma_max), math.log(curve.sigma_min), steps).exp())


def polyexponential(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """A power of even spacing in ln sigma, exponent rho, 1."""
    low, high = math.log(curve.sigma_min), math.log(curve.sigma_max)
    ramp = torch.linspace(1, 0, steps) ** (curve.rho or 1.0)
    return ended(torch.exp(ramp * (high - low) + low))


def kl_optimal(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """`steps` + 1 sigmas evenly spaced in atan sigma, without the final 0: noise is left over (A1111, Forge)."""
    return _atan_spaced(torch.arange(steps + 1) / steps, curve)


def kl_optimal_zero(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Evenly spaced in atan sigma (Sabour et al. 2024, eq. 18; ComfyUI). One step is NaN."""
    index = torch.arange(steps)
    return ended(_atan_spaced(index / (steps - 1) if steps > 1 else index / index, curve))


def beta(levels: Levels, steps: int, curve: Curve) -> Tensor:
    """Sigmas at quantiles of a beta distribution (A1111, Forge)."""
    shares = betaincinv(curve.alpha, curve.beta, 1 - np.linspace(0, 1, steps))
    sigmas = [curve.sigma_min + share * (curve.sigma_max - curve.sigma_min) for share in shares]
    return ended(torch.tensor(sigmas, dtype=torch.float32))


def linear_quadratic(levels: Levels, steps: int, curve: Curve, threshold: float = 0.025) -> Tensor:
    """Slow and straight for half of the steps, then a parabola (Movie Gen; ComfyUI)."""
    if steps == 1:
        return torch.tensor([1.0, 0.0]) * levels.sigmas[-1]
    linear, quadratic = steps // 2, steps - steps // 2
    slope = threshold / linear
    excess = linear - threshold * steps
    bend = excess / (linear * quadratic**2)
    tilt = slope - 2 * excess / quadratic**2
    rise = [step * slope for step in range(linear)]
    rise += [bend * step**2 + tilt * step + bend * linear**2 for step in range(linear, steps)]
    return torch.tensor([1.0 - value for value in [*rise, 1.0]]) * levels.sigmas[-1]


def laplace(steps: int, sigma_min: float, sigma_max: float, *, mu: float = 0.0, spread: float = 0.5) -> Tensor:
    """Sigmas at quantiles of a Laplace distribution in ln sigma (Hang et al. 2024), without the final 0."""
    ramp = torch.linspace(0, 1, steps)
    quantile = mu - spread * torch.sign(0.5 - ramp) * torch.log(1 - 2 * torch.abs(0.5 - ramp) + 1e-5)
    return torch.exp(quantile).clamp(min=sigma_min, max=sigma_max)


def variance_preserving(steps: int, *, beta_d: float = 19.9, beta_min: float = 0.1, least: float = 1e-3) -> Tensor:
    """Even times of a continuous variance-preserving process (Song et al. 2021)."""
    time = torch.linspace(1, least, steps)
    return ended(torch.sqrt(torch.special.expm1(beta_d * time**2 / 2 + beta_min * time)))


def _atan_spaced(share: Tensor, curve: Curve) -> Tensor:
    low, high = torch.arctan(torch.tensor(curve.sigma_min)), torch.arctan(torch.tensor(curve.sigma_max))
    return torch.tan(share * low + (1.0 - share) * high)
