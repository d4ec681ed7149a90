"""SEEDS: exponential stochastic Runge–Kutta steps with the noise of a step shared by its stages (Gonzalez et al. 2023).

h is a step in λ, eta the share of stochasticity; the noise of a later stage continues that of the earlier ones.
"""

from itertools import pairwise

import torch
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise


def sample_seeds_2(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Two stages, the inner one at half of the step."""
    for sigma, sigma_next in pairwise(knobs.process.guarded(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            return denoised
        step = _Step(x, sigma, sigma_next, noise, knobs)
        inner = step.to(0.5, _phi_1(-0.5 * step.stretched) * denoised)
        x = step.to(1.0, _phi_1(-step.stretched) * denoise(inner, step.level(0.5)))
    return x


def sample_seeds_3(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Three stages, the inner ones at one and two thirds of the step."""
    r1, r2 = 1 / 3, 2 / 3
    for sigma, sigma_next in pairwise(knobs.process.guarded(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0:
            return denoised
        step = _Step(x, sigma, sigma_next, noise, knobs)
        inner = step.to(r1, _phi_1(-r1 * step.stretched) * denoised)
        second = denoise(inner, step.level(r1))
        a2 = r2 / r1 * _phi_2(-r2 * step.stretched)
        a1 = _phi_1(-r2 * step.stretched) - a2
        inner = step.to(r2, a1 * denoised + a2 * second)
        third = denoise(inner, step.level(r2))
        b3 = _phi_2(-step.stretched) / r2
        b1 = _phi_1(-step.stretched) - b3
        x = step.to(1.0, b1 * denoised + b3 * third)
    return x


class _Step:
    """One step from x at sigma; `to` goes to a share of it, the shares ascending."""

    def __init__(self, x: Tensor, sigma: Tensor, sigma_next: Tensor, noise: Noise, knobs: Knobs) -> None:
        self._x, self._sigma, self._sigma_next = x, sigma, sigma_next
        self._noise, self._knobs = noise, knobs
        self._start = knobs.process.half_log_snr(sigma)
        self._h = knobs.process.half_log_snr(sigma_next) - self._start
        self.stretched = self._h * (knobs.eta + 1)
        self._reached = 0.0
        self._drawn = torch.zeros_like(x)

    def level(self, share: float) -> Tensor:
        """The sigma at a share of the step."""
        return self._sigma_next if share == 1.0 else self._knobs.process.sigma(self._start + share * self._h)

    def to(self, share: float, drift: Tensor) -> Tensor:
        """x at a share of the step; drift: what the predictions add, for alpha 1."""
        level, eta = self.level(share), self._knobs.eta
        x = level / self._sigma * (-share * self._h * eta).exp() * self._x
        x = x - self._knobs.process.alpha(level) * drift
        if eta == 0:
            return x
        part = (self._reached - share) * self._h * eta
        fresh = (-torch.expm1(2 * part)).sqrt() * self._noise(self._sigma, level)
        self._drawn = self._drawn * part.exp() + fresh
        self._reached = share
        return x + self._drawn * level * self._knobs.s_noise


def _phi_1(z: Tensor) -> Tensor:
    return torch.expm1(z)


def _phi_2(z: Tensor) -> Tensor:
    return (torch.expm1(z) - z) / z
