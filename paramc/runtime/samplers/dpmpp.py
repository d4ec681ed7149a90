"""DPM-Solver++ without stochastic terms, in λ = ln(alpha / sigma) (Lu et al. 2022), and its ancestral form."""

from itertools import pairwise

import torch
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import ancestral, derivative, flow_ancestral


def sample_dpmpp_2m(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM-Solver++(2M): the prediction extrapolated from the last two; first and last step are of first order."""
    previous: Tensor | None = None
    h_previous = sigmas[0]
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        h = sigma.log() - sigma_next.log()
        estimate = denoised
        if previous is not None and sigma_next != 0:
            r = h_previous / h
            estimate = (1 + 1 / (2 * r)) * denoised - (1 / (2 * r)) * previous
        x = (sigma_next / sigma) * x - (-h).expm1() * estimate
        previous, h_previous = denoised, h
    return x


def sample_dpmpp_2s_ancestral(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM-Solver++(2S) down to σ_down and noise up to the next level."""
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        if knobs.process.is_flow and sigma_next > 0:
            x = _flow_step(denoise, x, denoised, sigma, sigma_next, noise, knobs)
            continue
        down, up = ancestral(sigma, sigma_next, knobs.eta)
        if down == 0:
            x = x + derivative(x, sigma, denoised) * (down - sigma)
        else:
            h = sigma.log() - down.log()
            middle = (sigma.log() - 0.5 * h).exp()
            half_way = (middle / sigma) * x - (-h * 0.5).expm1() * denoised
            x = (down / sigma) * x - (-h).expm1() * denoise(half_way, middle)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * knobs.s_noise * up
    return x


def _flow_step(
    denoise: Denoiser, x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor, noise: Noise, knobs: Knobs
) -> Tensor:
    """The same step of a flow; from pure noise, where λ is infinite, the middle is 0.9999."""
    process = knobs.process
    down, scale, up = flow_ancestral(sigma, sigma_next, knobs.eta)
    if sigma == 1.0:
        middle = torch.full_like(sigma, 0.9999)
    else:
        start, end = process.half_log_snr(sigma), process.half_log_snr(down)
        middle = process.sigma(start + 0.5 * (end - start))
    half_way = (middle / sigma) * x + (1 - middle / sigma) * denoised
    x = (down / sigma) * x + (1 - down / sigma) * denoise(half_way, middle)
    return scale * x + noise(sigma, sigma_next) * knobs.s_noise * up if knobs.eta > 0 else x
