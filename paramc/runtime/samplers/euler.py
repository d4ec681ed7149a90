"""First order: Euler's method and its ancestral form."""

from itertools import pairwise

from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import ancestral, churned, derivative, flow_ancestral


def sample_euler(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Euler's method with churn, Karras et al. 2022, algorithm 2 without the second-order correction."""
    for sigma, sigma_next in pairwise(sigmas):
        x, raised = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, knobs)
        x = x + derivative(x, raised, denoise(x, raised)) * (sigma_next - raised)
    return x


def sample_euler_ancestral(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Euler's method down to σ_down and noise up to the next level (k-diffusion)."""
    if knobs.process.is_flow:
        return _flow(denoise, x, sigmas, noise, knobs)
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        down, up = ancestral(sigma, sigma_next, knobs.eta)
        x = x + derivative(x, sigma, denoised) * (down - sigma)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * knobs.s_noise * up
    return x


def _flow(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, knobs: Knobs) -> Tensor:
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            x = denoised
            continue
        down, scale, up = flow_ancestral(sigma, sigma_next, knobs.eta)
        ratio = down / sigma
        x = ratio * x + (1 - ratio) * denoised
        if knobs.eta > 0:
            x = scale * x + noise(sigma, sigma_next) * knobs.s_noise * up
    return x
