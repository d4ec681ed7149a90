"""IP-Adapters of diffusion transformers: pictures that FLUX and SD3 attend to, on diffusers' own projections."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, cast

import torch
from diffusers.loaders.transformer_flux import FluxTransformer2DLoadersMixin
from diffusers.loaders.transformer_sd3 import SD3Transformer2DLoadersMixin
from diffusers.models.attention_processor import AttentionProcessor, SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.transformers.transformer_flux import FluxIPAdapterAttnProcessor, FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor, nn

from paramc.diagnostics.codes import diagnose
from paramc.ir.control import ControlNet
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.control.families import require_base
from paramc.runtime.control.image_encoder import Seen
from paramc.runtime.control.image_prompts import Processors
from paramc.runtime.models.fitting import fitting
from paramc.runtime.models.tensors import Tensors

XLABS: Final = "ip_adapter_proj_model."  # before the projection of a file for FLUX
INSTANTX: Final = "image_proj."
KEYS: Final = re.compile(r"double_blocks\.(\d+)\.processor\.ip_adapter_double_stream_([kv])_proj\.(weight|bias)")
LAYERS: Final = re.compile(r"ip_adapter\.(\d+)\.(.+)")
TIMED: Final = "norm_ip.linear.weight"  # of a layer that is told the time, which only adapters of SD3 have
DOUBLE: Final = "transformer_blocks."  # where those of FLUX act
Layers: TypeAlias = tuple[Mapping[str, Tensor], ...]
Attentive: TypeAlias = FluxTransformer2DModel | SD3Transformer2DModel
Processor: TypeAlias = FluxIPAdapterAttnProcessor | SD3IPAdapterJointAttnProcessor2_0
Shown: TypeAlias = dict[str, list[Tensor] | Tensor]  # what attention is given beside, by keyword


@dataclass(frozen=True, slots=True, eq=False)
class FlowImageAdapter:
    """layers: weights for each attention, by diffusers' names. width: of what the projection takes of an encoder.

    states: it takes the last states but one, not the vector, and is told the time (SD3).
    """

    projection: nn.Module
    layers: Layers
    width: int
    states: bool


@dataclass(frozen=True, slots=True, eq=False)
class FlowImagePrompt:
    """A unit that shows a picture; wanted, unwanted: what is made of it for the two sides of guidance, one row each.

    Tokens for FLUX, the states of the encoder for SD3, whose projection is told the time.
    """

    setting: ControlNet
    adapter: FlowImageAdapter
    wanted: Tensor
    unwanted: Tensor

    def rows(self, count: int, against: int) -> Tensor:
        """The same for rows of which the last are of negatives."""
        sides = (self.wanted.expand(count - against, -1, -1), self.unwanted.expand(against, -1, -1))
        return torch.cat(sides)


def flow_adapter_base(header: Header) -> str:
    """The base whose transformer an IP-Adapter was made for; empty for a file of another kind."""
    if any(name.startswith(XLABS) for name in header.tensors):
        return "flux"
    return "sd3" if f"ip_adapter.0.{TIMED}" in header.tensors else ""


def load_flow_image_adapter(file: Tensors, base: str, *, dtype: torch.dtype, device: str) -> FlowImageAdapter:
    """The adapter of an open file, for a model of `base`.

    Raises ModelError for one of another family (PC587), for a projection of another kind (PC588), and a damaged one.
    """
    path, found = file.header.path, flow_adapter_base(file.header)
    require_base(path, found, base)
    prefix = XLABS if found == "flux" else INSTANTX
    parts = {
        name.removeprefix(prefix): file.read(name).to(device, dtype)
        for name in file.header.tensors
        if name.startswith(prefix)
    }
    entry = "proj.weight" if found == "flux" else "proj_in.weight"
    if entry not in parts:
        raise ModelError(diagnose("PC588", file=path, found="an IP-Adapter with a projection of its own"))
    mixin = FluxTransformer2DLoadersMixin if found == "flux" else SD3Transformer2DLoadersMixin
    convert = mixin()._convert_ip_adapter_image_proj_to_diffusers  # names that it alone knows
    with fitting(path):
        made = convert(parts, low_cpu_mem_usage=False)
        projection = cast(nn.Module, made).to(device, dtype).requires_grad_(False).eval()
        return FlowImageAdapter(projection, _layers(file, dtype, device), parts[entry].shape[1], found == "sd3")


def _layers(file: Tensors, dtype: torch.dtype, device: str) -> Layers:
    """The weights of each attention, under the names of diffusers' processors."""
    found: dict[int, dict[str, Tensor]] = {}
    for name in file.header.tensors:
        if match := KEYS.fullmatch(name):
            number, leaf = int(match[1]), f"to_{match[2]}_ip.0.{match[3]}"
        elif match := LAYERS.fullmatch(name):
            number, leaf = int(match[1]), match[2]
        else:
            continue
        found.setdefault(number, {})[leaf] = file.read(name).to(device, dtype)
    return tuple(found[number] for number in sorted(found))


def require_layers(path: Path, adapter: FlowImageAdapter, model: Attentive) -> None:
    """Raises ModelError (PC587) for an adapter of a model with more or fewer blocks, or of another width."""
    weight = next(iter(adapter.layers[0].values())) if adapter.layers else torch.zeros(0)
    wanted = len(places(model)), _width(model)
    key = "to_k_ip.weight" if adapter.states else "to_k_ip.0.weight"
    found = len(adapter.layers), adapter.layers[0].get(key, weight).shape[0] if adapter.layers else 0
    if found != wanted:
        said = ["a model of {} layers of {} channels".format(*pair) for pair in (found, wanted)]
        raise ModelError(diagnose("PC587", file=path, family=said[0], model=said[1]))


def places(model: Attentive) -> list[str]:
    """The attention that a picture is shown to, by diffusers' names."""
    is_flux = isinstance(model, FluxTransformer2DModel)
    return [name for name in model.attn_processors if not is_flux or name.startswith(DOUBLE)]


def _width(model: Attentive) -> int:
    return int(model.config["num_attention_heads"]) * int(model.config["attention_head_dim"])


def flow_image_prompt(setting: ControlNet, adapter: FlowImageAdapter, seen: Seen) -> FlowImagePrompt:
    """A unit with what is made of its picture. Negatives see a black picture (FLUX), or nothing (SD3), as diffusers."""
    if adapter.states:
        return FlowImagePrompt(setting, adapter, seen.states, torch.zeros_like(seen.states))
    with torch.inference_mode():
        wanted, unwanted = (cast(Tensor, adapter.projection(side)) for side in (seen.vector, seen.black))
    return FlowImagePrompt(setting, adapter, wanted, unwanted)


def processors(model: Attentive, prompts: Sequence[FlowImagePrompt]) -> Processors:
    """How the attention of a transformer works while these pictures are shown."""
    changed = {place: _processor(model, prompts, number) for number, place in enumerate(places(model))}
    return {name: changed.get(name, processor) for name, processor in model.attn_processors.items()}


def shown(prompts: Sequence[FlowImagePrompt], x: Tensor, times: Tensor, against: int) -> Shown:
    """What attention is given beside the text, for the rows of `x` at their times."""
    rows = [prompt.rows(len(x), against).to(x) for prompt in prompts]
    if not prompts[0].adapter.states:
        return {"ip_hidden_states": rows}
    tokens, told = cast(tuple[Tensor, Tensor], prompts[0].adapter.projection(rows[0], times))
    return {"ip_hidden_states": tokens, "temb": told}


def _processor(model: Attentive, prompts: Sequence[FlowImagePrompt], number: int) -> AttentionProcessor:
    """How one attention sees the pictures; that of SD3 sees one alone."""
    adapters = [prompt.adapter for prompt in prompts]
    width, layer = _width(model), adapters[0].layers[number]
    made: Processor
    with torch.device("meta"):
        if adapters[0].states:
            head, told = int(model.config["attention_head_dim"]), layer[TIMED].shape[1]
            made = SD3IPAdapterJointAttnProcessor2_0(width, width, head, told, prompts[0].setting.weight)
        else:
            inward = layer["to_k_ip.0.weight"].shape[1]
            made = FluxIPAdapterAttnProcessor(width, inward, [prompt.wanted.shape[1] for prompt in prompts])
            scales: list[float | int] = [prompt.setting.weight for prompt in prompts]
            made.scale = scales
    weights = dict(layer) if adapters[0].states else _numbered([adapter.layers[number] for adapter in adapters])
    made.load_state_dict(weights, assign=True)
    return cast(AttentionProcessor, made)


def _numbered(layers: Layers | Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The weights of several adapters in one processor, which numbers them."""
    return {
        name.replace(".0.", f".{number}."): weight
        for number, layer in enumerate(layers)
        for name, weight in layer.items()
    }
