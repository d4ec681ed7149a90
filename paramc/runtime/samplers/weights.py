"""Weighted sums over the last steps."""

from collections.abc import Iterable, Sequence
from typing import Final

import torch
from torch import Tensor

ADAMS_BASHFORTH: Final = ((1,), (3, -1), (23, -16, 5), (55, -59, 37, -9))
"""Weights of the newest slopes for steps of one width, by how many there are; each row is divided by its sum."""


def weighted(weights: Sequence[Tensor | float] | Tensor, values: Iterable[Tensor]) -> Tensor:
    """The sum of the values, each with its weight, added in their order."""
    first, *others = [torch.mul(value, weight) for weight, value in zip(weights, values, strict=True)]
    for other in others:
        first = first + other
    return first
