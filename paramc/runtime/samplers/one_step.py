"""Samplers that jump to a prediction and noise it again: LCM and DDPM."""

from itertools import pairwise

from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise


def sample_lcm(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Latent consistency: the prediction, noised to the next level (Luo et al. 2023)."""
    for sigma, sigma_next in pairwise(sigmas):
        x = denoise(x, sigma)
        if sigma_next > 0:
            fresh = noise(sigma, sigma_next)
            x = (1 - sigma_next) * x + sigma_next * fresh if knobs.process.is_flow else x + sigma_next * fresh
    return x


def sample_ddpm(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Ho et al. 2020, algorithm 2, on x scaled to variance 1; the last step is neither noised nor scaled back."""
    for sigma, sigma_next in pairwise(sigmas):
        predicted = (x - denoise(x, sigma)) / sigma
        x = _posterior(x / (1.0 + sigma**2) ** 0.5, predicted, sigma, sigma_next, noise)
        if sigma_next != 0:
            x = x * (1.0 + sigma_next**2) ** 0.5
    return x


def _posterior(x: Tensor, predicted: Tensor, sigma: Tensor, sigma_next: Tensor, noise: Noise) -> Tensor:
    alpha_bar, alpha_bar_next = 1 / (sigma * sigma + 1), 1 / (sigma_next * sigma_next + 1)
    alpha = alpha_bar / alpha_bar_next
    mean = (1.0 / alpha) ** 0.5 * (x - (1 - alpha) * predicted / (1 - alpha_bar) ** 0.5)
    if sigma_next == 0:
        return mean
    return mean + ((1 - alpha) * (1.0 - alpha_bar_next) / (1.0 - alpha_bar)) ** 0.5 * noise(sigma, sigma_next)
