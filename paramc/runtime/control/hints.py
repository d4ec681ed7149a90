"""Control pictures brought to what a net sees: preprocessed, fitted to the size of a pass, as numbers."""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.runtime.control.filters import WHITE, Pixels, filtered
from paramc.runtime.control.words import words

Learned: TypeAlias = Callable[[Pixels], Pixels]
Resize: TypeAlias = Literal["stretch", "crop", "pad"]
PLAIN: Final = ("none", "hidden")  # kinds that leave the picture as it is; of the latter, a mask hides a part
MODELLED: Final = "depth"  # the kind that a model makes
GRID: Final = 64  # pixels, of which preprocessors take multiples
RESOLUTION: Final = 512  # of preprocessors that are told none: pixels of the shorter side


def knows_preprocessor(name: str) -> bool:
    """Whether a preprocessor is built in."""
    return name.lower() in words("preprocessors")


def hides(unit: ControlNet) -> bool:
    """Whether a unit is not shown what the mask of the job has painted anew."""
    return words("preprocessors")[unit.preprocessor.lower()] == "hidden"


def takes_model(unit: ControlNet) -> bool:
    """Whether a unit's preprocessor works by a model of its own."""
    return words("preprocessors").get(unit.preprocessor.lower()) == MODELLED


def preprocessed(picture: Image.Image, unit: ControlNet, size: Size, model: Learned | None = None) -> Image.Image:
    """What the unit's preprocessor, or its `model`, makes of a picture for a first pass of `size` pixels; RGB."""
    kind = words("preprocessors")[unit.preprocessor.lower()]
    if kind in PLAIN:
        return picture
    pixels = np.asarray(_at_resolution(picture, _resolution(picture, unit, size)))
    return Image.fromarray(model(pixels) if model is not None else filtered(kind, pixels, unit))


def _resolution(picture: Image.Image, unit: ControlNet, size: Size) -> int:
    """Pixels of the shorter side that the preprocessor works on; pixel-perfect: what the pass shows of it."""
    if not unit.pixel_perfect:
        return unit.resolution if unit.resolution and unit.resolution > 0 else RESOLUTION
    factors = size.width / picture.width, size.height / picture.height
    return round((min(factors) if unit.resize == "pad" else max(factors)) * min(picture.size))


def _at_resolution(picture: Image.Image, resolution: int) -> Image.Image:
    factor = resolution / min(picture.size)
    width, height = (max(round(side * factor / GRID), 1) * GRID for side in picture.size)
    return _resampled(picture, (width, height))


def hint(picture: Image.Image, size: Size, resize: Resize) -> Tensor:
    """The picture in [0, 1], (1, 3, height, width), brought to the size of a pass."""
    return _numbers(_fitted(picture, size, resize))


def nearest_hint(picture: Image.Image, size: Size) -> Tensor:
    """The same as ComfyUI brings it to size: the middle in the shape that is wanted, enlarged by whole pixels."""
    wide, high = picture.width * size.height, picture.height * size.width  # compared without rounding
    left = round((picture.width - picture.height * size.width / size.height) / 2) if wide > high else 0
    top = round((picture.height - picture.width * size.height / size.width) / 2) if high > wide else 0
    left, top = min(left, (picture.width - 1) // 2), min(top, (picture.height - 1) // 2)  # of a strip, one pixel stays
    numbers = _numbers(picture.crop((left, top, picture.width - left, picture.height - top)))
    return interpolate(numbers, (size.height, size.width), mode="nearest-exact")


def _numbers(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / WHITE


def _fitted(picture: Image.Image, size: Size, resize: Resize) -> Image.Image:
    match resize:
        case "stretch":
            return _resampled(picture, size)
        case "crop":
            return _cut(picture, size)
        case "pad":
            factor = min(size.width / picture.width, size.height / picture.height)
            inner = _resampled(picture, _scaled(picture, factor))
            whole = Image.new("RGB", size, _border_colour(inner))
            whole.paste(inner, (max(0, (size.width - inner.width) // 2), max(0, (size.height - inner.height) // 2)))
            return whole


def _cut(picture: Image.Image, size: Size) -> Image.Image:
    """The middle of the picture, scaled until it covers the size."""
    factor = max(size.width / picture.width, size.height / picture.height)
    covering = _resampled(picture, _scaled(picture, factor))
    left, top = max(0, (covering.width - size.width) // 2), max(0, (covering.height - size.height) // 2)
    return covering.crop((left, top, left + size.width, top + size.height))


def _scaled(picture: Image.Image, factor: float) -> tuple[int, int]:
    return max(round(picture.width * factor), 1), max(round(picture.height * factor), 1)


def _resampled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """By areas where it shrinks, by Lanczos' windows where it grows."""
    if picture.size == tuple(size):
        return picture
    shrinks = size[0] * size[1] < picture.width * picture.height
    return picture.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.LANCZOS)


def _border_colour(picture: Image.Image) -> tuple[int, ...]:
    """The median of the outermost pixels, channel by channel."""
    pixels = np.asarray(picture)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return tuple(int(value) for value in np.median(border, axis=0))
