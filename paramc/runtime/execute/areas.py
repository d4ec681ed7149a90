"""Where prompts count, in the cells of a pass."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.control import PromptArea
from paramc.runtime.denoise.placed import Place
from paramc.runtime.denoise.regions import Area
from paramc.runtime.execute.files import opened
from paramc.runtime.execute.values import Latent

CELL: Final = 8  # pixels that an area counts a cell for (ComfyUI), whatever the model's
LEAST: Final = 8  # cells of each side of an area around a mask
CHANNELS: Final = {"red": 0, "green": 1, "blue": 2}


def places_of(areas: Sequence[PromptArea | None], latent: Latent) -> tuple[Place | None, ...]:
    """The place of each prompt on a latent; None for one that lies outside.

    Raises RunError for a mask that cannot be read, and for a model that paints after a picture: it is as large as the
    whole latent.
    """
    if latent.concat is not None or latent.reference is not None:
        raise RunError(diagnose("PC545", path="patches.prompt_area"))
    return tuple(place_of(area, _picture(area), *latent.shape[1:]) if area else Place() for area in areas)


def _picture(said: PromptArea) -> Image.Image | None:
    return None if said.mask is None else opened(said.mask, "patches.prompt_area.mask")


def place_of(said: PromptArea, picture: Image.Image | None, height: int, width: int) -> Place | None:
    """Where a prompt counts on so many cells, and under which picture; None for one that lies outside."""
    mask = None if picture is None else _mask(said, picture, height, width)
    area = _rectangle(said, height, width)
    if mask is not None and said.fits_mask:
        area = _around(mask)
    if area is not None and min(area.height, area.width) < 1:
        return None
    return Place(said.strength, area, mask, said.mask_strength)


def _rectangle(said: PromptArea, height: int, width: int) -> Area | None:
    """The cells of a rectangle, one at least, cut off at the edges of the picture."""
    if said.width is None or said.height is None:
        return None
    if said.unit == "share":
        sides = max(1, round(said.height * height)), max(1, round(said.width * width))
        top, left = round(said.y * height), round(said.x * width)
    else:
        sides = max(1, int(said.height) // CELL), max(1, int(said.width) // CELL)
        top, left = int(said.y) // CELL, int(said.x) // CELL
    return Area(min(sides[0], height - top), min(sides[1], width - left), top, left)


def _mask(said: PromptArea, picture: Image.Image, height: int, width: int) -> Tensor:
    """(1, height, width), [0, 1]."""
    values = torch.from_numpy(_channel(picture, said.mask_channel))
    values = 1.0 - values if said.inverts_mask else values
    return interpolate(values[None, None], size=(height, width), mode="bilinear")[0]


def _channel(picture: Image.Image, channel: str) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """One channel, [0, 1]; of the alpha channel what is transparent."""
    if channel == "alpha":
        alpha = np.asarray(picture.convert("RGBA"), dtype=np.float32)[:, :, 3]
        return 1.0 - alpha / 255.0
    return np.asarray(picture.convert("RGB"), dtype=np.float32)[:, :, CHANNELS[channel]] / 255.0


def _around(mask: Tensor) -> Area | None:
    """The smallest rectangle with all of the mask, of a few cells at least; None for an empty mask."""
    rows, columns = (mask[0].any(dim=side).nonzero().flatten().tolist() for side in (1, 0))
    if not rows:
        return None
    top, left = rows[0], columns[0]
    height, width = max(LEAST, rows[-1] - top + 1), max(LEAST, columns[-1] - left + 1)
    return Area(min(height, mask.shape[1] - top), min(width, mask.shape[2] - left), top, left)
