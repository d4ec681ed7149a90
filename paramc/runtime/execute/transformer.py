"""A checkpoint's diffusion transformer as the denoisers call it: one function for each class of diffusers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from types import MappingProxyType
from typing import Final, TypeAlias, cast

import torch
from diffusers.models.transformers.auraflow_transformer_2d import AuraFlowTransformer2DModel
from diffusers.models.transformers.pixart_transformer_2d import PixArtTransformer2DModel
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.transformers.transformer_hidream_image import HiDreamImageTransformer2DModel
from diffusers.models.transformers.transformer_lumina2 import Lumina2Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from torch import Tensor
from torch.nn.functional import pad

from paramc.runtime.control.flow_image_prompts import Shown
from paramc.runtime.control.flow_steering import UNSTEERED_FLOW, FlowSteering, Inputs
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.patched import evened, packed, positions, unpacked
from paramc.runtime.execute.watch import Watch
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.dtypes import dtype_of
from paramc.runtime.models.times import exact_times
from paramc.runtime.models.transformers import Transformer

UNGUIDED: Final = 3.5  # the distilled guidance of a job that states none, or 0 (Forge)


CELL: Final = 8  # pixels of a side that one number of a latent stands for
SD3_TIMES: Final = 1000.0  # of a level, what SD3 is told of it
WHOLE: Final = (Flux2Transformer2DModel, SanaTransformer2DModel)  # each cell is a patch, so that any number is even
Steered: TypeAlias = Callable[[Transformer, Inputs, Tensor], Tensor]


def unsteered(model: Transformer, inputs: Inputs, sigma: Tensor) -> Tensor:
    """What the model gives by itself."""
    return cast(Tensor, model(**inputs, return_dict=False)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What goes into a transformer: latents of even sides, flow times, tokens, and what is said of the whole text.

    lengths: of the text in each row, where what is behind it is not to be seen. reference: the latent of a picture that
    is looked at, (rows, channels, its height, its width). steered: calls a model at a level while units steer it.
    """

    x: Tensor
    times: Tensor
    tokens: Tensor
    pooled: Tensor
    guidance: float
    lengths: tuple[int, ...] = ()
    reference: Tensor | None = None
    steered: Steered = unsteered

    def row(self, index: int) -> "Rows":
        """One row, its text without what is behind it."""
        own = slice(index, index + 1)
        tokens = self.tokens[own, : self.lengths[index]]
        return Rows(self.x[own], self.times[own], tokens, self.pooled[own], self.guidance)


Caller: TypeAlias = Callable[[Transformer, Rows], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class TransformerCall:
    """The network itself: float32 in, float32 out, whatever its weights are in.

    guidance: the distilled one, for models that were trained on it. concat, reference: see `Latent`.
    steering: what pictures add inside it.
    """

    checkpoint: Checkpoint
    watch: Watch
    guidance: float | None = None
    concat: Tensor | None = None
    reference: Tensor | None = None
    steering: FlowSteering = UNSTEERED_FLOW

    def __call__(self, x: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The flow, noise minus data, of some rows; or the noise."""
        self.watch.networks(timesteps, conditioning)
        model = cast(Transformer, self.checkpoint.unet)
        height, width = x.shape[-2:]
        whole = x if self.concat is None else torch.cat([x, _rows(self.concat, x)], dim=1)
        even = whole if isinstance(model, WHOLE) else evened(whole)
        dtype = dtype_of(model)
        vector = conditioning.vector
        rows = Rows(
            even.to(dtype),
            timesteps.to(x.device),
            conditioning.tokens.to(x.device, dtype),
            even.new_zeros(len(x), 0) if vector is None else vector.to(x.device, dtype),
            self.guidance or UNGUIDED,
            conditioning.lengths,
            None if self.reference is None else _rows(self.reference, x).to(dtype),
            partial(self._steered, conditioning),
        )
        alike = len(set(rows.lengths)) <= 1
        flow = _called(model, rows) if alike else torch.cat([_called(model, rows.row(n)) for n in range(len(x))])
        return flow[..., :height, :width].float()

    def _steered(self, conditioning: Conditioning, model: Transformer, inputs: Inputs, sigma: Tensor) -> Tensor:
        if not isinstance(model, FluxTransformer2DModel | SD3Transformer2DModel):
            return unsteered(model, inputs, sigma)

        def call(inputs: Inputs, added: Mapping[str, list[Tensor] | Shown]) -> Tensor:
            return cast(Tensor, model(**inputs, **added, return_dict=False)[0])

        return self.steering.called(call, model, inputs, sigma, conditioning)


def _called(model: Transformer, rows: Rows) -> Tensor:
    with exact_times(model, rows.times, torch.full_like(rows.times, rows.guidance)):
        return CALLERS[type(model)](model, rows)


def _rows(one: Tensor, x: Tensor) -> Tensor:
    return one.to(x).expand(len(x), -1, -1, -1)


def call_flux(model: Transformer, rows: Rows) -> Tensor:
    """FLUX.1: patches in a row, positions on two axes, guidance beside the time. A picture to look at comes behind."""
    height, width = rows.x.shape[-2:]
    device = rows.x.device
    guided = bool(model.config["guidance_embeds"])
    patches, places = packed(rows.x), positions(height, width)
    count = len(places)
    if rows.reference is not None:
        patches = torch.cat([patches, packed(rows.reference)], dim=1)
        places = torch.cat([places, positions(*rows.reference.shape[-2:], first=1)])
    inputs: Inputs = {
        "hidden_states": patches,
        "encoder_hidden_states": rows.tokens,
        "pooled_projections": rows.pooled,
        "timestep": rows.times,
        "guidance": torch.full((len(rows.x),), rows.guidance, device=device) if guided else None,
        "img_ids": places.to(device),
        "txt_ids": torch.zeros(rows.tokens.shape[1], 3, device=device),
    }
    return unpacked(rows.steered(model, inputs, rows.times)[:, :count], height, width)


def call_sd3(model: Transformer, rows: Rows) -> Tensor:
    """SD3: the model cuts the latent into patches itself; tokens are filled up to the width of T5."""
    missing = int(model.config["joint_attention_dim"]) - rows.tokens.shape[2]
    inputs: Inputs = {
        "hidden_states": rows.x,
        "encoder_hidden_states": pad(rows.tokens, (0, missing)),
        "pooled_projections": rows.pooled,
        "timestep": rows.times,
    }
    return rows.steered(model, inputs, rows.times / SD3_TIMES)


def call_chroma(model: Transformer, rows: Rows) -> Tensor:
    """Chroma: FLUX without guidance and without what is said of the whole text."""
    height, width = rows.x.shape[-2:]
    output = model(
        hidden_states=packed(rows.x),
        encoder_hidden_states=rows.tokens,
        timestep=rows.times,
        img_ids=positions(height, width).to(rows.x.device),
        txt_ids=torch.zeros(rows.tokens.shape[1], 3, device=rows.x.device),
        return_dict=False,
    )
    return unpacked(cast(Tensor, output[0]), height, width)


def call_z_image(model: Transformer, rows: Rows) -> Tensor:
    """Z-Image: each row on its own, time from noise to picture, and the flow that way."""
    output = model(
        list(rows.x[:, :, None]),
        1 - rows.times,
        list(rows.tokens),
        return_dict=False,
    )
    return -torch.stack(cast("list[Tensor]", output[0]))[:, :, 0]


def call_qwen_image(model: Transformer, rows: Rows) -> Tensor:
    """Qwen-Image: patches in a row, whose places count from the middle of the picture."""
    height, width = rows.x.shape[-2:]
    output = model(
        hidden_states=packed(rows.x),
        encoder_hidden_states=rows.tokens,
        timestep=rows.times,
        img_shapes=[[(1, height // 2, width // 2)]] * len(rows.x),
        return_dict=False,
    )
    return unpacked(cast(Tensor, output[0]), height, width)


def call_lumina2(model: Transformer, rows: Rows) -> Tensor:
    """Lumina 2: time from noise to picture, and the flow that way."""
    output = model(
        hidden_states=rows.x,
        timestep=1 - rows.times,
        encoder_hidden_states=rows.tokens,
        encoder_attention_mask=torch.ones(rows.tokens.shape[:2], dtype=torch.bool, device=rows.x.device),
        return_dict=False,
    )
    return -cast(Tensor, output[0])


def call_flux2(model: Transformer, rows: Rows) -> Tensor:
    """FLUX.2: each cell a patch, words counted on an axis of their own, guidance beside the time."""
    count = rows.tokens.shape[1]
    words = torch.zeros(count, 4)
    words[:, 3] = torch.arange(count)
    guided = bool(model.config["guidance_embeds"])
    output = model(
        hidden_states=rows.x.flatten(2).transpose(1, 2),
        encoder_hidden_states=rows.tokens,
        timestep=rows.times,
        guidance=torch.full((len(rows.x),), rows.guidance, device=rows.x.device) if guided else None,
        img_ids=pad(positions(*rows.x.shape[-2:], side=1), (0, 1)).to(rows.x.device),
        txt_ids=words.to(rows.x.device),
        return_dict=False,
    )
    return cast(Tensor, output[0]).transpose(1, 2).reshape(rows.x.shape)


def call_auraflow(model: Transformer, rows: Rows) -> Tensor:
    """AuraFlow: the model cuts the latent into patches itself."""
    output = model(hidden_states=rows.x, encoder_hidden_states=rows.tokens, timestep=rows.times, return_dict=False)
    return cast(Tensor, output[0])


def call_pixart(model: Transformer, rows: Rows) -> Tensor:
    """PixArt: noise and its spread, of which the former counts; some are told the size of the picture."""
    height, width = (side * CELL for side in rows.x.shape[-2:])
    told = {
        "resolution": torch.tensor([[height, width]] * len(rows.x)).to(rows.x),
        "aspect_ratio": torch.tensor([[height / width]] * len(rows.x)).to(rows.x),
    }
    output = model(
        hidden_states=rows.x,
        encoder_hidden_states=rows.tokens,
        timestep=rows.times,
        added_cond_kwargs=told,
        return_dict=False,
    )
    return cast(Tensor, output[0])[:, : rows.x.shape[1]]


def call_hidream(model: Transformer, rows: Rows) -> Tensor:
    """HiDream: the tokens of T5, and as many behind each layer of a language model; the flow from noise to picture."""
    depth = max(model.config["llama_layers"]) + 1
    t5, *states = rows.tokens.chunk(depth + 1, dim=1)
    most = max(prod(model.config["max_resolution"]), prod(rows.x.shape[-2:]))  # it fills all but squares up to this
    cast(HiDreamImageTransformer2DModel, model).max_seq = most // model.config["patch_size"] ** 2
    output = model(
        hidden_states=rows.x,
        timesteps=rows.times,
        encoder_hidden_states_t5=t5,
        encoder_hidden_states_llama3=torch.stack(states),
        pooled_embeds=rows.pooled,
        return_dict=False,
    )
    return -cast(Tensor, output[0])


def call_sana(model: Transformer, rows: Rows) -> Tensor:
    """Sana: each cell a patch."""
    output = model(
        hidden_states=rows.x,
        encoder_hidden_states=rows.tokens,
        timestep=rows.times * model.config["timestep_scale"],
        return_dict=False,
    )
    return cast(Tensor, output[0])


CALLERS: Final[Mapping[type[Transformer], Caller]] = MappingProxyType(
    {
        FluxTransformer2DModel: call_flux,
        SD3Transformer2DModel: call_sd3,
        ChromaTransformer2DModel: call_chroma,
        ZImageTransformer2DModel: call_z_image,
        QwenImageTransformer2DModel: call_qwen_image,
        Lumina2Transformer2DModel: call_lumina2,
        Flux2Transformer2DModel: call_flux2,
        AuraFlowTransformer2DModel: call_auraflow,
        PixArtTransformer2DModel: call_pixart,
        HiDreamImageTransformer2DModel: call_hidream,
        SanaTransformer2DModel: call_sana,
    }
)
