"""What a diffusion model takes beside the latent, by its make: further channels, or the patches of another picture."""

from typing import Final

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

from paramc.ir.geometry import Size
from paramc.runtime.execute.values import Latent, Opened, Painter, flattened
from paramc.runtime.stages.pictures import Fit, fitted_picture, to_network

CELL: Final = 8  # pixels of a latent's cell, each way; a mask in pixels has a channel for each of them (FLUX fill)
REFERRED: Final = (
    (672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184), (944, 1104),
    (1024, 1024), (1104, 944), (1184, 880), (1248, 832), (1328, 800), (1392, 752), (1456, 720), (1504, 688),
    (1568, 672),
)  # fmt: skip
"""Sizes that FLUX kontext was trained to look at pictures in (diffusers)."""


def masked_channels(extra: int, known: Tensor, mask: Tensor, cells: Tensor) -> Tensor:
    """The mask and the latent of what it leaves, (1, extra, height, width), as a model takes them that fills.

    mask: 0 or 1 in pixels; cells: the same at the size of the latent.
    """
    if extra == known.shape[1] + CELL**2:
        return torch.cat([known, pixel_unshuffle(mask, CELL)], dim=1)
    return torch.cat([cells, known], dim=1)


def blank_channels(extra: int, latent: Latent, painter: Painter, device: torch.device) -> Tensor:
    """The same for a model that fills where it is to paint the whole picture: all of the mask, and grey."""
    grey = torch.zeros(1, 3, latent.size.height, latent.size.width, device=device)
    cells = torch.ones(1, 1, *latent.shape[1:], device=device)
    return masked_channels(extra, painter.encode(grey), torch.ones_like(grey[:, :1]), cells)


def shown_channels(shown: Opened, latent: Latent, painter: Painter, device: torch.device) -> Tensor:
    """The latent of the user's picture at the size of a pass, for models that paint after one."""
    fit: Fit = "pad" if shown.op.resize == "latent" else shown.op.resize
    return _encoded(fitted_picture(flattened(shown.picture), latent.size, fit), painter, device)


def referred(shown: Image.Image, painter: Painter, device: torch.device) -> Tensor:
    """The latent of a picture in the size that is nearest to its shape of those that a model refers to."""
    picture = flattened(shown)
    shape = picture.width / picture.height
    size = min(REFERRED, key=lambda size: abs(shape - size[0] / size[1]))
    return _encoded(fitted_picture(picture, Size(*size), "stretch"), painter, device)


def _encoded(picture: Image.Image, painter: Painter, device: torch.device) -> Tensor:
    return painter.encode(to_network([picture]).to(device))
