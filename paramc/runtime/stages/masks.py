"""Masks of inpainting: white is painted anew; pictures of mode L."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from paramc.ir.geometry import Size
from paramc.runtime.stages.pictures import fitted_picture
from paramc.runtime.stages.sizes import Box

Bytes: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

FILLS: Final = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))  # blur radius, how often it is laid on


def as_mask(picture: Image.Image, *, rounds: bool = True) -> Image.Image:
    """A drawn mask: its alpha, made black and white at 128 if it `rounds`, where it has one; else its brightness."""
    if picture.mode != "RGBA" or picture.getextrema()[-1] == (255, 255):
        return picture.convert("L")
    alpha = picture.getchannel("A")
    return Image.fromarray(np.where(np.asarray(alpha) > 128, 255, 0).astype(np.uint8)) if rounds else alpha


def blurred(mask: Image.Image, across: float, down: float) -> Image.Image:
    """Gaussian blur, first across, then down, each rounded to 8 bit; sigma in pixels, 0 = none.

    Edges are mirrored. Taps are whole 256ths, as OpenCV has them for 8-bit pictures.
    """
    values = np.asarray(mask)
    if across > 0:
        values = _smoothed(values, gaussian_taps(across))
    if down > 0:
        values = _smoothed(values.T, gaussian_taps(down)).T
    return Image.fromarray(np.ascontiguousarray(values))


def gaussian_taps(sigma: float) -> list[int]:
    """2 int(2.5 sigma + 0.5) + 1 weights in 256ths; what rounding leaves goes to the next, at last to the middle."""
    reach = int(2.5 * sigma + 0.5)
    exact = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    half, left = [], 0.0
    for weight in (exact / exact.sum())[:reach]:
        wanted = float(weight) * 256 + left
        half.append(round(wanted))
        left = wanted - half[-1]
    return [*half, 256 - 2 * sum(half), *reversed(half)]


def _smoothed(values: Bytes, taps: Sequence[int]) -> Bytes:
    """Along the second axis."""
    reach, width = len(taps) // 2, values.shape[1]
    period = 2 * (width - 1) or 1
    places = np.arange(-reach, width + reach) % period
    wide = values[:, np.minimum(places, period - places)].astype(np.int32)  # 255 × 256 at most
    # of a wide blur few taps are not 0
    pieces = (tap * wide[:, start : start + width] for start, tap in enumerate(taps) if tap)
    summed = sum(pieces, np.int32(0))
    return ((summed + 128) >> 8).clip(0, 255).astype(np.uint8)


def masked_box(mask: Image.Image) -> Box | None:
    """The smallest box around all that is not black; None where nothing is."""
    box = mask.getbbox()
    return None if box is None else Box(*box)


def latent_mask(mask: Image.Image, height: int, width: int, *, rounds: bool = True) -> Tensor:
    """The mask on the cells of a latent, (1, 1, height, width) in [0, 1]; black and white if it `rounds`."""
    small = np.asarray(mask.convert("RGB").resize((width, height)), dtype=np.float32)[:, :, 0] / 255.0
    return torch.from_numpy(np.around(small) if rounds else small)[None, None]


def doubled(mask: Image.Image) -> Image.Image:
    """The mask twice as bright, clipped: what of a whole picture is laid over the result."""
    values = np.asarray(mask).astype(np.float32) * 2
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def unmasked(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """What of a picture the mask leaves alone, premultiplied."""
    result = Image.new("RGBa", picture.size)
    result.paste(picture.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask.convert("L")))
    return result


def filled(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The masked part painted over with the colours around it, by blurs of the rest laid over one another."""
    rest = unmasked(picture, mask).convert("RGBa")
    result = Image.new("RGBA", picture.size)
    for radius, times in FILLS:
        layer = rest.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            result.alpha_composite(layer)
    return result.convert("RGB")


def overlaid(picture: Image.Image, overlay: Image.Image, part: Box | None = None) -> Image.Image:
    """`overlay` (RGBA) laid over the picture, which fills only `part` of it where one is given."""
    if part is not None:
        canvas = Image.new("RGBA", overlay.size)
        canvas.paste(fitted_picture(picture, Size(part.width, part.height), "crop"), (part.left, part.top))
        picture = canvas
    result = picture.convert("RGBA")
    result.alpha_composite(overlay)
    return result.convert("RGB")
