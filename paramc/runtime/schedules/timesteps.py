"""The times that samplers on timesteps walk along."""

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from paramc.runtime.schedules.levels import TIMESTEPS

Spacing: TypeAlias = Literal["time_uniform", "time_quadratic", "logSNR"]


def ddim_timesteps(steps: int) -> Tensor:
    """Timesteps 1, 1 + s, … for a whole stride s, ascending, int64: more than `steps` where 1000 does not divide."""
    return (torch.arange(0, TIMESTEPS, TIMESTEPS // steps) + 1).clamp(0, TIMESTEPS - 1)


def continuous_times(start: float, steps: int, spacing: Spacing, log_alphas: Tensor) -> Tensor:
    """`steps` + 1 times from `start` in (0, 1] down to the first of the table (UniPC).

    log_alphas: half the logarithms of the cumulative alphas, (levels,); level k, from 1, is at time k / levels.

    logSNR: evenly spaced in half the log signal-to-noise ratio.
    """
    first = 1.0 / len(log_alphas)
    match spacing:
        case "time_uniform":
            return torch.linspace(start, first, steps + 1)
        case "time_quadratic":
            return torch.linspace(start**0.5, first**0.5, steps + 1).pow(2)
        case "logSNR":
            ends = half_log_snr(torch.tensor([start, first]), log_alphas)
            return _time_at(torch.linspace(ends[0].item(), ends[1].item(), steps + 1), log_alphas)


def log_alpha(time: Tensor, log_alphas: Tensor) -> Tensor:
    """ln of alpha, the root of the cumulative one, linear between the times k/1000 of the table."""
    return _linear(time, torch.linspace(0.0, 1.0, len(log_alphas) + 1)[1:], log_alphas)


def half_log_snr(time: Tensor, log_alphas: Tensor) -> Tensor:
    """λ = ln(alpha / sigma)."""
    log_mean = log_alpha(time, log_alphas)
    return log_mean - 0.5 * torch.log(1.0 - torch.exp(2.0 * log_mean))


def _time_at(half_snr: Tensor, log_alphas: Tensor) -> Tensor:
    log_mean = -0.5 * torch.logaddexp(torch.zeros(1), -2.0 * half_snr)
    times = torch.linspace(0.0, 1.0, len(log_alphas) + 1)[1:]
    return _linear(log_mean, log_alphas.flip(0), times.flip(0))


def _linear(at: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    """Piecewise linear, the outer pieces going on beyond the ends; knots ascending, (n,)."""
    flat = at.reshape(-1)
    upper = torch.searchsorted(knots, flat).clamp(1, len(knots) - 1)
    left, right = knots[upper - 1], knots[upper]
    below, above = values[upper - 1], values[upper]
    return (below + (flat - left) * (above - below) / (right - left)).reshape(at.shape)
