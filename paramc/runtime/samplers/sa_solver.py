"""SA-Solver: stochastic Adams predictor and corrector (Xue et al. 2023), in λ = ln(alpha / sigma).

τ, the stochasticity, is 1 between 20 % and 80 % of the timesteps and 0 outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from paramc.runtime.samplers.process import Process
from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.weights import weighted

PREDICTOR_ORDER: Final = 3
CORRECTOR_ORDER: Final = 4


def sample_sa_solver(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Predict, evaluate, correct."""
    return _adams(denoise, x, sigmas, noise, knobs, evaluates_again=False)


def sample_sa_solver_pece(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Predict, evaluate, correct, evaluate."""
    return _adams(denoise, x, sigmas, noise, knobs, evaluates_again=True)


def _adams(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, knobs: Knobs, *, evaluates_again: bool
) -> Tensor:
    process = knobs.process
    sigmas = process.guarded(sigmas)
    method = _Adams(sigmas, process.half_log_snr(sigmas), process)
    steps = len(sigmas) - 1
    known: list[Tensor] = []  # predictions at the levels so far, the oldest first
    before, tau, shift = x, 0.0, torch.zeros_like(x)  # the latent before the last step, its τ and its noise
    predicted = x
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        known.append(denoise(predicted, sigma))
        x = predicted
        if index > 0 and (sigma_next != 0 or evaluates_again):
            order = min(CORRECTOR_ORDER, index + 1, steps - index)
            x = method.step(before, known[-order:], index, index - 1, tau) + shift
            if evaluates_again:
                known[-1] = denoise(x, sigma)
        if sigma_next == 0:
            return known[-1]
        tau = 1.0 if process.is_stochastic(sigma_next) else 0.0
        before, shift = x, method.noise(index, tau, noise) * knobs.s_noise
        order = min(PREDICTOR_ORDER, index + 1, steps - index - 1)
        predicted = method.step(x, known[-order:], index, index, tau) + shift
    return predicted


@dataclass(frozen=True, slots=True)
class _Adams:
    """The steps between the levels of a walk; places are indices into `sigmas` and `lambdas`."""

    sigmas: Tensor
    lambdas: Tensor
    process: Process

    def step(self, x: Tensor, known: Sequence[Tensor], newest: int, place: int, tau: float) -> Tensor:
        """x one level after `place`, without its noise; known: predictions of the levels up to `newest`."""
        nodes = self.lambdas[newest + 1 - len(known) : newest + 1]
        start, end = self.lambdas[place], self.lambdas[place + 1]
        weights = adams_weights(nodes, start, end, 1 + tau**2) * self.process.alpha(self.sigmas[place + 1])
        decay = self.sigmas[place + 1] / self.sigmas[place] * (-(tau**2) * (end - start)).exp()
        return decay * x + weighted(weights, known)

    def noise(self, place: int, tau: float, noise: Noise) -> Tensor:
        """What the step from `place` adds at random."""
        sigma, sigma_next = self.sigmas[place], self.sigmas[place + 1]
        if tau == 0:
            return sigma.new_zeros(())
        h = self.lambdas[place + 1] - self.lambdas[place]
        return noise(sigma, sigma_next) * sigma_next * (-torch.expm1(-2 * tau**2 * h)).sqrt()


def adams_weights(nodes: Tensor, start: Tensor, end: Tensor, rate: float) -> Tensor:
    """Integrals over [start, end] of the Lagrange polynomials through the nodes times rate e^(rate (λ - end))."""
    moments = [-torch.expm1(rate * (start - end))]
    for power in range(1, len(nodes)):
        edge = end**power - start**power * torch.exp(rate * (start - end))
        moments.append(edge - power / rate * moments[-1])
    vandermonde = torch.vander(nodes, increasing=True)
    weights: Tensor = torch.linalg.solve(vandermonde.T, torch.stack(moments))
    return weights
