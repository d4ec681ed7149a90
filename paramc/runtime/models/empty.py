"""Models without weights, on the meta device, by their configurations."""

from collections.abc import Mapping
from typing import TypeAlias, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

ClipModel: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection
TextModel: TypeAlias = ClipModel | T5EncoderModel


def empty_unet(config: Mapping[str, object]) -> UNet2DConditionModel:
    """A UNet without weights."""
    with torch.device("meta"):
        return cast(UNet2DConditionModel, UNet2DConditionModel.from_config(dict(config)))


def empty_vae(config: Mapping[str, object]) -> AutoencoderKL:
    """An autoencoder without weights."""
    with torch.device("meta"):
        return cast(AutoencoderKL, AutoencoderKL.from_config(dict(config)))


def empty_text_model(config: Mapping[str, object], *, projects: bool) -> ClipModel:
    """A CLIP text encoder without weights; `projects`: with the projection of its pooled state."""
    settings = CLIPTextConfig.from_dict(dict(config))
    with torch.device("meta"):
        return CLIPTextModelWithProjection(settings) if projects else CLIPTextModel(settings)


def empty_t5(config: Mapping[str, object]) -> T5EncoderModel:
    """A T5 text encoder without weights."""
    settings = T5Config.from_dict(dict(config))
    with torch.device("meta"):
        return T5EncoderModel(settings)
