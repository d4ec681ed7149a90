"""DPM-Solver++ for the diffusion SDE: the noise is Brownian, so that it depends on the levels of a step.

h is the step in λ = ln(alpha / sigma); with alpha 1 the formulas are k-diffusion's.
"""

from itertools import pairwise

from torch import Tensor

from paramc.runtime.samplers.process import Process
from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import ancestral


def sample_dpmpp_sde(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM++ SDE: a stochastic step to the middle, and the whole step with the prediction found there."""
    process = knobs.process
    for sigma, sigma_next in pairwise(process.guarded(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            return denoised
        start, end = process.half_log_snr(sigma), process.half_log_snr(sigma_next)
        middle = process.sigma(start + 0.5 * (end - start))
        half_way = _sde_step(x, denoised, sigma, middle, noise, knobs)
        x = _sde_step(x, denoise(half_way, middle), sigma, sigma_next, noise, knobs)
    return x


def _sde_step(x: Tensor, denoised: Tensor, sigma: Tensor, target: Tensor, noise: Noise, knobs: Knobs) -> Tensor:
    process = knobs.process
    start = process.half_log_snr(sigma)
    down, up = ancestral((-start).exp(), (-process.half_log_snr(target)).exp(), knobs.eta)
    h = -down.log() - start
    alpha, alpha_target = process.alpha(sigma), process.alpha(target)
    x = (alpha_target / alpha) * (-h).exp() * x - alpha_target * (-h).expm1() * denoised
    return x + alpha_target * noise(sigma, target) * knobs.s_noise * up if knobs.eta > 0 else x


def sample_dpmpp_2m_sde(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM++ 2M SDE, the correction from the last two predictions by the midpoint rule."""
    return _multistep(denoise, x, sigmas, noise, knobs, _midpoint)


def sample_dpmpp_2m_sde_heun(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM++ 2M SDE, the correction by Heun's rule."""
    return _multistep(denoise, x, sigmas, noise, knobs, _heun)
