"""Weighted sums over the last steps."""

from collections.abc import Iterable, Sequence
from typing import Final

import torch
from torch import Tensor

ADAMS_BASHFORTH: Final = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
"""Weights of the newest slopes for steps of one width, by how many there are."""


def weighted(weights: Sequence[Tensor | float] | Tensor, values: Iterable[Tensor]) -> Tensor:
    """The sum of the values, each with its weight, added in their order."""
    first, *others = [torch.mul(value, weight) for weight, value in zip(weights, values, strict=True)]
    for other in others:
        first = first + other
    return first
