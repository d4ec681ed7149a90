"""ER-SDE-Solver-3: an extended reverse-time SDE (Cui et al. 2023), in Λ = sigma / alpha."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise

POINTS: Final = 200  # of the numerical integrals


def sample_er_sde(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Third order, with the noise scale of the paper's fifth form."""
    process = knobs.process
    ratios: list[Tensor] = []  # Λ of the levels so far
    slopes: list[Tensor] = []  # first divided differences of the predictions
    previous: Tensor | None = None
    for sigma, sigma_next in pairwise(process.guarded(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            return denoised
        alpha, alpha_next = process.alpha(sigma), process.alpha(sigma_next)
        here, there = sigma / alpha, sigma_next / alpha_next
        ratios.append(here)
        share = noise_scale(there) / noise_scale(here)
        x = alpha_next / alpha * share * x + alpha_next * (1 - share) * denoised
        if previous is not None:
            slopes.append((denoised - previous) / (here - ratios[-2]))
            x = x + alpha_next * _corrections(here, there, ratios, slopes)
        spread = torch.nan_to_num((there**2 - here**2 * share**2).sqrt(), nan=0.0)
        x = x + alpha_next * noise(sigma, sigma_next) * knobs.s_noise * spread
        previous = denoised
    return x


def noise_scale(ratio: Tensor) -> Tensor:
    """Λ (exp(Λ^0.3) + 10)."""
    return ratio * ((ratio**0.3).exp() + 10.0)


def _corrections(here: Tensor, there: Tensor, ratios: list[Tensor], slopes: list[Tensor]) -> Tensor:
    delta, scale = there - here, noise_scale(there)
    first = (delta + _integral(here, there, lambda at: 1 / noise_scale(at)) * scale) * slopes[-1]
    if len(slopes) < 2:
        return first
    bend = (slopes[-1] - slopes[-2]) / ((here - ratios[-3]) / 2)
    return first + (delta**2 / 2 + _integral(here, there, lambda at: (at - here) / noise_scale(at)) * scale) * bend


def _integral(here: Tensor, there: Tensor, integrand: Callable[[Tensor], Tensor]) -> Tensor:
    """From `there` up to `here`, by the rectangles of the 200 lower ends."""
    step = -(there - here) / POINTS
    return torch.sum(integrand(there + torch.arange(POINTS) * step)) * step
