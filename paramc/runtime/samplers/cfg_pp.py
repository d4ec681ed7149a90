"""CFG++ forms of known samplers (Chung et al. 2024): the step goes on along the unconditional prediction."""

from itertools import pairwise

from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import ancestral


def sample_euler_cfg_pp(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Euler's method."""
    return _euler(denoise, x, sigmas, noise, knobs, 0.0)


def sample_euler_ancestral_cfg_pp(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs
) -> Tensor:
    """Euler's method down to σ_down, and noise up to the next level."""
    return _euler(denoise, x, sigmas, noise, knobs, knobs.eta)


def _euler(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, knobs: Knobs, eta: float) -> Tensor:
    process = knobs.process
    for sigma, sigma_next in pairwise(sigmas):
        denoised, unconditional = denoise.pair(x, sigma)
        if sigma_next == 0:
            return denoised
        alpha, alpha_next = process.alpha(sigma), process.alpha(sigma_next)
        slope = (x - alpha * unconditional) / sigma
        down, up = ancestral(sigma / alpha, sigma_next / alpha_next, eta)
        x = alpha_next * denoised + alpha_next * down * slope
        if eta > 0:
            x = x + alpha_next * noise(sigma, sigma_next) * knobs.s_noise * up
    return x


def sample_dpmpp_2s_ancestral_cfg_pp(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs
) -> Tensor:
    """DPM-Solver++(2S): the whole step takes the unconditional prediction of the middle."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised, unconditional = denoise.pair(x, sigma)
        down, up = ancestral(sigma, sigma_next, knobs.eta)
        if down == 0:
            x = denoised + (x - unconditional) / sigma * down
        else:
            h = sigma.log() - down.log()
            middle = (sigma.log() - 0.5 * h).exp()
            half_way = (middle / sigma) * (x + denoised - unconditional) - (-h * 0.5).expm1() * denoised
            denoised_2, unconditional_2 = denoise.pair(half_way, middle)
            x = (down / sigma) * (x + denoised - unconditional_2) - (-h).expm1() * denoised_2
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * knobs.s_noise * up
    return x


def sample_dpmpp_2m_cfg_pp(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM-Solver++(2M)."""
    previous: Tensor | None = None
    h_previous = sigmas[0]
    for sigma, sigma_next in pairwise(sigmas):
        denoised, unconditional = denoise.pair(x, sigma)
        h = sigma.log() - sigma_next.log()
        kept = (-h).exp()
        moved = -kept * unconditional
        if previous is not None and sigma_next != 0:
            moved = moved - (-h).expm1() * (1 / (2 * (h_previous / h))) * (denoised - previous)
        x = denoised + moved + kept * x
        previous, h_previous = unconditional, h
    return x
