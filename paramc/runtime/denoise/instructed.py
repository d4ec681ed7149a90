"""Two guidances for models that follow instructions: towards the text, and towards the picture that is shown."""

from dataclasses import dataclass

from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser


@dataclass(frozen=True, slots=True, eq=False)
class Instructed:
    """InstructPix2Pix (Brooks et al. 2023, eq. 3): `shown` is guided by the text and sees the picture, `blind` neither.

    scale: of the picture; 1 leaves the guidance by the text as it is.
    """

    shown: Denoiser
    blind: Denoiser
    scale: float

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided prediction, and the one of the picture alone."""
        guided, pictured = self.shown.pair(x, sigma)
        return guided + (self.scale - 1) * (pictured - self.blind(x, sigma)), pictured
