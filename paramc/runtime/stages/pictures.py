"""Pictures brought to a size, and to and from the numbers that a VAE sees."""

from typing import Final, Literal, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from paramc.ir.geometry import Size

Fit: TypeAlias = Literal["stretch", "crop", "pad"]


def to_network(pictures: list[Image.Image]) -> Tensor:
    """RGB pictures of one size as (batch, 3, height, width) in [-1, 1], float32."""
    values = np.stack([np.asarray(picture, dtype=np.float32) / 255.0 for picture in pictures])
    return torch.from_numpy(np.moveaxis(values, 3, 1).copy()) * 2.0 - 1.0


def to_bytes(decoded: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """What a VAE decoded, (batch, 3, height, width), as (batch, height, width, 3): clipped, and truncated to 8 bit.

    What is no number is black, as it becomes in every program.
    """
    clipped = ((decoded + 1.0) / 2.0).clamp(0.0, 1.0).nan_to_num(0.0)
    return np.moveaxis(255.0 * clipped.cpu().numpy(), 1, 3).astype(np.uint8)


def fitted_picture(picture: Image.Image, size: Size, fit: Fit) -> Image.Image:
    """The picture at `size`, Lanczos. crop: the middle of what covers it; pad: all of it, its edges drawn out."""
    if fit == "stretch":
        return _lanczos(picture, size)
    covers = fit == "crop"
    ratio, own = size.width / size.height, picture.width / picture.height
    width_decides = ratio > own if covers else ratio < own
    height_decides = ratio <= own if covers else ratio >= own
    scaled = Size(
        size.width if width_decides else picture.width * size.height // picture.height,
        size.height if height_decides else picture.height * size.width // picture.width,
    )
    resized = _lanczos(picture, scaled)
    canvas = Image.new("RGB", size)
    left, top = size.width // 2 - scaled.width // 2, size.height // 2 - scaled.height // 2
    canvas.paste(resized, (left, top))
    if not covers:
        _draw_out(canvas, resized, left, top)
    return canvas


def _draw_out(canvas: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    """The first and last row or column of the picture stretched over the empty border of the canvas."""
    width, height = picture.size
    if top > 0:
        above = picture.resize((canvas.width, top), box=(0, 0, canvas.width, 0))
        below = picture.resize((canvas.width, top), box=(0, height, canvas.width, height))
        canvas.paste(above, (0, 0))
        canvas.paste(below, (0, top + height))
    elif left > 0:
        before = picture.resize((left, canvas.height), box=(0, 0, 0, canvas.height))
        after = picture.resize((left, canvas.height), box=(width, 0, width, canvas.height))
        canvas.paste(before, (0, 0))
        canvas.paste(after, (left + width, 0))


def _lanczos(picture: Image.Image, size: Size) -> Image.Image:
    return picture.resize(size, resample=Image.Resampling.LANCZOS)


LATENT_MODES: Final = {
    "bilinear": ("bilinear", False),
    "bilinear_antialias": ("bilinear", True),
    "bicubic": ("bicubic", False),
    "bicubic_antialias": ("bicubic", True),
    "nearest": ("nearest", False),
    "nearest_exact": ("nearest-exact", False),
    "area": ("area", False),
}


def resized_latent(latent: Tensor, height: int, width: int, mode: str) -> Tensor:
    """(batch, channels, ...) at another size in cells, corners not aligned. mode: of LATENT_MODES, else bilinear."""
    name, antialias = LATENT_MODES.get(mode, LATENT_MODES["bilinear"])
    return torch.nn.functional.interpolate(latent, size=(height, width), mode=name, antialias=antialias)


def cut(latent: Tensor, rows: int, columns: int) -> Tensor:
    """So many rows and columns less, half of them (rounded down) from the start."""
    top, left = rows // 2, columns // 2
    return latent[:, :, top : latent.shape[2] - (rows - top), left : latent.shape[3] - (columns - left)]
