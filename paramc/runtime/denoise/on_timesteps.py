"""A denoiser on sigmas used by samplers on timesteps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser


@dataclass(frozen=True, slots=True, eq=False)
class OnTimesteps:
    """Noise at timesteps, of x with variance 1, from a denoiser of clean latents (Forge).

    The timestep is rounded and its sigma taken from the cumulative alphas, (levels,), so that guidance compares sigmas.
    """

    denoise: Denoiser
    alphas: Tensor

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided noise; `sigma` is a timestep, 0-d."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional noise."""
        alpha = self.alphas[sigma.round().to(torch.int64)]
        level = ((1 - alpha) / alpha) ** 0.5
        unscaled = x * (level**2 + 1) ** 0.5
        clean, unconditional = self.denoise.pair(unscaled, level)
        return (unscaled - clean) / level, (unscaled - unconditional) / level
