"""SA-Solver: stochastic Adams predictor and corrector (Xue et al. 2023), in λ = ln(alpha / sigma).

τ, the stochasticity, is 1 between 20 % and 80 % of the timesteps and 0 outside.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

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
    lambdas = process.half_log_snr(sigmas)
    steps = len(sigmas) - 1
    known: list[Tensor] = []  # predictions at the levels so far, the oldest first
    before, tau, shift = x, 0.0, torch.zeros_like(x)  # the latent before the last step, its τ and its noise
    predicted = x
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        known.append(denoise(predicted, sigma))
        if index > 0 and (sigma_next != 0 or evaluates_again):
            order = min(CORRECTOR_ORDER, index + 1, steps - index)
            x = _step(before, known, sigmas, lambdas, index - 1, index, order, tau, knobs) + shift
            if evaluates_again:
                known[-1] = denoise(x, sigma)
        else:
            x = predicted
        if sigma_next == 0:
            return known[-1]
        tau = 1.0 if process.is_stochastic(sigma_next) else 0.0
        order = min(PREDICTOR_ORDER, index + 1, steps - index - 1)
        h = lambdas[index + 1] - lambdas[index]
        before, shift = x, torch.zeros_like(x)
        if tau > 0:
            spread = sigma_next * (-torch.expm1(-2 * tau**2 * h)).sqrt()
            shift = noise(sigma, sigma_next) * knobs.s_noise * spread
        predicted = _step(x, known, sigmas, lambdas, index, index + 1, order, tau, knobs) + shift
    return predicted


def _step(
    x: Tensor,
    known: Sequence[Tensor],
    sigmas: Tensor,
    lambdas: Tensor,
    start: int,
    end: int,
    order: int,
    tau: float,
    knobs: Knobs,
) -> Tensor:
    """x from level `start` to level `end`, without its noise, by the newest `order` predictions."""
    nodes = lambdas[len(known) - order : len(known)]
    weights = adams_weights(nodes, lambdas[start], lambdas[end], 1 + tau**2)
    h = lambdas[end] - lambdas[start]
    decay = sigmas[end] / sigmas[start] * (-(tau**2) * h).exp()
    return decay * x + weighted(weights * knobs.process.alpha(sigmas[end]), known[-order:])


def adams_weights(nodes: Tensor, start: Tensor, end: Tensor, rate: float) -> Tensor:
    """Integrals over [start, end] of the Lagrange polynomials through the nodes times rate e^(rate (λ - end))."""
    moments = [-torch.expm1(rate * (start - end))]
    for power in range(1, len(nodes)):
        edge = end**power - start**power * torch.exp(rate * (start - end))
        moments.append(edge - power / rate * moments[-1])
    vandermonde = torch.vander(nodes, increasing=True)
    return torch.linalg.solve(vandermonde.T, torch.stack(moments))
