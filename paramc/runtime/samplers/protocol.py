"""What a sampler is given: a denoiser, a source of noise, and the knobs that steer it.

Every sampler is `(denoise, x, sigmas, noise, *, knobs) -> x`:

x       latent, (batch, channels, height, width), at noise level sigmas[0]
sigmas  (steps + 1,), float32, on the CPU whatever the device of x; descending, mostly down to 0
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from torch import Tensor

from paramc.runtime.samplers.process import VARIANCE_EXPLODING, Process

Noise: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Standard normals of the shape of x for a step from one sigma to a lower one; each call gives new ones."""


class Denoiser(Protocol):
    """The model with its guidance: noisy latent and level (0-d) to the clean latent it predicts."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction, of the shape of x."""
        ...

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction, from one evaluation."""
        ...


class Sampler(Protocol):
    """A step rule. Samplers on timesteps take (steps,) timesteps for sigmas and predict noise, not clean latents."""

    def __call__(self, denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: "Knobs") -> Tensor:
        """The latent at the last level."""
        ...


Quirk: TypeAlias = Literal[
    "draws_idle_noise",  # the noise of churn is drawn at each step, used or not (k-diffusion, hence A1111 and Forge)
    "asks_noise_through_logs",  # dpmpp_sde asks for noise at e^ln sigma, whose last digit differs (k-diffusion)
    "steps_to_zero",  # multistep rules are applied down to sigma 0 instead of taking the prediction there (Forge)
]


@dataclass(frozen=True, slots=True)
class Churn:
    """Noise put back before each step (Karras et al. 2022, algorithm 2) between two sigmas."""

    amount: float = 0.0
    low: float = 0.0
    high: float = math.inf


@dataclass(frozen=True, slots=True)
class Knobs:
    """What steers a sampler; each one uses some of it.

    eta: share of ancestral or stochastic noise, [0, 1]; s_noise: factor of all noise added.
    bounds: least and greatest sigma for the samplers that make their own steps (DPM fast, DPM adaptive), and `steps`
    how many model calls DPM fast may make.
    alphas: cumulative alphas by timestep (1000,), of samplers on timesteps.
    """

    eta: float = 1.0
    s_noise: float = 1.0
    churn: Churn = Churn()
    process: Process = VARIANCE_EXPLODING
    bounds: tuple[float, float] = (0.0, 0.0)
    steps: int = 0
    alphas: Tensor | None = field(default=None, compare=False)
    unipc: "UniPc" = field(default_factory=lambda: UniPc())
    quirks: frozenset[Quirk] = frozenset()


@dataclass(frozen=True, slots=True)
class UniPc:
    """UniPC's options (Zhao et al. 2023)."""

    variant: Literal["bh1", "bh2", "vary_coeff"] = "bh1"
    spacing: Literal["time_uniform", "time_quadratic", "logSNR"] = "time_uniform"
    order: int = 3
    lower_order_final: bool = True
