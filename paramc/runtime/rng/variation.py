"""Arithmetic on drawn noise: the mix of two noises, and one pasted into another of a different size."""

from typing import Final

import torch
from torch import Tensor

PARALLEL: Final = 0.9995  # mean cosine above which the two noises count as one direction


def slerp(amount: float, low: Tensor, high: Tensor) -> Tensor:
    """Spherical interpolation from `low` to `high`, both (channels, height, width).

    A1111 measures angles along the height axis, column by column, and swaps the weights of nearly parallel noises;
    both are kept, since they decide the image.
    """
    low_unit = low / torch.norm(low, dim=1, keepdim=True)
    high_unit = high / torch.norm(high, dim=1, keepdim=True)
    dot = (low_unit * high_unit).sum(1)
    if dot.mean() > PARALLEL:
        return low * amount + high * (1 - amount)
    angle = torch.acos(dot)
    sine = torch.sin(angle)
    kept = (torch.sin((1.0 - amount) * angle) / sine).unsqueeze(1)
    return kept * low + (torch.sin(amount * angle) / sine).unsqueeze(1) * high


def centred(noise: Tensor, canvas: Tensor) -> Tensor:
    """`canvas` with `noise` pasted into its middle. Both (channels, height, width).

    Where the noise is larger, as much is cut off at its end as at its start, the offset rounded down: an odd excess
    leaves one row or column of the canvas (A1111).
    """
    (top, rows, from_top), (left, columns, from_left) = (_fit(noise.shape[axis], canvas.shape[axis]) for axis in (1, 2))
    result = canvas.clone()
    result[:, top : top + rows, left : left + columns] = noise[
        :, from_top : from_top + rows, from_left : from_left + columns
    ]
    return result


def _fit(source: int, target: int) -> tuple[int, int, int]:
    """Where to paste, how much, and from where, along one axis."""
    offset = (target - source) // 2
    return max(offset, 0), source + 2 * min(offset, 0), max(-offset, 0)
