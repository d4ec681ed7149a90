"""Euler's method with a better slope, estimated from the last two (Permenter & Yuan 2024)."""

from itertools import pairwise
from typing import Final

from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise

GAMMA: Final = 2.0


def sample_gradient_estimation(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """γ = 2."""
    return _estimated(denoise, x, sigmas, plus=False)


def sample_gradient_estimation_cfg_pp(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs
) -> Tensor:
    """γ = 2, along the unconditional prediction."""
    return _estimated(denoise, x, sigmas, plus=True)


def _estimated(denoise: Denoiser, x: Tensor, sigmas: Tensor, *, plus: bool) -> Tensor:
    previous: Tensor | None = None
    for sigma, sigma_next in pairwise(sigmas):
        denoised, unconditional = denoise.pair(x, sigma) if plus else (denoise(x, sigma),) * 2
        if sigma_next == 0:
            return denoised
        slope = (x - unconditional) / sigma
        x = denoised + slope * sigma_next if plus else x + slope * (sigma_next - sigma)
        if previous is not None:
            x = x + (GAMMA - 1) * (slope - previous) * (sigma_next - sigma)
        previous = slope
    return x
