"""IP-Adapters: pictures that a UNet attends to beside the text, on diffusers' own projections and attention."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, cast

import torch
from diffusers.loaders.unet import UNet2DConditionLoadersMixin
from diffusers.models.attention_processor import AttentionProcessor, IPAdapterAttnProcessor2_0
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from paramc.diagnostics.codes import diagnose
from paramc.ir.control import ControlNet
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.control.families import require_base
from paramc.runtime.control.image_encoder import Seen
from paramc.runtime.models.bases import bases
from paramc.runtime.models.tensors import Tensors

PROJECTION: Final = "image_proj."
ATTENTION: Final = "ip_adapter."
PLAIN: Final = "proj.weight"  # one vector of the whole picture becomes a few tokens
RESAMPLED: Final = "latents"  # the encoder's states become tokens
FULL: Final = "proj.3.weight"  # each state becomes a token
CROSS: Final = "attn2.processor"
Processors: TypeAlias = Mapping[str, AttentionProcessor]
Attending: TypeAlias = UNet2DConditionModel | FluxTransformer2DModel | SD3Transformer2DModel


@dataclass(frozen=True, slots=True, eq=False)
class ImageAdapter:
    """keys, values: what turns picture tokens into those of attention, one for each layer that attends to texts.

    width: of what the projection takes of an image encoder. states: it takes the last states but one, not the vector.
    """

    projection: nn.Module
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    width: int
    states: bool


@dataclass(frozen=True, slots=True, eq=False)
class ImagePrompt:
    """A unit that shows a picture; wanted, unwanted: its tokens, (1, tokens, width), for the two sides of guidance."""

    setting: ControlNet
    adapter: ImageAdapter
    wanted: Tensor
    unwanted: Tensor

    def tokens(self, rows: int, against: int) -> Tensor:
        """The tokens for rows of which the last are of negatives."""
        sides = (self.wanted.expand(rows - against, -1, -1), self.unwanted.expand(against, -1, -1))
        return torch.cat(sides)


def is_image_adapter(header: Header) -> bool:
    """Whether a file holds an IP-Adapter."""
    return any(name.startswith(ATTENTION) for name in header.tensors)


def load_image_adapter(file: Tensors, base: str, *, dtype: torch.dtype, device: str) -> ImageAdapter:
    """The adapter of an open file, for a model of `base`.

    Raises ModelError for one of another family (PC587), and for one that looks at faces by another encoder (PC588).
    """
    header = file.header
    layers = sorted({int(name.split(".")[1]) for name in header.tensors if name.startswith(ATTENTION)})
    keys, values = (
        tuple(file.read(f"{ATTENTION}{layer}.to_{part}_ip.weight").to(device, dtype) for layer in layers)
        for part in ("k", "v")
    )
    width = keys[0].shape[1]
    require_base(header.path, next((row.name for row in bases().values() if width in row.widths), ""), base)
    parts = {
        name.removeprefix(PROJECTION): file.read(name).to(device, dtype)
        for name in header.tensors
        if name.startswith(PROJECTION)
    }
    seen = _width(header.path, parts)
    convert = UNet2DConditionLoadersMixin()._convert_ip_adapter_image_proj_to_diffusers  # names that it alone knows
    made = convert(parts, low_cpu_mem_usage=False)  # type: ignore[no-untyped-call]  # diffusers does not annotate it
    projection = cast(nn.Module, made).to(device, dtype).requires_grad_(False).eval()
    return ImageAdapter(projection, keys, values, seen, PLAIN not in parts)


def _width(path: Path, parts: dict[str, Tensor]) -> int:
    """The width of what the projection takes. Raises ModelError for a projection of another kind."""
    if PLAIN in parts:
        return parts[PLAIN].shape[1]
    if RESAMPLED in parts:
        return parts["proj_in.weight"].shape[1]
    if FULL in parts and "perceiver_resampler.proj_in.weight" not in parts:
        return parts["proj.0.weight"].shape[1]
    raise ModelError(diagnose("PC588", file=path, found="an IP-Adapter for vectors of faces"))


def image_prompt(setting: ControlNet, adapter: ImageAdapter, seen: Seen) -> ImagePrompt:
    """A unit with the tokens of its picture. The negative sees nothing: no vector, or the states of a black picture."""
    wanted, unwanted = (seen.states, seen.blank) if adapter.states else (seen.vector, torch.zeros_like(seen.vector))
    with torch.inference_mode():
        tokens = [cast(Tensor, adapter.projection(side)) for side in (wanted, unwanted)]
    return ImagePrompt(setting, adapter, tokens[0], tokens[1])


@contextmanager
def attending(model: Attending, changed: Processors) -> Iterator[None]:
    """The model attends to pictures: it is to be called with what these make of them."""
    before = model.attn_processors
    model.set_attn_processor(dict(changed))
    try:
        yield
    finally:
        model.set_attn_processor(dict(before))


def processors(unet: UNet2DConditionModel, prompts: Sequence[ImagePrompt]) -> Processors:
    """How the layers of a UNet attend while these pictures are shown."""
    known = unet.attn_processors
    places = {name: place for place, name in enumerate(name for name in known if name.endswith(CROSS))}
    return {
        name: _processor(prompts, places[name]) if name in places else processor for name, processor in known.items()
    }


def _processor(prompts: Sequence[ImagePrompt], layer: int) -> IPAdapterAttnProcessor2_0:
    keys = [prompt.adapter.keys[layer] for prompt in prompts]
    width, inward = keys[0].shape
    counts = tuple(prompt.wanted.shape[1] for prompt in prompts)
    with torch.device("meta"):
        made = IPAdapterAttnProcessor2_0(width, inward, num_tokens=counts)  # type: ignore[no-untyped-call]  # as above
    scales: list[float | int] = [prompt.setting.weight for prompt in prompts]
    made.scale = scales
    weights = {f"to_k_ip.{number}.weight": key for number, key in enumerate(keys)}
    weights |= {f"to_v_ip.{number}.weight": prompt.adapter.values[layer] for number, prompt in enumerate(prompts)}
    made.load_state_dict(weights, assign=True)
    return made
