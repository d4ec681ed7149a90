"""Emphasis as arithmetic on what an encoder gave: one function for each way."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import torch
from torch import Tensor

Emphasis: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(z, weights, empty, counts) → z. z: (texts, 77, width), one chunk of every text of a schedule; weights: (texts, 77);
empty: (1, 77, width), the empty prompt; counts: how often the schedule has each text."""


def multiplied(z: Tensor, weights: Tensor, empty: Tensor, counts: Tensor) -> Tensor:
    """Vectors times their weights."""
    return z * weights[:, :, None]


def restored(z: Tensor, weights: Tensor, empty: Tensor, counts: Tensor) -> Tensor:
    """Vectors times their weights, then all brought back to the mean from before.

    The mean is over all texts of the schedule, positions and channels, so weights in one text change the others. One
    near zero makes the factor explode, as in A1111.
    """
    if bool((weights == 1).all()):
        return z
    weighted = multiplied(z, weights, empty, counts)
    return weighted * (_mean(z, counts) / _mean(weighted, counts))


def ignored(z: Tensor, weights: Tensor, empty: Tensor, counts: Tensor) -> Tensor:
    """Vectors as they are."""
    return z


def interpolated(z: Tensor, weights: Tensor, empty: Tensor, counts: Tensor) -> Tensor:
    """Vectors moved away from, or towards, those of the empty prompt at the same positions (ComfyUI)."""
    moved = (z - empty) * weights[:, :, None] + empty
    return torch.where(weights[:, :, None] == 1, z, moved)


MIXED: Final = "compel"  # the way that goes on with texts in which some tokens are not seen
INTERPOLATED: Final = ("comfy", MIXED)
EMPHASES: Final[Mapping[str, Emphasis]] = {
    "original": restored,
    "no_norm": multiplied,
    "ignore": ignored,
    "none": ignored,
    "comfy": interpolated,
    MIXED: interpolated,
}


def _mean(z: Tensor, counts: Tensor) -> Tensor:
    if bool((counts == 1).all()):
        return z.mean()
    return (z.mean(dim=(1, 2)) * counts).sum() / counts.sum()
