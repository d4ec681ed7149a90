"""Masks whose greys count: the known part is laid in by shares, and the result is left as it is decoded (ComfyUI)."""

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

from paramc.ir.plan import MaskLatent
from paramc.runtime.execute.further import masked_channels
from paramc.runtime.execute.pictures import FITS, batched, fills
from paramc.runtime.execute.values import Latent, Opened, ToEncode, flattened
from paramc.runtime.stages.masks import blurred
from paramc.runtime.stages.pictures import fitted_picture, to_network

GROWN: Final = 6  # pixels by which a mask grows whose part is painted over grey


def shaded_latent(op: MaskLatent, work: ToEncode, drawn: Image.Image, device: torch.device, *, channels: int) -> Latent:
    """The latent of the user's picture with a mask in shares; `channels` of the network's input.

    To fill is to paint over grey: the mask is made black and white, and grows.
    """
    source = work.source
    if not isinstance(source, Opened) or source.op.size is None:
        raise ValueError("a mask needs the user's picture and its size")
    picture = fitted_picture(flattened(source.picture), source.op.size, FITS[source.op.resize])
    shares = fitted_shares(shares_of(drawn, op.blur, inverts=op.inverts), picture.height, picture.width)
    grey = greyed(to_network([picture]), shares).to(device)
    latent = batched(picture, source.op, work, device)
    greys = op.fill == "fill"
    if greys:
        latent = replace(latent, values=work.painter.encode(grey).expand(latent.batch, -1, -1, -1))
    cells = fitted_shares(grown(shares.round(), GROWN) if greys else shares, *latent.shape[1:]).to(device)
    known = None
    if fills(channels, latent):
        small = fitted_shares(shares, *latent.shape[1:]).round().to(device)
        extra = channels - latent.shape[0]
        known = masked_channels(extra, work.painter.encode(grey), shares.round().to(device), small)
    return replace(latent, mask=cells, concat=known)


def shares_of(drawn: Image.Image, blur: float, *, inverts: bool) -> Tensor:
    """(1, 1, height, width) in [0, 1]: what is transparent where a mask has an alpha, else its brightness."""
    clear = drawn.mode == "RGBA" and drawn.getextrema()[-1] != (255, 255)
    mask = Image.eval(drawn.getchannel("A"), lambda level: 255 - level) if clear else drawn.convert("L")
    levels = np.asarray(blurred(mask, blur, blur), dtype=np.float32) / 255.0
    shares = torch.from_numpy(levels)[None, None]
    return 1.0 - shares if inverts else shares


def grown(mask: Tensor, by: int) -> Tensor:
    """A black and white mask spread by a square of so many pixels."""
    height, width = mask.shape[2:]
    return max_pool2d(mask, by, stride=1, padding=by // 2)[:, :, :height, :width]


def fitted_shares(mask: Tensor, height: int, width: int) -> Tensor:
    """The mask at another size."""
    return interpolate(mask, size=(height, width), mode="bilinear")


def greyed(pixels: Tensor, shares: Tensor) -> Tensor:
    """The picture in [-1, 1] with the masked part at the middle."""
    return pixels * (1.0 - shares.round())
