"""DPM-Solver++ for the diffusion SDE: the noise is Brownian, so that it depends on the levels of a step.

h is the step in λ = ln(alpha / sigma). Where alpha is 1 the formulas are k-diffusion's.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import ancestral

Correction: TypeAlias = Callable[[Tensor], Tensor]  # of h (1 + eta): weight of the difference of two predictions


def sample_dpmpp_sde(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM-Solver++ SDE: a stochastic step to the middle, and the whole step with the prediction found there."""
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
    start, end = process.half_log_snr(sigma), process.half_log_snr(target)
    down, up = ancestral((-start).exp(), (-end).exp(), knobs.eta)
    h = -down.log() - start
    alpha, alpha_target = process.alpha(sigma), process.alpha(target)
    x = (alpha_target / alpha) * (-h).exp() * x - alpha_target * (-h).expm1() * denoised
    if knobs.eta == 0:
        return x
    levels = (sigma, target)
    if "asks_noise_through_logs" in knobs.quirks:
        levels = (process.sigma(start), process.sigma(end))
    return x + alpha_target * noise(*levels) * knobs.s_noise * up


def sample_dpmpp_2m_sde(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM-Solver++ 2M SDE: corrected by the last two predictions, midpoint rule."""
    return _two_predictions(denoise, x, sigmas, noise, knobs, lambda h: 0.5 * (-h).expm1().neg())


def sample_dpmpp_2m_sde_heun(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM-Solver++ 2M SDE: corrected by the last two predictions, Heun's rule."""
    return _two_predictions(denoise, x, sigmas, noise, knobs, lambda h: (-h).expm1().neg() / (-h) + 1)


def _two_predictions(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, knobs: Knobs, correction: Correction
) -> Tensor:
    process = knobs.process
    previous: Tensor | None = None
    h_previous = sigmas[0]
    for sigma, sigma_next in pairwise(process.guarded(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            return denoised
        h = process.half_log_snr(sigma_next) - process.half_log_snr(sigma)
        stretched = h + knobs.eta * h
        alpha = process.alpha(sigma_next)
        x = sigma_next / sigma * (-knobs.eta * h).exp() * x + alpha * (-stretched).expm1().neg() * denoised
        if previous is not None:
            x = x + alpha * correction(stretched) * (1 / (h_previous / h)) * (denoised - previous)
        x = x + _brownian(h, sigma, sigma_next, noise, knobs)
        previous, h_previous = denoised, h
    return x


def sample_dpmpp_3m_sde(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM-Solver++ 3M SDE: corrected by the last three predictions (Crowson, k-diffusion)."""
    process = knobs.process
    earlier: list[tuple[Tensor, Tensor]] = []  # (prediction, h of the step that followed it), the newest first
    for sigma, sigma_next in pairwise(process.guarded(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            return denoised
        h = process.half_log_snr(sigma_next) - process.half_log_snr(sigma)
        stretched = h * (knobs.eta + 1)
        alpha = process.alpha(sigma_next)
        x = sigma_next / sigma * (-h * knobs.eta).exp() * x + alpha * (-stretched).expm1().neg() * denoised
        x = _corrected(x, alpha, denoised, h, stretched, earlier)
        x = x + _brownian(h, sigma, sigma_next, noise, knobs)
        earlier = [(denoised, h), *earlier][:2]
    return x


def _corrected(
    x: Tensor, alpha: Tensor, denoised: Tensor, h: Tensor, stretched: Tensor, earlier: list[tuple[Tensor, Tensor]]
) -> Tensor:
    """x with the terms in the first and second divided differences of the predictions."""
    if not earlier:
        return x
    phi_2 = stretched.neg().expm1() / stretched + 1
    newest, h_newest = earlier[0]
    r0 = h_newest / h
    slope = (denoised - newest) / r0
    if len(earlier) == 1:
        return x + alpha * phi_2 * slope
    older, h_older = earlier[1]
    r1 = h_older / h
    slope_before = (newest - older) / r1
    first = slope + (slope - slope_before) * r0 / (r0 + r1)
    second = (slope - slope_before) / (r0 + r1)
    return x + alpha * phi_2 * first - alpha * (phi_2 / stretched - 0.5) * second


def _brownian(h: Tensor, sigma: Tensor, sigma_next: Tensor, noise: Noise, knobs: Knobs) -> Tensor:
    if knobs.eta == 0:
        return sigma.new_zeros(())
    return noise(sigma, sigma_next) * sigma_next * (-2 * h * knobs.eta).expm1().neg().sqrt() * knobs.s_noise
