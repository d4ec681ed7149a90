"""Multistep methods on slopes with fixed or level-dependent weights: iPNDM, iPNDM-v, DEIS."""

import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import derivative
from paramc.runtime.samplers.weights import ADAMS_BASHFORTH, weighted

ORDER: Final = 4


def sample_ipndm(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Adams–Bashforth of up to fourth order with the weights of even steps (Zhang & Chen 2023)."""
    slopes: deque[Tensor] = deque(maxlen=ORDER)
    for sigma, sigma_next in pairwise(sigmas):
        denoised = denoise(x, sigma)
        if sigma_next == 0 and "steps_to_zero" not in knobs.quirks:
            return denoised
        slopes.appendleft(derivative(x, sigma, denoised))
        weights = ADAMS_BASHFORTH[len(slopes) - 1]
        x = x + (sigma_next - sigma) * weighted(weights, slopes) / sum(weights)
    return x


def sample_ipndm_v(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """The same with weights for uneven steps."""
    slopes: deque[Tensor] = deque(maxlen=ORDER)
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0 and "steps_to_zero" not in knobs.quirks:
            return denoised
        slopes.appendleft(derivative(x, sigma, denoised))
        first = index + 1 - len(slopes)
        widths = [after - before for before, after in pairwise(sigmas[first : index + 2])]
        x = x + (sigma_next - sigma) * weighted(uneven_weights(widths[::-1]), slopes)
    return x


def uneven_weights(widths: Sequence[Tensor]) -> list[Tensor]:
    """Weights of the newest slopes by the widths of the steps, the one to come first; as many as there are widths."""
    match widths:
        case [h]:
            return [torch.ones_like(h)]
        case [h, h1]:
            return [(2 + h / h1) / 2, -(h / h1) / 2]
        case [h, h1, h2]:
            term = (1 - h / (3 * (h + h1)) * (h * (h + h1)) / (h1 * (h1 + h2))) / 2
            return _add(uneven_weights([h, h1]), term, [1.0, -(1 + h1 / h2), h1 / h2])
        case [h, h1, h2, h3]:
            term = (1 - h / (3 * (h + h1))) / 2 + (1 - h / (2 * (h + h1))) * h / (6 * (h + h1 + h2))
            term = term * (h * (h + h1) * (h + h1 + h2)) / (h1 * (h1 + h2) * (h1 + h2 + h3))
            q = h1 * (h1 + h2) / (h2 * (h2 + h3))
            shares: list[Tensor | float] = [1.0, -(1 + h1 / h2 + q), h1 / h2 + q * (1 + h2 / h3), -q * h1 / h2]
            return _add(uneven_weights([h, h1, h2]), term, shares)
        case _:
            raise ValueError("weights are known for one to four steps")


def _add(weights: Sequence[Tensor], term: Tensor, shares: Sequence[Tensor | float]) -> list[Tensor]:
    padded = [*weights, *(torch.zeros_like(term) for _ in shares[len(weights) :])]
    return [weight + term * share for weight, share in zip(padded, shares, strict=True)]


def sample_deis(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DEIS, third order, in the time of a variance-preserving process (Zhang & Chen 2023); Euler down to 0."""
    times = _time(sigmas)
    slopes: deque[Tensor] = deque(maxlen=3)
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        slope = derivative(x, sigma, denoise(x, sigma))
        slopes.appendleft(slope)
        if index == 0 or sigma_next <= 0:
            x = x + (sigma_next - sigma) * slope
            continue
        nodes = times[index + 1 - len(slopes) : index + 1].flip(0)
        for weight, value in zip(_integrals(times[index], times[index + 1], nodes), slopes, strict=True):
            x = x + weight * value
    return x


LEAST_TIME: Final = 1e-3
# levels 0.002 and 80 in float32, where the first has few right digits
_LOG_LEAST, _LOG_GREATEST = (float(np.log(np.float32(level) ** 2 + np.float32(1))) for level in (0.002, 80.0))
BETA_D: Final = 2 * (_LOG_LEAST / LEAST_TIME - _LOG_GREATEST) / (LEAST_TIME - 1)
BETA_MIN: Final = _LOG_GREATEST - 0.5 * BETA_D
POINTS: Final = 10000


def _time(sigmas: Tensor) -> Tensor:
    return ((BETA_MIN**2 + 2 * BETA_D * (sigmas**2 + 1).log()).sqrt() - BETA_MIN) / BETA_D


def _integrals(start: Tensor, end: Tensor, nodes: Tensor) -> list[Tensor]:
    """Integrals over the step of the Lagrange polynomials through the nodes, weighted by the process; Riemann sums."""
    points = torch.linspace(start.item(), end.item(), POINTS)
    alpha = torch.exp(-0.5 * points**2 * BETA_D - points * BETA_MIN)
    weight = -0.5 * (-points * BETA_D - BETA_MIN) / (alpha * (1 - alpha)).sqrt()
    sums = []
    for own, node in enumerate(nodes):
        others = [other for place, other in enumerate(nodes) if place != own]
        basis = math.prod(((points - other) / (node - other) for other in others), start=torch.ones_like(points))
        sums.append((weight * basis).sum() * ((end - start) / POINTS))
    return sums
