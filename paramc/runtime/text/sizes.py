"""What SDXL is told about the picture beside the text: its size, where it was cropped, what it should come to."""

import math
from functools import cache
from typing import Final

import torch
from torch import Tensor

from paramc.ir.geometry import Size
from paramc.runtime.denoise.conditioning import Conditioning

WIDTH: Final = 256  # numbers that each size becomes
MAX_PERIOD: Final = 10_000
ROUNDED_UP: Final = (12, 108)  # frequencies one float32 above the nearest, as in the vectors recorded from the UIs
NOT_CROPPED: Final = (0, 0)


def time_ids(
    size: Size, *, crop: tuple[int, int] = NOT_CROPPED, target: Size | None = None, aesthetic: float | None = None
) -> Tensor:
    """(1, 6): height, width, crop top and left, target height and width. With a score (1, 5), as the refiner has it."""
    target = target or size
    end = (target.height, target.width) if aesthetic is None else (aesthetic,)
    return torch.tensor([[size.height, size.width, *crop, *end]], dtype=torch.float32)


def sized(
    part: Conditioning,
    size: Size,
    *,
    crop: tuple[int, int] = NOT_CROPPED,
    target: Size | None = None,
    aesthetic: float | None = None,
) -> Conditioning:
    """The conditioning of a pass of this size: sinusoids of the sizes behind the pooled text. `crop` is (top, left)."""
    if part.vector is None:
        return part
    sizes = sinusoids(time_ids(size, crop=crop, target=target, aesthetic=aesthetic))
    vector = torch.cat([part.vector, sizes.to(part.vector).expand(len(part.vector), -1)], dim=1)
    return Conditioning(part.tokens, vector)


def sinusoids(values: Tensor) -> Tensor:
    """(rows, n) to (rows, 256·n): cosines, then sines, of each number at periods from 2π to 10,000 · 2π."""
    angles = values.flatten()[:, None] * _frequencies()
    return torch.cat([angles.cos(), angles.sin()], dim=1).reshape(len(values), -1)


@cache
def _frequencies() -> Tensor:
    # torch.exp rounds differently from one processor to the next, and a size of 1024 makes 3e-5 of it
    half = WIDTH // 2
    exponents = -math.log(MAX_PERIOD) * torch.arange(half, dtype=torch.float32) / half
    exact = torch.tensor([math.exp(exponent) for exponent in exponents.tolist()])
    upwards = torch.isin(torch.arange(half), torch.tensor(ROUNDED_UP))
    return torch.where(upwards, exact.nextafter(torch.tensor(1.0)), exact)
