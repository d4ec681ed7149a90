"""Soft inpainting: how much of the mask counts grows and shrinks with the noise (A1111's extension)."""

import torch
from torch import Tensor

NEARLY: float = 1e-5  # added to lengths, so that nothing is divided by zero


def softened(mask: Tensor, sigma: float, *, bias: float, preservation: float) -> Tensor:
    """The mask at a noise level; values between 0 and 1 shrink as sigma grows."""
    return torch.pow(mask, sigma**bias * preservation)


def blended(known: Tensor, painted: Tensor, share: Tensor, *, contrast: float) -> Tensor:
    """A mix of two latents, (batch, channels, height, width), that is as long as both are on average.

    share: of `painted`, [0, 1], (channels, height, width). contrast: power of the mean of the lengths over channels.
    """
    share = share.unsqueeze(0)
    mixed = known * (1 - share) + painted * share
    length = _length(mixed) + NEARLY
    low, high = _length(known) ** contrast * (1 - share), _length(painted) ** contrast * share
    wanted = (low + high) ** (1 / contrast)
    return (mixed * (wanted / length)).to(known.dtype)


def _length(latent: Tensor) -> Tensor:
    length: Tensor = torch.norm(latent.to(torch.float64), p=2, dim=1, keepdim=True)
    return length
