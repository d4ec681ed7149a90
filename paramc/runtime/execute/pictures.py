"""Ops on pictures: loading, encoding, masks, enlarging, decoding."""

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from paramc.ir.geometry import Size
from paramc.ir.plan import LoadImage, MaskLatent
from paramc.runtime.execute.further import masked_channels
from paramc.runtime.execute.plainly import encoded_numbers
from paramc.runtime.execute.values import (
    Latent,
    Numbers,
    Opened,
    Overlay,
    Painter,
    Pictures,
    Softness,
    ToEncode,
    flattened,
)
from paramc.runtime.stages.masks import (
    as_mask,
    blurred,
    doubled,
    filled,
    latent_mask,
    masked_box,
    overlaid,
    unmasked,
)
from paramc.runtime.stages.pictures import Fit, cut, fitted_picture, resized_latent, to_bytes, to_network
from paramc.runtime.stages.sizes import Box, padded, widened

FITS: Final[dict[str, Fit]] = {"stretch": "stretch", "crop": "crop", "pad": "pad", "latent": "pad"}
"""How masks are fitted: they know nothing of latents."""


def encoded_pictures(work: ToEncode, device: torch.device) -> Latent:
    """The latent of a batch, of the user's picture or of those of an earlier pass."""
    source = work.source
    if isinstance(source, Numbers):
        return encoded_numbers(source, work.painter)
    if isinstance(source, Pictures):
        latent = _encoded(source.images, work.painter, device)
        values = latent.values if latent.values is None else cut(latent.values, *source.excess)
        return latent if values is None else replace(latent, values=values, shape=_shape(values))
    picture, op = flattened(source.picture), source.op
    if op.size is not None and op.resize != "latent":
        picture = fitted_picture(picture, op.size, FITS[op.resize])
    return batched(picture, op, work, device)


def masked_latent(op: MaskLatent, work: ToEncode, drawn: Image.Image, device: torch.device, *, channels: int) -> Latent:
    """The latent of the user's picture with the mask on it; `channels` of the network's input."""
    source = work.source
    if not isinstance(source, Opened) or source.op.size is None:
        raise ValueError("a mask needs the user's picture and its size")
    size, fit = source.op.size, FITS[source.op.resize]
    picture = flattened(source.picture)
    rounds = op.soft is None
    mask = prepared_mask(op, drawn)
    part = painted_part(mask, op, size)
    if part is not None:
        small, over = fitted_picture(mask.crop(part), size, "pad").convert("L"), mask
    else:
        small = fitted_picture(mask, size, fit).convert("L")
        over = doubled(small)
        if source.op.resize != "latent":
            picture = fitted_picture(picture, size, fit)
    if over.size != picture.size:
        over = fitted_picture(over, Size(*picture.size), fit).convert("L")
    overlay = Overlay(unmasked(picture, over).convert("RGBA"), part, picture)
    if part is not None:
        picture = fitted_picture(picture.crop(part), size, "pad")
    if op.fill != "original":
        picture = filled(picture, small)
    latent = batched(picture, source.op, work, device)
    on_cells = latent_mask(small, *latent.shape[1:], rounds=rounds).to(device)
    values = latent.values
    if op.fill == "latent_nothing" and values is not None:
        values = values * (1 - on_cells)
    return replace(
        latent,
        values=values,
        mask=on_cells,
        concat=_concat(op, picture, small, latent, work.painter, device, channels) if fills(channels, latent) else None,
        overlay=overlay,
        soft=None if op.soft is None else _softness(op),
        fills_with_noise=op.fill == "latent_noise",
    )


def prepared_mask(op: MaskLatent, drawn: Image.Image) -> Image.Image:
    """The mask that was drawn, white where is painted anew, blurred."""
    mask = as_mask(drawn, rounds=op.soft is None)
    return blurred(ImageOps.invert(mask) if op.inverts else mask, op.blur, op.blur)


def fills(channels: int, latent: Latent) -> bool:
    """Whether a model of so many input channels was made to fill: it takes a mask beside a second latent."""
    return channels > 2 * latent.shape[0]


def decoded(latent: Latent, painter: Painter) -> Pictures:
    """The pictures of a batch, decoded one by one and truncated to 8 bit, with what a mask left alone laid over."""
    if latent.values is None:
        raise ValueError("there is nothing to decode")
    images = [Image.fromarray(to_bytes(painter.decode(one[None]))[0]) for one in latent.values]
    over = latent.overlay if latent.soft is None else _softened(latent)
    return Pictures(tuple(images if over is None else (overlaid(image, over.picture, over.part) for image in images)))


def _softened(latent: Latent) -> Overlay | None:
    """The overlay of soft inpainting: its mask is how much each cell was painted over, known only now."""
    over, mask = latent.overlay, latent.mask
    if over is None or mask is None:
        return over
    levels = (mask[0, 0].clamp(0, 1).cpu().numpy() * 255).astype(np.uint8)
    part = over.part or Box(0, 0, *over.whole.size)
    drawn = Image.new("L", over.whole.size)
    drawn.paste(Image.fromarray(levels).resize((part.width, part.height), Image.Resampling.BICUBIC), part[:2])
    return replace(over, picture=unmasked(over.whole, drawn).convert("RGBA"))


def painted_part(mask: Image.Image, op: MaskLatent, size: Size) -> Box | None:
    """The part of the picture that is painted alone; None for the whole, and for an empty mask."""
    box = masked_box(mask) if op.area == "masked" else None
    if box is None:
        return None
    whole = Size(*mask.size)
    return widened(padded(box, op.padding, whole), size, whole)


def batched(picture: Image.Image, op: LoadImage, work: ToEncode, device: torch.device) -> Latent:
    """The latent of a picture of the right size, as often as the batch has images."""
    latent = _encoded((picture,), work.painter, device)
    values = latent.values
    if op.resize == "latent" and op.size is not None and values is not None:
        values = resized_latent(values, op.size.height // latent.cell, op.size.width // latent.cell, "bilinear")
    if values is None:
        return latent
    rows = values.expand(work.op.batch, -1, -1, -1)
    return Latent(_shape(rows), work.op.batch, rows, cell=latent.cell)


def _encoded(images: tuple[Image.Image, ...], painter: Painter, device: torch.device) -> Latent:
    values = torch.cat([painter.encode(to_network([image]).to(device)) for image in images])
    return Latent(_shape(values), len(images), values, cell=images[0].height // values.shape[2])


def _shape(values: Tensor) -> tuple[int, int, int]:
    return values.shape[1], values.shape[2], values.shape[3]


def _concat(
    op: MaskLatent,
    picture: Image.Image,
    mask: Image.Image,
    latent: Latent,
    painter: Painter,
    device: torch.device,
    channels: int,
) -> Tensor:
    """The mask by nearest neighbour, and the picture with its masked part grey; `mask_weight` is how grey."""
    pixels = to_network([picture]).to(device)
    share = torch.from_numpy(np.asarray(mask, dtype=np.float32) / 255.0)[None, None].to(device)
    share = share.round() if op.soft is None else share
    known = torch.lerp(pixels, pixels * (1.0 - share), op.mask_weight)
    cells = torch.nn.functional.interpolate(share, size=latent.shape[1:])
    return masked_channels(channels - latent.shape[0], painter.encode(known), share, cells)


def _softness(op: MaskLatent) -> Softness | None:
    soft = op.soft
    if soft is None:
        return None
    return Softness(
        soft.schedule_bias,
        soft.preservation_strength,
        soft.transition_contrast_boost,
        soft.mask_influence,
        soft.difference_threshold,
        soft.difference_contrast,
    )
