"""A checkpoint's diffusion model as the denoisers call it."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from paramc.ir.geometry import Size
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.parametrisation import (
    Estimate,
    clean_from_noise,
    clean_from_velocity,
    consistent,
    noise_from_velocity,
    noise_itself,
)
from paramc.runtime.execute.tables import Hosted, Tables, is_lcm
from paramc.runtime.execute.watch import Watch
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.text.sizes import time_ids


@dataclass(frozen=True, slots=True, eq=False)
class UnetCall:
    """The network itself: float32 in, float32 out, whatever its weights are in.

    concat: further input channels of inpainting models, (1, channels, height, width). size: of the pass, pixels.
    """

    checkpoint: Checkpoint
    watch: Watch
    concat: Tensor | None
    size: Size

    def __call__(self, x: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The network's output for some rows."""
        self.watch.networks(timesteps, conditioning)
        unet = self.checkpoint.unet
        if self.concat is not None:
            x = torch.cat([x, self.concat.to(x).expand(len(x), -1, -1, -1)], dim=1)
        dtype = unet.dtype
        extra = None
        if conditioning.vector is not None:
            ids = time_ids(self.size).to(x.device, dtype).expand(len(x), -1)
            extra = {"text_embeds": conditioning.vector.to(x.device, dtype), "time_ids": ids}
        output = unet(
            x.to(dtype),
            timesteps.to(x.device),
            encoder_hidden_states=conditioning.tokens.to(x.device, dtype),
            added_cond_kwargs=extra,
            return_dict=False,
        )
        return cast(Tensor, output[0]).float()


def estimate_of(network: UnetCall, tables: Tables, *, timesteps: bool) -> Estimate:
    """What the sampler wants of the network: clean latents, or noise for samplers on timesteps."""
    velocity = network.checkpoint.prediction == "v"
    if timesteps:
        return noise_from_velocity(network, tables.alphas) if velocity else noise_itself(network)
    levels = Hosted(tables.levels)
    if is_lcm(tables.levels):  # A1111's wrapper takes every output for noise
        return consistent(clean_from_noise(network, levels), levels)
    return clean_from_velocity(network, levels) if velocity else clean_from_noise(network, levels)


def channels_in(checkpoint: Checkpoint) -> int:
    """Channels that the network takes: 4 of a latent, 9 for inpainting models."""
    return int(checkpoint.unet.config["in_channels"])
