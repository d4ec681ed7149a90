"""How the parts of the demo model learn: so many steps, and how far each one goes."""

from collections.abc import Callable, Iterable
from math import cos, pi
from typing import Final, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

WARMING: Final = 50  # steps until the full rate
BETAS: Final = (0.9, 0.99)
STEEPEST: Final = 1.0  # norm of all gradients that a step follows

Told: TypeAlias = Callable[[int, float], None]
"""Hears of each step and its loss."""


class Course(NamedTuple):
    """`steps` of a schedule that was made for `planned` ones, with the learning rate at its highest and at the end.

    seed: of the random numbers.
    """

    steps: int
    planned: int
    highest: float
    last: float
    seed: int

    def shortened(self, share: int) -> "Course":
        """One `share`th of it."""
        return self._replace(steps=max(1, self.steps // share), planned=max(1, self.planned // share))

    def rate(self, step: int) -> float:
        """The rate of a step: up in a line, then down along half a cosine."""
        along = (step - WARMING) / max(1, self.planned - WARMING)
        falling = self.last + (self.highest - self.last) * (1 + cos(pi * max(0.0, along))) / 2
        return falling * min(1.0, (step + 1) / WARMING)


def adam(weights: Iterable[nn.Parameter], decay: float = 0.0) -> torch.optim.Optimizer:
    """What takes the steps of some weights."""
    return torch.optim.AdamW(weights, betas=BETAS, weight_decay=decay)


def descend(optimiser: torch.optim.Optimizer, loss: Tensor, rate: float) -> float:
    """One step down from a loss; that loss."""
    weights: list[nn.Parameter] = []
    for group in optimiser.param_groups:
        group["lr"] = rate
        weights += group["params"]
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(weights, STEEPEST)
    optimiser.step()
    return float(loss.detach())
