"""Latents brought to unit variance, and turned so that the coarse preview of Stable Diffusion 1 shows their colours."""

from random import Random
from typing import Final, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from paramc.runtime.demo.autoencoder import LATENT, pixels
from paramc.runtime.demo.examples import encoded
from paramc.runtime.demo.scenes import draw, drawn_at_random
from paramc.runtime.execute.preview import COLOURS

MEASURED: Final = 512  # scenes
SEED: Final = 3  # of these
CELL: Final = 8  # pixels of a latent's number


@torch.no_grad()
def scale_latents(vae: AutoencoderKL) -> None:
    """Change the 1×1 convolutions around the latent, which takes any affine map of it and its inverse."""
    random = Random(SEED)
    found = [drawn_at_random(random) for _ in range(MEASURED)]
    rows = encoded(vae, found).permute(0, 2, 3, 1).reshape(-1, LATENT)
    colours = avg_pool2d(pixels([draw(scene) for scene in found]), CELL).permute(0, 2, 3, 1).reshape(-1, 3)
    mean = rows.mean(0)
    turn = _turn(rows - mean, colours) / float(vae.config["scaling_factor"])
    _spread(vae, turn, mean)


def _turn(rows: Tensor, colours: Tensor) -> Tensor:
    """(4, 4): makes rows white, then turns them so that the preview's map gives the colours as nearly as it can."""
    variances, axes = torch.linalg.eigh(rows.T @ rows / len(rows))
    white = torch.diag(variances.rsqrt()) @ axes.T
    fit = torch.linalg.lstsq(rows @ white.T, colours - colours.mean(0)).solution
    u, _, v = torch.linalg.svd(torch.tensor(COLOURS[0]) @ fit.T)
    u[:, -1] *= torch.linalg.det(u @ v).sign()  # three colours leave the fourth axis open: no mirror image
    turn: Tensor = u @ v @ white
    return turn


def _spread(vae: AutoencoderKL, turn: Tensor, mean: Tensor) -> None:
    """Put the map `turn · (x - mean)` behind the encoder and its inverse before the decoder."""
    weight, bias = _weights(vae.quant_conv)
    weight[:LATENT] = (turn @ weight[:LATENT, :, 0, 0])[:, :, None, None]
    bias[:LATENT] = turn @ (bias[:LATENT] - mean)
    weight, bias = _weights(vae.post_quant_conv)
    back = weight[:, :, 0, 0].clone()
    bias += back @ mean
    weight.copy_((back @ torch.linalg.inv(turn))[:, :, None, None])


def _weights(layer: nn.Module | None) -> tuple[Tensor, Tensor]:
    convolution = cast(nn.Conv2d, layer)
    return convolution.weight, cast(Tensor, convolution.bias)
