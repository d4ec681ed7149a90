"""Guidance brought back to the spread of the conditional prediction (Lin et al. 2023, section 3.4)."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor

from paramc.runtime.denoise.guidance import rescaled, rescaled_velocity
from paramc.runtime.samplers.protocol import Denoiser

Terms: TypeAlias = Literal["velocity", "noise", "own"]


@dataclass(frozen=True, slots=True, eq=False)
class Rescaled:
    """A guided denoiser whose result is mixed, by `share`, with one of the conditional prediction's spread.

    terms: what the spread is taken of: velocity (ComfyUI) or noise (diffusers, on models that predict it), worked out
    of clean latents, or the prediction itself on timesteps.
    """

    denoise: Denoiser
    scale: float
    share: float
    terms: Terms

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction, of which only the first is rescaled."""
        guided, unconditional = self.denoise.pair(x, sigma)
        if self.scale == 0:
            return guided, unconditional
        conditional = unconditional + (guided - unconditional) / self.scale
        match self.terms:
            case "velocity":
                result = rescaled_velocity(conditional, unconditional, x, sigma, self.scale, self.share)
            case "noise":
                result = x - sigma * rescaled((x - guided) / sigma, (x - conditional) / sigma, self.share)
            case "own":
                result = rescaled(guided, conditional, self.share)
        return result, unconditional
