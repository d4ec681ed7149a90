"""Samplers on the timesteps of the table: DDIM, its CFG++ form, PLMS.

Here `denoise` takes (x, timestep) and predicts the noise; x is scaled to variance 1; the `sigmas` are ascending
timesteps, int64, of which the first is only arrived at: one step fewer than there are entries.
"""

from collections import deque
from typing import Final

import torch
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.weights import ADAMS_BASHFORTH, weighted

CFG_PP_SCALE: Final = 12.5  # CFG++ takes the guidance scale divided by this (A1111), so that the usual numbers serve


def sample_ddim(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Song et al. 2021, eq. 12, eta the share of fresh noise (0: none, though it is drawn)."""
    for timestep, before in _descending(sigmas):
        predicted = denoise(x, timestep)
        x = _ddim_step(x, predicted, predicted, timestep, before, noise, knobs)
    return x


def sample_ddim_cfg_pp(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DDIM that goes on along the unconditional noise (Chung et al. 2024)."""
    for timestep, before in _descending(sigmas):
        predicted, unconditional = denoise.pair(x, timestep)
        x = _ddim_step(x, predicted, unconditional, timestep, before, noise, knobs)
    return x


def sample_plms(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Pseudo linear multistep (Liu et al. 2022); the first step is Heun's, with a model call of its own."""
    earlier: deque[Tensor] = deque(maxlen=4)
    for timestep, before in _descending(sigmas):
        predicted = denoise(x, timestep)
        earlier.appendleft(predicted)
        if len(earlier) == 1:
            ahead = denoise(_step(x, predicted, predicted, timestep, before, knobs), before)
            slope = (predicted + ahead) / 2
        else:
            weights = ADAMS_BASHFORTH[len(earlier) - 1]
            slope = weighted(weights, earlier) / sum(weights)
        x = _step(x, slope, slope, timestep, before, knobs)
    return x


def _descending(timesteps: Tensor) -> list[tuple[Tensor, Tensor]]:
    return [(timesteps[index], timesteps[index - 1]) for index in range(len(timesteps) - 1, 0, -1)]


def _step(x: Tensor, predicted: Tensor, along: Tensor, timestep: Tensor, before: Tensor, knobs: Knobs) -> Tensor:
    """One step without noise: the clean latent by `predicted`, noised along `along`."""
    return _ddim_step(x, predicted, along, timestep, before, None, knobs)


def _ddim_step(
    x: Tensor, predicted: Tensor, along: Tensor, timestep: Tensor, before: Tensor, noise: Noise | None, knobs: Knobs
) -> Tensor:
    table = alphas(knobs)
    alpha, alpha_before = table[timestep].float(), table[before].float()
    rest = (1 - table[timestep]).sqrt().float()  # in the precision of the table, which may be float16
    clean = (x - rest * predicted) / alpha.sqrt()
    if noise is None:
        return alpha_before.sqrt() * clean + (1 - alpha_before).sqrt() * along
    spread = knobs.eta * torch.sqrt((1 - alpha_before) / (1 - alpha) * (1 - alpha / alpha_before))
    directed = alpha_before.sqrt() * clean + (1.0 - alpha_before - spread**2).sqrt() * along
    return directed + spread * knobs.s_noise * noise(timestep, before)


def alphas(knobs: Knobs) -> Tensor:
    """The table of cumulative alphas, which samplers on timesteps cannot do without."""
    if knobs.alphas is None:
        raise ValueError("a sampler on timesteps needs the cumulative alphas")
    return knobs.alphas
