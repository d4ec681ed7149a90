"""Inpainting while sampling: what the mask leaves alone is put back before or after each evaluation.

mask: (batch or 1, 1 or channels, height, width), 1 where the picture is painted anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser

Blend: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # (latent, level) to the latent with the known part put back


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """A denoiser between two blends."""

    denoise: Denoiser
    before: Blend | None = None
    after: Blend | None = None

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction, of which only the first is blended."""
        denoised, unconditional = self.denoise.pair(x if self.before is None else self.before(x, sigma), sigma)
        return denoised if self.after is None else self.after(denoised, sigma), unconditional


def putting_back(known: Tensor, mask: Tensor) -> Blend:
    """The known latent itself outside the mask."""
    return lambda x, sigma: x * mask + known * (1 - mask)


def putting_back_noised(known: Callable[[Tensor], Tensor], mask: Tensor) -> Blend:
    """The known latent at the level of x outside the mask; `known` noises it."""
    return lambda x, sigma: x * mask + known(sigma) * (1 - mask)
