"""RES, a second-order exponential multistep method (Zhang et al. 2023), in four forms."""

from itertools import pairwise

import torch
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import ancestral, derivative


def sample_res_multistep(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Without noise."""
    return _res(denoise, x, sigmas, noise, knobs, eta=0.0, plus=False)


def sample_res_multistep_ancestral(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs
) -> Tensor:
    """Down to σ_down and up again by noise."""
    return _res(denoise, x, sigmas, noise, knobs, eta=knobs.eta, plus=False)


def sample_res_multistep_cfg_pp(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """CFG++: along the unconditional prediction."""
    return _res(denoise, x, sigmas, noise, knobs, eta=0.0, plus=True)


def sample_res_multistep_ancestral_cfg_pp(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs
) -> Tensor:
    """CFG++ with ancestral noise."""
    return _res(denoise, x, sigmas, noise, knobs, eta=knobs.eta, plus=True)


def _res(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, knobs: Knobs, *, eta: float, plus: bool) -> Tensor:
    previous: tuple[Tensor, Tensor, Tensor] | None = None  # sigma, σ_down and prediction of the step before
    for sigma, sigma_next in pairwise(sigmas):
        denoised, unconditional = denoise.pair(x, sigma) if plus else (denoise(x, sigma),) * 2
        down, up = ancestral(sigma, sigma_next, eta)
        if previous is None or down == 0:
            slope = derivative(x, sigma, unconditional)
            x = denoised + slope * down if plus else x + slope * (down - sigma)
        else:
            b1, b2, h = _weights(sigma, down, previous[0], previous[1])
            moved = x + denoised - unconditional if plus else x
            x = (-h).exp() * moved + h * (b1 * unconditional + b2 * previous[2])
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * knobs.s_noise * up
        previous = sigma, down, unconditional
    return x


def _weights(sigma: Tensor, down: Tensor, sigma_before: Tensor, down_before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the newest and the earlier prediction, and the step h in -ln sigma."""
    h = sigma.log() - down.log()
    c2 = (down_before.log() - sigma_before.log()) / h
    phi_1 = torch.expm1(-h) / -h
    phi_2 = (phi_1 - 1) / -h
    return torch.nan_to_num(phi_1 - phi_2 / c2, nan=0.0), torch.nan_to_num(phi_2 / c2, nan=0.0), h
