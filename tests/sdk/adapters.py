"""Adapters for tiny pipelines, with random weights, as files and folders where a test runs."""

from pathlib import Path

import torch
from diffusers import DiffusionPipeline, FluxTransformer2DModel, T2IAdapter, UNet2DConditionModel
from diffusers.loaders.unet import UNet2DConditionLoadersMixin
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from paramc.runtime.control.image_prompts import ImageAdapter

SEEN = 32  # width of what the image encoder gives
TOKENS = 4
EYES = "eyes"  # folder of the image encoder
SHOWN, STEERING = "ip-adapter_tiny.safetensors", "t2i-adapter_tiny"


def eyes() -> CLIPVisionModelWithProjection:
    """An image encoder, saved in the working folder."""
    torch.manual_seed(2)
    config = CLIPVisionConfig(
        hidden_size=SEEN,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        projection_dim=SEEN,
    )
    encoder = CLIPVisionModelWithProjection(config).eval()
    encoder.save_pretrained(EYES)
    return encoder


def shown_to_unet(folder: Path) -> ImageAdapter:
    """An IP-Adapter for the UNet of a pipeline, saved in the working folder; the same as the runner has it."""
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    width = int(unet.config.cross_attention_dim)
    attending = [layer for name, layer in unet.named_modules() if name.endswith("attn2")]
    projection, attention = _projection(width), {}
    for number, layer in enumerate(attending):
        for part in "kv":
            attention[f"{2 * number + 1}.to_{part}_ip.weight"] = torch.randn(layer.to_q.in_features, width)
    _save(projection, attention)
    module = UNet2DConditionLoadersMixin()._convert_ip_adapter_image_proj_to_diffusers(
        projection, low_cpu_mem_usage=False
    )
    keys, values = (tuple(item for name, item in attention.items() if f"to_{part}_ip" in name) for part in "kv")
    return ImageAdapter(module.eval(), keys, values, SEEN, states=False)


def shown_to_flux(folder: Path) -> None:
    """The same for a transformer of FLUX."""
    model = FluxTransformer2DModel.from_pretrained(folder / "transformer")
    inner, width = model.inner_dim, int(model.config.joint_attention_dim)
    names = [
        f"{block}.ip_adapter_double_stream_{part}_proj" for block in range(model.config.num_layers) for part in "kv"
    ]
    attention = {f"{name}.weight": torch.randn(inner, width) for name in names}
    _save(_projection(width), attention | {f"{name}.bias": torch.zeros(inner) for name in names})


def _projection(width: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return {
        "proj.weight": torch.randn(TOKENS * width, SEEN),
        "proj.bias": torch.zeros(TOKENS * width),
        "norm.weight": torch.ones(width),
        "norm.bias": torch.zeros(width),
    }


def _save(projection: dict[str, torch.Tensor], attention: dict[str, torch.Tensor]) -> None:
    parts = {"image_proj": projection, "ip_adapter": attention}
    save_file({f"{part}.{name}": item for part, found in parts.items() for name, item in found.items()}, SHOWN)


def steered(folder: Path, place: Path) -> Path:
    """The pipeline of a folder with a UNet that T2I-Adapters reach, saved under `place` by its name."""
    pipe = DiffusionPipeline.from_pretrained(folder)
    torch.manual_seed(4)
    turned = {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "transformer_layers_per_block": 1,
    }
    pipe.unet = UNet2DConditionModel.from_config(dict(pipe.unet.config) | turned)
    pipe.save_pretrained(place / folder.name)
    return place / folder.name


def steering(channels: int, name: str = STEERING) -> T2IAdapter:
    """A T2I-Adapter for such a UNet, saved in the working folder."""
    torch.manual_seed(5)
    adapter = T2IAdapter(in_channels=channels, channels=[16, 32], num_res_blocks=1, downscale_factor=8)
    adapter.save_pretrained(name)
    return adapter
