"""Latents as transformers take them: squares of 2 × 2 cells in a row."""

import torch
from torch import Tensor
from torch.nn.functional import pad

SIDE = 2  # cells of a patch, each way


def evened(x: Tensor, side: int = SIDE) -> Tensor:
    """(rows, channels, height, width) with both a multiple of `side`; what is missing wraps around (Forge, ComfyUI)."""
    height, width = x.shape[-2:]
    right, below = -width % side, -height % side
    return pad(x, (0, right, 0, below), mode="circular") if right or below else x


def packed(x: Tensor) -> Tensor:
    """(rows, patches, channels · 4), row by row of the picture, the channels slowest."""
    rows, channels, height, width = x.shape
    squares = x.view(rows, channels, height // SIDE, SIDE, width // SIDE, SIDE)
    return squares.permute(0, 2, 4, 1, 3, 5).reshape(rows, (height // SIDE) * (width // SIDE), channels * SIDE * SIDE)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The latent of even sides again."""
    rows = len(tokens)
    squares = tokens.view(rows, height // SIDE, width // SIDE, -1, SIDE, SIDE)
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(rows, -1, height, width)


def positions(height: int, width: int, *, first: int = 0, side: int = SIDE) -> Tensor:
    """(patches, 3): which picture, row and column of each patch."""
    ids = torch.zeros(height // side, width // side, 3)
    ids[..., 0] = first
    ids[..., 1] += torch.arange(height // side)[:, None]
    ids[..., 2] += torch.arange(width // side)
    return ids.view(-1, 3)
