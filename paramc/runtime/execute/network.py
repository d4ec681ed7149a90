"""A checkpoint's diffusion model as the denoisers call it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from paramc.ir.geometry import Size
from paramc.runtime.control.references import Noised
from paramc.runtime.control.steering import UNSTEERED, Context, Inputs, Steering
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.guidance import embedded
from paramc.runtime.denoise.parametrisation import (
    EDM_DATA,
    Estimate,
    Network,
    clean_from_mixture,
    clean_from_noise,
    clean_from_velocity,
    consistent,
    divided_from_noise,
    divided_from_velocity,
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
    steering: what pictures add inside it. guidance: the scale that models with a place for it are told.
    """

    checkpoint: Checkpoint
    watch: Watch
    concat: Tensor | None
    size: Size
    steering: Steering = UNSTEERED
    guidance: float | None = None

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
        plain = partial(self._output, inputs, inputs.tokens, {})
        if self.steering.is_idle:
            return plain(x).float()
        found = self.steering(inputs, conditioning).keywords(dtype)
        with (
            self.steering.beside(unet, inputs, conditioning, plain),
            self.steering.shown(unet, inputs, conditioning) as context,
        ):
            return self._output(inputs, context, found, x).float()

    def _output(
        self, inputs: Inputs, context: Context, added: Mapping[str, list[Tensor] | Tensor], x: Tensor
    ) -> Tensor:
        """What the UNet makes of a latent with the inputs' texts and sizes, in its own number format."""
        unet = cast(UNet2DConditionModel, self.checkpoint.unet)
        if self.concat is not None:
            x = torch.cat([x, self.concat.to(x).expand(len(x), -1, -1, -1)], dim=1)
        made = unet(
            x.to(inputs.tokens.dtype),
            inputs.timesteps.to(x.device),
            encoder_hidden_states=cast(Tensor, context),  # a pair where pictures are shown
            timestep_cond=self._told(x, inputs.tokens.dtype),
            added_cond_kwargs=inputs.extra,
            **added,
            return_dict=False,
        )
        return cast(Tensor, made[0])

    def _told(self, x: Tensor, dtype: torch.dtype) -> Tensor | None:
        """The guidance scale as the model is told it, (rows, width)."""
        if self.guidance is None:
            return None
        told = embedded(self.guidance, guidance_width(self.checkpoint))
        return told.to(x.device, dtype).expand(len(x), -1)

    def _sizes(self, conditioning: Conditioning) -> Tensor:
        """What SDXL is told beside the text, (rows, 6); its refiner wants a score in place of the target, (rows, 5)."""
        rows = len(conditioning.tokens)
        vector = conditioning.vector
        width = int(self.checkpoint.unet.config["projection_class_embeddings_input_dim"] or 0)
        if vector is None or (width - vector.shape[1]) // WIDTH != SCORED:
            return time_ids(self.size).expand(rows, -1)
        wanted = [time_ids(self.size, aesthetic=GOOD)] * (rows - conditioning.against)
        return torch.cat([*wanted, *[time_ids(self.size, aesthetic=BAD)] * conditioning.against])


def guidance_width(checkpoint: Checkpoint) -> int:
    """How wide the guidance scale is that a model is told in place of a negative; 0 where it is not told."""
    unet = checkpoint.unet
    return int(unet.config["time_cond_proj_dim"] or 0) if isinstance(unet, UNet2DConditionModel) else 0


def estimate_of(network: Network, checkpoint: Checkpoint, tables: Tables, *, timesteps: bool) -> Estimate:
    """What the sampler wants of the network: clean latents, or noise for samplers on timesteps."""
    velocity = checkpoint.prediction == "v"
    if timesteps:
        return noise_from_velocity(network, tables.alphas) if velocity else noise_itself(network)
    own = tables.own or tables.levels
    if checkpoint.prediction == "edm":
        return clean_from_mixture(network, Hosted(own))
    if velocity and not is_lcm(own):  # A1111's wrapper for consistency models takes every output for noise
        make = divided_from_velocity if tables.divides else clean_from_velocity
    else:
        make = divided_from_noise if tables.divides else clean_from_noise
    return bounded(make(network, Hosted(own)), tables)


def noised_as(checkpoint: Checkpoint, tables: Tables) -> Noised:
    """How a clean latent is brought to what the network sees of it."""
    levels, spread = Hosted(tables.own or tables.levels), EDM_DATA if checkpoint.prediction == "edm" else 1.0

    def noised(latent: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        sigma = levels.sigma(timesteps).to(latent).view(-1, 1, 1, 1)
        return (latent + sigma * noise) / (sigma**2 + spread**2) ** 0.5

    return noised


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
