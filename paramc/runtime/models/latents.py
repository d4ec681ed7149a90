"""Autoencoders of every kind under one roof: how many channels their latents have, and how these are scaled."""

from collections.abc import Sequence
from typing import Final, cast

import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from paramc.runtime.models.empty import Vae

SIDE: Final = 2  # cells of an autoencoder that are one of a latent, each way, where the two are not the same (FLUX.2)


def channels(vae: Vae) -> int:
    """Channels of a latent."""
    match vae:
        case AutoencoderKLQwenImage():
            return int(vae.config["z_dim"])
        case AutoencoderKLFlux2():
            return int(vae.config["latent_channels"]) * SIDE**2
        case _:
            return int(vae.config["latent_channels"])


def cell(vae: Vae) -> int:
    """Pixels of a side that one number of a latent stands for."""
    match vae:
        case AutoencoderKLFlux2():
            return 8 * SIDE
        case AutoencoderDC():
            return int(vae.spatial_compression_ratio)
        case _:
            return 8


def encoded(vae: Vae, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest unscaled latent of pictures in [-1, 1], and how far others lie from it."""
    if isinstance(vae, AutoencoderDC):
        [latent] = cast("tuple[Tensor]", vae.encode(pixels, return_dict=False))
        return latent, torch.zeros_like(latent)
    seen = pixels[:, :, None] if isinstance(vae, AutoencoderKLQwenImage) else pixels  # as a film of one frame
    found: DiagonalGaussianDistribution = cast(AutoencoderKLOutput, vae.encode(seen)).latent_dist
    match vae:
        case AutoencoderKLQwenImage():
            return found.mode()[:, :, 0], found.std[:, :, 0]
        case AutoencoderKLFlux2():
            return pixel_unshuffle(found.mode(), SIDE), pixel_unshuffle(found.std, SIDE)
        case _:
            return found.mode(), found.std


def decoded(vae: Vae, latent: Tensor) -> Tensor:
    """Pixels of an unscaled latent."""
    match vae:
        case AutoencoderKLQwenImage():
            return cast(Tensor, vae.decode(latent[:, :, None], return_dict=False)[0])[:, :, 0]
        case AutoencoderKLFlux2():
            latent = pixel_shuffle(latent, SIDE)
        case _:
            pass
    return cast(Tensor, vae.decode(cast(torch.FloatTensor, latent), return_dict=False)[0])


def scaled(vae: Vae, latent: Tensor) -> Tensor:
    """A latent as diffusion models know it."""
    shift, scale = _norm(vae, latent)
    return (latent - shift) * scale


def unscaled(vae: Vae, latent: Tensor) -> Tensor:
    """The same as its autoencoder knows it."""
    shift, scale = _norm(vae, latent)
    return latent / scale + shift


def set_norm(vae: Vae, means: Sequence[float], spreads: Sequence[float]) -> None:
    """Say what was measured of each channel of the latents."""
    measured = {"latents_mean": list(means), "latents_std": list(spreads)}
    vae.register_to_config(**measured)  # type: ignore[no-untyped-call]  # diffusers' has none


def _norm(vae: Vae, latent: Tensor) -> tuple[Tensor | float, Tensor | float]:
    """What is taken from latents, and what they are multiplied by then; of each channel, or of all."""
    match vae:
        case AutoencoderKLQwenImage():
            means, spreads = (latent.new_tensor(vae.config[key]) for key in ("latents_mean", "latents_std"))
        case AutoencoderKLFlux2():
            means, variances = (cast(Tensor, known).to(latent) for known in (vae.bn.running_mean, vae.bn.running_var))
            spreads = (variances + vae.config["batch_norm_eps"]).sqrt()
        case _ if vae.config.get("latents_mean") is None:
            return float(vae.config.get("shift_factor") or 0.0), float(vae.config["scaling_factor"])
        case _:
            means, spreads = (latent.new_tensor(vae.config[key]) for key in ("latents_mean", "latents_std"))
            spreads = spreads / float(vae.config["scaling_factor"])
    return means.view(-1, 1, 1), 1 / spreads.view(-1, 1, 1)
