"""Pictures that keep their numbers between two passes: decoded, enlarged and encoded as ComfyUI hands them on."""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from paramc.ir.geometry import Size, derived, multiplied
from paramc.ir.names import MODEL_UPSCALER
from paramc.ir.plan import UpscaleImage
from paramc.runtime.execute.room import bounded_factor, require_room
from paramc.runtime.execute.values import Latent, Numbers, Painter, Pictures
from paramc.runtime.models.upscaler import Upscaler
from paramc.runtime.stages.pictures import LATENT_MODES

MULTIPLE: Final = 8  # of the sides that a VAE encodes, pixels; what stands out is left off evenly
TILE: Final = 512  # side of the squares that go through a model, pixels
OVERLAP: Final = 32  # pixels that neighbours share
LANCZOS: Final = "lanczos"


def decoded_numbers(latent: Latent, painter: Painter) -> Numbers:
    """The pictures of a batch, decoded one by one."""
    if latent.values is None:
        raise ValueError("there is nothing to decode")
    decoded = torch.cat([painter.decode(one[None]) for one in latent.values])
    return Numbers(((decoded + 1.0) / 2.0).clamp(0.0, 1.0))


def numbers_of(pictures: Pictures, device: torch.device) -> Numbers:
    """Pictures of 8 bit as numbers."""
    rows = np.stack([np.asarray(image, dtype=np.float32) / 255.0 for image in pictures.images])
    return Numbers(torch.from_numpy(np.moveaxis(rows, 3, 1).copy()).to(device))


def pictures_of(numbers: Numbers) -> Pictures:
    """The same in 8 bit, truncated."""
    return Pictures(tuple(Image.fromarray(one) for one in _bytes(numbers.values)))


def encoded_numbers(numbers: Numbers, painter: Painter) -> Latent:
    """Their latent; sides that are no multiple are cut in the middle."""
    height, width = (side // MULTIPLE * MULTIPLE for side in numbers.values.shape[2:])
    top, left = (numbers.values.shape[2] - height) // 2, (numbers.values.shape[3] - width) // 2
    whole = numbers.values[:, :, top : top + height, left : left + width]
    values = torch.cat([painter.encode(one[None] * 2.0 - 1.0) for one in whole])
    shape = values.shape[1], values.shape[2], values.shape[3]
    return Latent(shape, len(values), values, cell=height // values.shape[2])


def enlarged_numbers(op: UpscaleImage, numbers: Numbers, find: Callable[[str], Upscaler]) -> Numbers:
    """The pictures through a model once, then at the size that is asked for: of the picture itself, not the model's."""
    values = numbers.values
    before = Size(values.shape[3], values.shape[2])
    size = op.size and derived(before, op.size)
    if size is None and op.scale is not None:
        size = multiplied(before, bounded_factor(op.scale), 1)
    if size is not None:
        require_room(size, 1, op.because[-1])
    if op.upscaler.startswith(MODEL_UPSCALER):
        model, method = find(op.upscaler.removeprefix(MODEL_UPSCALER)), op.resampling or LANCZOS
        values = torch.cat([_by_model(one[None], model) for one in values])
    else:
        method = op.upscaler.partition(":")[2]
    reached = size in (None, Size(values.shape[3], values.shape[2]))
    return Numbers(values if reached or size is None else resampled(values, size, method))


def resampled(values: Tensor, size: Size, method: str) -> Tensor:
    """Pictures at another size; Lanczos works on 8 bit, every other filter on the numbers."""
    if method != LANCZOS:
        mode, _ = LATENT_MODES.get(method, LATENT_MODES["bilinear"])
        return interpolate(values, size=(size.height, size.width), mode=mode)
    resized = (Image.fromarray(one).resize(size, Image.Resampling.LANCZOS) for one in _bytes(values))
    rows = np.stack([np.asarray(image, dtype=np.float32) / 255.0 for image in resized])
    return torch.from_numpy(np.moveaxis(rows, 3, 1).copy()).to(values.device)


def _bytes(values: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.moveaxis((255.0 * values.clamp(0.0, 1.0)).cpu().numpy(), 1, 3).astype(np.uint8)


def _by_model(picture: Tensor, model: Upscaler) -> Tensor:
    """(1, 3, height, width) enlarged, tile by tile where it is larger than one; tiles fade into one another."""
    height, width = picture.shape[2:]
    if max(height, width) <= TILE:
        return model(picture).to(picture).clamp(0.0, 1.0)
    total = torch.zeros(1, 3, height * model.scale, width * model.scale).to(picture)
    weight = torch.zeros_like(total[:, :1])
    for top in _starts(height):
        for left in _starts(width):
            tile = model(picture[:, :, top : top + TILE, left : left + TILE]).to(picture)
            share = _faded(tile.shape[2], OVERLAP * model.scale)[:, None] * _faded(tile.shape[3], OVERLAP * model.scale)
            rows = slice(top * model.scale, top * model.scale + tile.shape[2])
            columns = slice(left * model.scale, left * model.scale + tile.shape[3])
            total[:, :, rows, columns] += tile * share.to(picture)
            weight[:, :, rows, columns] += share.to(picture)
    return (total / weight).clamp(0.0, 1.0)


def _starts(side: int) -> list[int]:
    """Where the tiles of a side begin; the last one ends with it."""
    return [min(start, max(side - TILE, 0)) for start in range(0, max(side - OVERLAP, 1), TILE - OVERLAP)]


def _faded(side: int, overlap: int) -> Tensor:
    """Shares of a tile along one side, which grow from its edges on."""
    places = torch.arange(1, side + 1, dtype=torch.float32)
    return (torch.minimum(places, side + 1 - places) / overlap).clamp(max=1.0)
