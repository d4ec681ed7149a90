"""Between two passes: a latent or a picture brought to the size of the second."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from paramc.ir.geometry import Size, derived, multiplied
from paramc.ir.names import MODEL_UPSCALER
from paramc.ir.plan import ResizeLatent, ScaleLatent, UpscaleImage
from paramc.runtime.execute.room import bounded_factor, require_room
from paramc.runtime.execute.values import Latent, Pictures
from paramc.runtime.models.upscaler import Upscaler
from paramc.runtime.stages.masks import Bytes
from paramc.runtime.stages.pictures import cut, resized_latent

RESAMPLING: Final = {
    "image:lanczos": Image.Resampling.LANCZOS,
    "image:nearest": Image.Resampling.NEAREST,
    "image:bilinear": Image.Resampling.BILINEAR,
    "image:bicubic": Image.Resampling.BICUBIC,
    "image:area": Image.Resampling.BOX,
}
ROUNDS: Final = 3  # a model enlarges so often at most; the rest is resampled (A1111)
TILE: Final = 192  # side of the squares that go through a model, pixels
OVERLAP: Final = 8  # pixels that neighbours share
MULTIPLE: Final = 8  # of the size that an upscaler is asked for, pixels


def enlarged_latent(op: ResizeLatent, latent: Latent) -> Latent:
    """The latent at another size, what stands out cut away."""
    if latent.values is None:
        raise ValueError("there is no latent to enlarge")
    side = latent.cell
    size, whole = derived(latent.size, op.size), derived(latent.size, op.crop_to)
    require_room(size, side, op.because[-1])
    values = resized_latent(latent.values, size.height // side, size.width // side, op.method)
    values = cut(values, (size.height - whole.height) // side, (size.width - whole.width) // side)
    return _of_size(latent, values)


def scaled_latent(op: ScaleLatent, latent: Latent) -> Latent:
    """The latent so many times as large, its cells rounded to whole ones."""
    if latent.values is None:
        raise ValueError("there is no latent to enlarge")
    size = multiplied(latent.size, bounded_factor(op.scale), latent.cell)
    require_room(size, latent.cell, op.because[-1])
    width, height = (side // latent.cell for side in size)
    return _of_size(latent, resized_latent(latent.values, height, width, op.method))


def _of_size(latent: Latent, values: Tensor) -> Latent:
    """A latent with other values, its mask at their size; what a model takes beside it is made anew."""
    mask = latent.mask if latent.mask is None else interpolate(latent.mask, size=values.shape[2:], mode="bilinear")
    shape = values.shape[1], values.shape[2], values.shape[3]
    return replace(latent, values=values, shape=shape, mask=mask, concat=None)


def enlarged_pictures(op: UpscaleImage, pictures: Pictures, find: Callable[[str], Upscaler]) -> Pictures:
    """The pictures at the op's size."""
    enlarged = tuple(_enlarged(image, op, find) for image in pictures.images)
    if op.crop_to is not None and op.size is not None and op.because[:1] == ("stages.hires.upscaler",):
        excess = (op.size.height - op.crop_to.height) // 8, (op.size.width - op.crop_to.width) // 8
        return Pictures(enlarged, excess)  # a second pass cuts the latent, not the picture
    return Pictures(tuple(_cropped(image, op.crop_to) for image in enlarged))


def _enlarged(picture: Image.Image, op: UpscaleImage, find: Callable[[str], Upscaler]) -> Image.Image:
    scale = bounded_factor(op.scale or 1.0)
    before = Size(*picture.size)
    size = derived(before, op.size) if op.size else Size(int(before.width * scale), int(before.height * scale))
    require_room(size, 1, op.because[-1])
    factor = max(size.width / picture.width, size.height / picture.height)
    if factor > 1:
        wanted = Size(*(int(side * factor // MULTIPLE * MULTIPLE) for side in picture.size))
        picture = _upscaled(picture, wanted, op.upscaler, find)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _upscaled(picture: Image.Image, wanted: Size, upscaler: str, find: Callable[[str], Upscaler]) -> Image.Image:
    mode = RESAMPLING.get(upscaler)
    if mode is not None:
        return picture.resize(wanted, mode)
    if not upscaler.startswith(MODEL_UPSCALER):
        return picture
    model = find(upscaler.removeprefix(MODEL_UPSCALER))
    for _ in range(ROUNDS):
        if picture.width >= wanted.width and picture.height >= wanted.height:
            break
        before, picture = picture.size, _by_model(picture, model)
        if picture.size == before:
            break
    return picture if picture.size == wanted else picture.resize(wanted, Image.Resampling.LANCZOS)


def _by_model(picture: Image.Image, model: Upscaler) -> Image.Image:
    """The picture enlarged tile by tile; where two tiles overlap, the one fades into the other."""
    width, height = picture.width * model.scale, picture.height * model.scale
    lines = []
    for top in tile_starts(picture.height):
        tiles = [
            (left * model.scale, _tile(picture.crop((left, top, left + TILE, top + TILE)), model))
            for left in tile_starts(picture.width)
        ]
        lines.append((top * model.scale, _joined(tiles, width, axis=1, overlap=OVERLAP * model.scale)))
    return Image.fromarray(_joined(lines, height, axis=0, overlap=OVERLAP * model.scale))


def tile_starts(side: int) -> list[int]:
    """Where the tiles of a side begin, the last at its end; a side shorter than a tile has black in front of it."""
    count = max(-(-(side - OVERLAP) // (TILE - OVERLAP)), 1)
    stride = (side - TILE) / (count - 1) if count > 1 else 0.0
    return [min(int(place * stride), side - TILE) for place in range(count)]


def _joined(tiles: Sequence[tuple[int, Bytes]], length: int, *, axis: int, overlap: int) -> Bytes:
    """Tiles laid on from the first; each fades in over its first `overlap` rows or columns, the first excepted."""
    shape = list(tiles[0][1].shape)
    shape[axis] = length
    result = np.zeros(shape, np.float32)
    ramp = np.arange(overlap, dtype=np.float32) / overlap
    for number, (start, tile) in enumerate(tiles):
        kept = np.moveaxis(tile.astype(np.float32), axis, 0)[max(-start, 0) :]
        place = np.moveaxis(result, axis, 0)[max(start, 0) : max(start, 0) + len(kept)]
        share = np.ones((len(kept), 1, 1), np.float32)
        if number:
            share[:overlap, 0, 0] = ramp
        place[:] = kept * share + place * (1 - share)
    return result.astype(np.uint8)


def _tile(picture: Image.Image, model: Upscaler) -> Bytes:
    values = np.asarray(picture, dtype=np.float32)[:, :, ::-1] / 255.0  # blue first, as these models are fed
    with torch.inference_mode():
        larger = model(torch.from_numpy(np.moveaxis(values, 2, 0).copy())[None])[0]
    levels = np.moveaxis(larger.clamp(0, 1).float().cpu().numpy(), 0, 2)[:, :, ::-1] * 255.0
    return levels.round().astype(np.uint8)


def _cropped(picture: Image.Image, size: Size | None) -> Image.Image:
    """The middle of the picture."""
    if size is None or picture.size == size:
        return picture
    left, top = (picture.width - size.width) // 2, (picture.height - size.height) // 2
    return picture.crop((left, top, left + size.width, top + size.height))
