"""A checkpoint's diffusion transformer as the denoisers call it: one function for each class of diffusers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias, cast

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor
from torch.nn.functional import pad

from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.patched import evened, packed, positions, unpacked
from paramc.runtime.execute.watch import Watch
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.transformers import Transformer

UNGUIDED: Final = 3.5  # the distilled guidance of a job that states none, or 0 (Forge)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What goes into a transformer: latents of even sides, flow times, tokens, and what is said of the whole text."""

    x: Tensor
    times: Tensor
    tokens: Tensor
    pooled: Tensor
    guidance: float


Caller: TypeAlias = Callable[[Transformer, Rows], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class TransformerCall:
    """The network itself: float32 in, float32 out, whatever its weights are in.

    guidance: the distilled one, for models that were trained on it. concat: further input channels of models that fill.
    """

    checkpoint: Checkpoint
    watch: Watch
    guidance: float | None = None
    concat: Tensor | None = None

    def __call__(self, x: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The flow, noise minus data, of some rows."""
        self.watch.networks(timesteps, conditioning)
        model = cast(Transformer, self.checkpoint.unet)
        height, width = x.shape[-2:]
        even = evened(x)
        dtype = model.dtype
        vector = conditioning.vector
        rows = Rows(
            even.to(dtype),
            timesteps.to(x.device),
            conditioning.tokens.to(x.device, dtype),
            even.new_zeros(len(x), 0) if vector is None else vector.to(x.device, dtype),
            self.guidance or UNGUIDED,
        )
        return CALLERS[type(model)](model, rows)[..., :height, :width].float()


def call_flux(model: Transformer, rows: Rows) -> Tensor:
    """FLUX.1: patches in a row, positions on two axes, guidance beside the time."""
    height, width = rows.x.shape[-2:]
    device = rows.x.device
    guided = bool(model.config["guidance_embeds"])
    output = model(
        hidden_states=packed(rows.x),
        encoder_hidden_states=rows.tokens,
        pooled_projections=rows.pooled,
        timestep=rows.times,
        guidance=torch.full((len(rows.x),), rows.guidance, device=device) if guided else None,
        img_ids=positions(height, width).to(device),
        txt_ids=torch.zeros(rows.tokens.shape[1], 3, device=device),
        return_dict=False,
    )
    return unpacked(cast(Tensor, output[0]), height, width)


def call_sd3(model: Transformer, rows: Rows) -> Tensor:
    """SD3: the model cuts the latent into patches itself; tokens are filled up to the width of T5."""
    missing = int(model.config["joint_attention_dim"]) - rows.tokens.shape[2]
    output = model(
        hidden_states=rows.x,
        encoder_hidden_states=pad(rows.tokens, (0, missing)),
        pooled_projections=rows.pooled,
        timestep=rows.times,
        return_dict=False,
    )
    return cast(Tensor, output[0])


CALLERS: Final[Mapping[type[Transformer], Caller]] = MappingProxyType(
    {FluxTransformer2DModel: call_flux, SD3Transformer2DModel: call_sd3}
)
