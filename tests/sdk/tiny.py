"""Pipelines of every family, tiny and with random weights, saved as folders: no download, seconds to build."""

from functools import partial
from pathlib import Path

import torch
from diffusers import (
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    FluxFillPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from tests.sdk.components import (
    clip_config,
    clip_tokenizer,
    flow_vae,
    know_every_word,
    scheduler,
    t5,
    t5_tokenizer,
    vae,
)
from tests.sdk.newer import NEWER

SEED = 0
HEARING = 30  # times as much that small transformers listen to texts: by themselves they hardly do


def save(base: str, folder: Path, *, whole: bool = False) -> Path:
    """The tiny pipeline of a base, saved under `folder`; the same weights every time. whole: with every word."""
    torch.manual_seed(SEED)
    know_every_word(wanted=whole)
    place = folder / base
    pipeline = (BUILDERS | NEWER)[base]()
    if base in ("sd1", "sd2", "sdxl"):
        _unbalance(pipeline.text_encoder.final_layer_norm)
    if hasattr(pipeline, "transformer") and whole:
        with torch.no_grad():
            pipeline.transformer.context_embedder.weight.mul_(HEARING)
    pipeline.save_pretrained(place)
    return place


def _unbalance(norm: torch.nn.LayerNorm) -> None:
    """A mean that is not zero, which emphasis divides by."""
    with torch.no_grad():
        norm.weight.normal_(1.0, 0.3)
        norm.bias.normal_(0.2, 0.2)


def _unet(width: int, **more: object) -> UNet2DConditionModel:
    """A UNet that attends to texts of a width, in its deeper level."""
    return UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        cross_attention_dim=width,
        attention_head_dim=4,
        norm_num_groups=8,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **more,
    )


def _sized(numbers: int, width: int) -> dict[str, object]:
    """What a UNet is told of a picture beside its text. The runner knows by a width of 256 that one of them is a score."""
    return {
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": width,
        "transformer_layers_per_block": (1, 2),
        "projection_class_embeddings_input_dim": numbers * width + 32,
    }


def _sd2() -> StableDiffusionPipeline:
    return _sd1("!")


def _sd1(pad: str = "<|endoftext|>") -> StableDiffusionPipeline:
    tokenizer = clip_tokenizer(pad)
    unet = _unet(32)
    return StableDiffusionPipeline(
        vae=vae(),
        text_encoder=CLIPTextModel(clip_config(tokenizer)),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl() -> StableDiffusionXLPipeline:
    tokenizer, second = clip_tokenizer(), clip_tokenizer("!")
    unet = _unet(64, **_sized(6, 8))
    return StableDiffusionXLPipeline(
        vae=vae(force_upcast=True),
        text_encoder=CLIPTextModel(clip_config(tokenizer)),
        text_encoder_2=CLIPTextModelWithProjection(clip_config(second)),
        tokenizer=tokenizer,
        tokenizer_2=second,
        unet=unet,
        scheduler=scheduler(),
        add_watermarker=False,
    )


def _refiner() -> StableDiffusionXLImg2ImgPipeline:
    second = clip_tokenizer("!")
    unet = _unet(32, **_sized(5, 256))
    return StableDiffusionXLImg2ImgPipeline(
        vae=vae(force_upcast=True),
        text_encoder=None,
        text_encoder_2=CLIPTextModelWithProjection(clip_config(second)),
        tokenizer=None,
        tokenizer_2=second,
        unet=unet,
        scheduler=scheduler(),
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )


def _sd3() -> StableDiffusion3Pipeline:
    tokenizer, second = clip_tokenizer(), clip_tokenizer("!")
    transformer = SD3Transformer2DModel(
        sample_size=32,
        patch_size=2,
        in_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=64,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=16,
    )
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=flow_vae(0.0609, 1.5305),
        text_encoder=CLIPTextModelWithProjection(clip_config(tokenizer)),
        tokenizer=tokenizer,
        text_encoder_2=CLIPTextModelWithProjection(clip_config(second)),
        tokenizer_2=second,
        text_encoder_3=t5(64),
        tokenizer_3=t5_tokenizer(),
    )


def _flux(kind: type[DiffusionPipeline] = FluxPipeline, **more: object) -> DiffusionPipeline:
    tokenizer = clip_tokenizer()
    usual: dict[str, object] = {"in_channels": 64, "guidance_embeds": True}
    transformer = FluxTransformer2DModel(
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        **(usual | more),
    )
    return kind(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=flow_vae(),
        text_encoder=CLIPTextModel(clip_config(tokenizer)),
        tokenizer=tokenizer,
        text_encoder_2=t5(32),
        tokenizer_2=t5_tokenizer(),
        transformer=transformer,
    )


BUILDERS = {
    "sd1": _sd1,
    "sd2": _sd2,
    "sdxl": _sdxl,
    "refiner": _refiner,
    "sd3": _sd3,
    "flux": _flux,
    "flux-schnell": partial(_flux, guidance_embeds=False),
    "flux-fill": partial(_flux, FluxFillPipeline, in_channels=384, out_channels=64),
}
