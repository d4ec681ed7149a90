"""How data and noise mix at a level: the two forms whose coefficients samplers need."""

from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor


class Process(Protocol):
    """x = alpha data + sigma noise; λ = ln(alpha / sigma). Levels are float32 tensors of any shape."""

    @property
    def is_flow(self) -> bool:
        """Whether alpha falls as sigma rises."""
        ...

    def half_log_snr(self, sigma: Tensor) -> Tensor:
        """λ at a level."""
        ...

    def sigma(self, half_log_snr: Tensor) -> Tensor:
        """The level at λ."""
        ...

    def alpha(self, sigma: Tensor) -> Tensor:
        """The share of the data."""
        ...

    def guarded(self, sigmas: Tensor) -> Tensor:
        """The levels with a first one at which λ is finite."""
        ...

    def is_stochastic(self, sigma: Tensor) -> bool:
        """Whether a level lies between 20 % and 80 % of the timesteps, where SA-Solver adds noise."""
        ...


@dataclass(frozen=True, slots=True)
class VarianceExploding:
    """x = data + sigma noise. span: levels at 20 % and 80 % of the timesteps.

    computes_alpha: the share of the data is sigma e^λ, which is 1 but for its last digits (ComfyUI).
    """

    span: tuple[float, float] = (torch.inf, 0.0)
    computes_alpha: bool = False
    is_flow: bool = False

    def half_log_snr(self, sigma: Tensor) -> Tensor:
        """-ln sigma."""
        return sigma.log().neg()

    def sigma(self, half_log_snr: Tensor) -> Tensor:
        """e^-λ."""
        return half_log_snr.neg().exp()

    def alpha(self, sigma: Tensor) -> Tensor:
        """1, or nearly."""
        return sigma * self.half_log_snr(sigma).exp() if self.computes_alpha else torch.ones_like(sigma)

    def guarded(self, sigmas: Tensor) -> Tensor:
        """The levels themselves."""
        return sigmas

    def is_stochastic(self, sigma: Tensor) -> bool:
        """Whether the level is within `span`."""
        return self.span[0] >= sigma.item() >= self.span[1]


@dataclass(frozen=True, slots=True)
class RectifiedFlow:
    """x = (1 - sigma) data + sigma noise. first: the level put in place of 1, where λ is infinite; span: as above."""

    first: float
    span: tuple[float, float]
    is_flow: bool = True

    def half_log_snr(self, sigma: Tensor) -> Tensor:
        """-logit sigma."""
        return sigma.logit().neg()

    def sigma(self, half_log_snr: Tensor) -> Tensor:
        """sigmoid(-λ)."""
        return half_log_snr.neg().sigmoid()

    def alpha(self, sigma: Tensor) -> Tensor:
        """1 - sigma, computed as sigma e^λ."""
        return sigma * self.half_log_snr(sigma).exp()

    def guarded(self, sigmas: Tensor) -> Tensor:
        """The levels, the first moved below 1."""
        if len(sigmas) < 2 or sigmas[0] < 1:
            return sigmas
        return torch.cat([sigmas.new_tensor([self.first]), sigmas[1:]])

    def is_stochastic(self, sigma: Tensor) -> bool:
        """Whether the level is within `span`."""
        return self.span[0] >= sigma.item() >= self.span[1]


VARIANCE_EXPLODING: Final = VarianceExploding()
