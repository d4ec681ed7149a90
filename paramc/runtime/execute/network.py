"""A checkpoint's diffusion model as the denoisers call it."""

from dataclasses import dataclass
from typing import Final, cast

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from paramc.ir.geometry import Size
from paramc.runtime.control.steering import UNSTEERED, Inputs, Steering
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.parametrisation import (
    Estimate,
    Network,
    clean_from_mixture,
    clean_from_noise,
    clean_from_velocity,
    consistent,
    noise_from_velocity,
    noise_itself,
)
from paramc.runtime.denoise.patched import SIDE
from paramc.runtime.execute.tables import Hosted, Tables, is_lcm
from paramc.runtime.execute.watch import Watch
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.dtypes import dtype_of
from paramc.runtime.models.latents import channels
from paramc.runtime.text.sizes import WIDTH, time_ids

SCORED: Final = 5  # numbers that a model with a score is told
GOOD: Final = 6.0  # aesthetic score of what is wanted, and below of what is not (A1111, ComfyUI)
BAD: Final = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class UnetCall:
    """The network itself: float32 in, float32 out, whatever its weights are in.

    concat: further input channels of inpainting models, (1, channels, height, width). size: of the pass, pixels.
    steering: what pictures add inside it.
    """

    checkpoint: Checkpoint
    watch: Watch
    concat: Tensor | None
    size: Size
    steering: Steering = UNSTEERED

    def __call__(self, x: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The network's output for some rows."""
        self.watch.networks(timesteps, conditioning)
        unet = cast(UNet2DConditionModel, self.checkpoint.unet)
        dtype = dtype_of(unet)
        extra = None
        if conditioning.vector is not None:
            ids = self._sizes(conditioning).to(x.device, dtype)
            extra = {"text_embeds": conditioning.vector.to(x.device, dtype), "time_ids": ids}
        inputs = Inputs(x, timesteps, conditioning.tokens.to(x.device, dtype), extra)
        found = self.steering(inputs, conditioning).keywords(dtype)
        if self.concat is not None:
            x = torch.cat([x, self.concat.to(x).expand(len(x), -1, -1, -1)], dim=1)
        with self.steering.shown(unet, inputs, conditioning) as context:
            output = unet(
                x.to(dtype),
                timesteps.to(x.device),
                encoder_hidden_states=cast(Tensor, context),  # a pair where pictures are shown
                added_cond_kwargs=extra,
                **found,
                return_dict=False,
            )
        return cast(Tensor, output[0]).float()

    def _sizes(self, conditioning: Conditioning) -> Tensor:
        """What SDXL is told beside the text, (rows, 6); its refiner wants a score in place of the target, (rows, 5)."""
        rows = len(conditioning.tokens)
        vector = conditioning.vector
        width = int(self.checkpoint.unet.config["projection_class_embeddings_input_dim"] or 0)
        if vector is None or (width - vector.shape[1]) // WIDTH != SCORED:
            return time_ids(self.size).expand(rows, -1)
        wanted = [time_ids(self.size, aesthetic=GOOD)] * (rows - conditioning.against)
        return torch.cat([*wanted, *[time_ids(self.size, aesthetic=BAD)] * conditioning.against])


def estimate_of(network: Network, checkpoint: Checkpoint, tables: Tables, *, timesteps: bool) -> Estimate:
    """What the sampler wants of the network: clean latents, or noise for samplers on timesteps."""
    velocity = checkpoint.prediction == "v"
    if timesteps:
        return noise_from_velocity(network, tables.alphas) if velocity else noise_itself(network)
    own = tables.own or tables.levels
    if checkpoint.prediction == "edm":
        return clean_from_mixture(network, Hosted(own))
    if velocity and not is_lcm(own):  # A1111's wrapper for consistency models takes every output for noise
        return bounded(clean_from_velocity(network, Hosted(own)), tables)
    return bounded(clean_from_noise(network, Hosted(own)), tables)


def bounded(estimate: Estimate, tables: Tables) -> Estimate:
    """The estimate, under the boundary condition of consistency models where the levels are theirs."""
    return consistent(estimate, Hosted(tables.levels)) if is_lcm(tables.levels) else estimate


def channels_in(checkpoint: Checkpoint) -> int:
    """Channels of what the network takes: those of a latent, and more for models that fill or paint after a picture."""
    unet = checkpoint.unet
    if isinstance(unet, UNet2DConditionModel):
        return int(unet.config["in_channels"])
    if isinstance(unet, FluxTransformer2DModel):
        return int(unet.config["in_channels"]) // SIDE**2
    return channels(checkpoint.vae)
