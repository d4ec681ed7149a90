"""DPM2: the midpoint method in ln sigma, and its ancestral form (Karras et al. 2022, k-diffusion)."""

from itertools import pairwise

from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import ancestral, churned, derivative, flow_ancestral


def sample_dpm_2(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """The slope at the geometric mean of two levels serves the whole step; down to 0 it is Euler's."""
    for sigma, sigma_next in pairwise(sigmas):
        x, raised = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, knobs)
        x = midpoint_step(denoise, x, raised, sigma_next)
    return x


def midpoint_step(denoise: Denoiser, x: Tensor, sigma: Tensor, target: Tensor) -> Tensor:
    """One step of the midpoint method, of Euler's down to 0."""
    slope = derivative(x, sigma, denoise(x, sigma))
    if target == 0:
        return x + slope * (target - sigma)
    middle = sigma.log().lerp(target.log(), 0.5).exp()
    half_way = x + slope * (middle - sigma)
    return x + derivative(half_way, middle, denoise(half_way, middle)) * (target - sigma)


def sample_dpm_2_ancestral(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """The midpoint method down to σ_down and noise up to the next level."""
    for sigma, sigma_next in pairwise(sigmas):
        if knobs.process.is_flow:
            down, scale, up = flow_ancestral(sigma, sigma_next, knobs.eta)
        else:
            (down, up), scale = ancestral(sigma, sigma_next, knobs.eta), sigma.new_ones(())
        x = midpoint_step(denoise, x, sigma, down)
        if sigma_next > 0:
            x = scale * x + noise(sigma, sigma_next) * knobs.s_noise * up
    return x
