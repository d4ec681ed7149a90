"""Models without weights, on the meta device, by their configurations."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, cast, get_args

import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Gemma2Config,
    Gemma2Model,
    LlamaConfig,
    LlamaModel,
    MistralConfig,
    MistralModel,
    PreTrainedConfig,
    Qwen2Config,
    Qwen2Model,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from paramc.runtime.text.chatglm import ChatGlm, ChatGlmConfig
from paramc.runtime.text.long import LanguageModel, LongModel

ClipModel: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection
TextModel: TypeAlias = ClipModel | LongModel
Vae: TypeAlias = AutoencoderKL | AutoencoderKLFlux2 | AutoencoderKLQwenImage | AutoencoderDC

VAES: Final[Mapping[str, type[Vae]]] = MappingProxyType(
    {kind.__name__: kind for kind in cast("tuple[type[Vae], ...]", get_args(Vae))}
)


def empty_unet(config: Mapping[str, object]) -> UNet2DConditionModel:
    """A UNet without weights."""
    with torch.device("meta"):
        return cast(UNet2DConditionModel, UNet2DConditionModel.from_config(dict(config)))


def empty_vae(config: Mapping[str, object], kind: str = AutoencoderKL.__name__) -> Vae:
    """An autoencoder of a class of diffusers without weights."""
    with torch.device("meta"):
        return cast(Vae, VAES.get(kind, AutoencoderKL).from_config(dict(config)))


def empty_text_model(config: Mapping[str, object], *, projects: bool) -> ClipModel:
    """A CLIP text encoder without weights; `projects`: with the projection of its pooled state."""
    settings = CLIPTextConfig.from_dict(dict(config))
    with torch.device("meta"):
        return CLIPTextModelWithProjection(settings) if projects else CLIPTextModel(settings)


def empty_t5(config: Mapping[str, object], *, counts_everywhere: bool = False) -> T5EncoderModel | UMT5EncoderModel:
    """A T5 text encoder without weights; `counts_everywhere`: every layer has positions of its own (UMT5)."""
    with torch.device("meta"):
        if counts_everywhere:
            return UMT5EncoderModel(UMT5Config.from_dict(dict(config)))
        return T5EncoderModel(T5Config.from_dict(dict(config)))


def empty_language_model(layout: str, config: Mapping[str, object]) -> LanguageModel:
    """A language model without weights, but with the positions that it counts by."""
    with torch.device("meta"):
        model = _LAYOUTS[layout](dict(config))
    if isinstance(model, ChatGlm):
        return model
    turning = cast("Callable[[PreTrainedConfig], nn.Module]", type(model.rotary_emb))
    model.register_module("rotary_emb", turning(model.config))
    if isinstance(model, Gemma2Model):
        model.embed_tokens.register_buffer("embed_scale", torch.tensor(model.config.hidden_size**0.5), persistent=False)
    return model


_LAYOUTS: Final[Mapping[str, Callable[[dict[str, object]], LanguageModel]]] = MappingProxyType(
    {
        "qwen2": lambda config: Qwen2Model(Qwen2Config.from_dict(config)),
        "qwen3": lambda config: Qwen3Model(Qwen3Config.from_dict(config)),
        "llama": lambda config: LlamaModel(LlamaConfig.from_dict(config)),
        "mistral": lambda config: MistralModel(MistralConfig.from_dict({**config, "sliding_window": None})),
        "chatglm": lambda config: ChatGlm(ChatGlmConfig.of_table(config)),
        "gemma2": lambda config: Gemma2Model(Gemma2Config.from_dict(config)),
    }
)
