"""Heun's method, alone, with restarts, and its two-predictor form."""

from itertools import pairwise

from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import churned, derivative
from paramc.runtime.schedules.curves import karras_between

RESTART_FROM, RESTART_TO = 0.1, 2.0  # the interval of noise levels that is walked again


def sample_heun(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Heun's method, Karras et al. 2022, algorithm 2. Two model calls per step but the last, which is Euler's."""
    for sigma, sigma_next in pairwise(sigmas):
        x, raised = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, knobs)
        x = heun_step(denoise, x, raised, sigma_next)
    return x


def heun_step(denoise: Denoiser, x: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """One step of Heun's method, of Euler's down to 0."""
    slope = derivative(x, sigma, denoise(x, sigma))
    if sigma_next == 0:
        return x + slope * (sigma_next - sigma)
    ahead = x + slope * (sigma_next - sigma)
    slope_ahead = derivative(ahead, sigma_next, denoise(ahead, sigma_next))
    return x + (slope + slope_ahead) / 2 * (sigma_next - sigma)


def sample_restart(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Heun's method that walks part of the levels again with fresh noise (Xu et al. 2023, as in A1111).

    From 20 steps on the sigmas only lend their ends to a Karras schedule; below 20 there is no restart.
    """
    walk = _restarting(sigmas)
    reached = walk[0][0]
    for sigma, sigma_next in walk:
        if sigma > reached:
            x = x + noise(reached, sigma) * knobs.s_noise * (sigma**2 - reached**2) ** 0.5
        x = heun_step(denoise, x, sigma, sigma_next)
        reached = sigma_next
    return x


def _restarting(sigmas: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Every step as (from, to): once down all levels, with one or two walks over the restart interval in between."""
    steps = len(sigmas) - 1
    if steps < 20:
        return list(pairwise(sigmas))
    again, times = (steps // 4, 2) if steps >= 36 else (9, 1)
    sigmas = karras_between(steps - again * times, sigmas[-2].item(), sigmas[0].item())
    low, high = (int((sigmas - level).abs().argmin()) for level in (RESTART_FROM, RESTART_TO))
    walk = list(pairwise(sigmas))
    if high >= low or low == 0:
        return walk
    lap = list(pairwise(karras_between(again + 1, sigmas[low].item(), sigmas[high].item())[:-1]))
    return walk[:low] + lap * times + walk[low:]


def sample_heunpp2(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Heun++: slopes at this level and the next two, weighted by the noise left there (Zhong 2023).

    The last step but one has two slopes, the last is Euler's.
    """
    first, last = sigmas[0], sigmas[-1]
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, raised = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, knobs)
        slope = derivative(x, raised, denoise(x, raised))
        if sigma_next == last:
            x = x + slope * (sigma_next - raised)
            continue
        ahead = x + slope * (sigma_next - raised)
        slope_2 = derivative(ahead, sigma_next, denoise(ahead, sigma_next))
        after = sigmas[index + 2]
        if after == last:
            share = sigma_next / (2 * first)
            x = x + (slope * (1 - share) + slope_2 * share) * (sigma_next - raised)
            continue
        ahead = ahead + slope_2 * (after - sigma_next)
        slope_3 = derivative(ahead, after, denoise(ahead, after))
        share_2, share_3 = sigma_next / (3 * first), after / (3 * first)
        x = x + (slope * (1 - share_2 - share_3) + slope_2 * share_2 + slope_3 * share_3) * (sigma_next - raised)
    return x
