"""What shapes a schedule beside the model and the number of steps."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from paramc.runtime.schedules.levels import Levels


@dataclass(frozen=True, slots=True)
class Curve:
    """The bounds and bends of a schedule; each schedule uses some of them.

    rho: exponent of Karras and polyexponential; 0 = their own. alpha, beta: of the beta distribution.
    fitted_to: the model that a fitted table is for.
    """

    sigma_min: float
    sigma_max: float
    rho: float = 0.0
    alpha: float = 0.6
    beta: float = 0.6
    fitted_to: Literal["sd1", "sdxl", "svd"] = "sd1"


def curve_of(levels: Levels, *, sigma_min: float = 0.0, sigma_max: float = 0.0) -> Curve:
    """The model's own bounds, or the given ones where they are not 0."""
    return Curve(sigma_min or levels.sigmas[0].item(), sigma_max or levels.sigmas[-1].item())


def ended(sigmas: Tensor) -> Tensor:
    """`sigmas` and a final 0."""
    return torch.cat([sigmas, sigmas.new_zeros(1)])
