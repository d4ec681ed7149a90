"""Checkpoints of the newer families in their authors' layouts: few and narrow layers, a vocabulary of three merges."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from paramc.tables import NOTHING
from tests.unit.runtime_models.tiny import (
    SDXL,
    Shapes,
    clip_shapes,
    conv,
    filled,
    linear,
    open_clip_shapes,
    save,
    under,
    unet_shapes,
    vae_shapes,
)

MERGES = {"tokenizer.merges": "c a\nca t</w>\nd o"}
WORDS = 2 * 256 + 3 + 2
PIECES = 32128  # of T5's vocabulary
UNET = "model.diffusion_model."
CLIP_L, CLIP_G, T5 = (f"text_encoders.{name}.transformer." for name in ("clip_l", "clip_g", "t5xxl"))


def sixteen_channels() -> Shapes:
    """An autoencoder as FLUX and SD3 have it: more channels, and no convolutions around them."""
    shapes = {name: shape for name, shape in vae_shapes().items() if "quant_conv" not in name}
    last = shapes["decoder.mid.block_1.conv1.bias"][0]
    return shapes | conv("encoder.conv_out", 32, last) | conv("decoder.conv_in", last, 16)


def t5_shapes(width: int, layers: int = 2, heads: int = 2) -> Shapes:
    shapes: Shapes = {"shared.weight": (PIECES, width), "encoder.final_layer_norm.weight": (width,)}
    for layer in range(layers):
        block = f"encoder.block.{layer}.layer."
        for part in "qkvo":
            shapes |= linear(f"{block}0.SelfAttention.{part}", width, width, bias=False)
        if not layer:
            shapes[f"{block}0.SelfAttention.relative_attention_bias.weight"] = (32, heads)
        for part in ("wi_0", "wi_1"):
            shapes |= linear(f"{block}1.DenseReluDense.{part}", 2 * width, width, bias=False)
        shapes |= linear(f"{block}1.DenseReluDense.wo", width, 2 * width, bias=False)
        shapes |= {f"{block}0.layer_norm.weight": (width,), f"{block}1.layer_norm.weight": (width,)}
    return shapes


def flux_shapes(width: int = 128, text: int = 64, pooled: int = 64, *, guided: bool = True, inputs: int = 64) -> Shapes:
    """One double and one single block; a head is 128 wide, as the positions are made for that."""
    shapes = linear("img_in", width, inputs) | linear("txt_in", width, text)
    embedders = {"time_in": 256, "vector_in": pooled, **({"guidance_in": 256} if guided else {})}
    for name, size in embedders.items():
        shapes |= linear(f"{name}.in_layer", width, size) | linear(f"{name}.out_layer", width, width)
    for side in ("img", "txt"):
        block = f"double_blocks.0.{side}_"
        shapes |= linear(f"{block}mod.lin", 6 * width, width) | linear(f"{block}attn.qkv", 3 * width, width)
        shapes |= {f"{block}attn.norm.{part}_norm.scale": (128,) for part in ("query", "key")}
        shapes |= linear(f"{block}attn.proj", width, width)
        shapes |= linear(f"{block}mlp.0", 4 * width, width) | linear(f"{block}mlp.2", width, 4 * width)
    shapes |= linear("single_blocks.0.modulation.lin", 3 * width, width)
    shapes |= linear("single_blocks.0.linear1", 7 * width, width) | linear("single_blocks.0.linear2", width, 5 * width)
    shapes |= {f"single_blocks.0.norm.{part}_norm.scale": (128,) for part in ("query", "key")}
    return shapes | linear("final_layer.adaLN_modulation.1", 2 * width, width) | linear("final_layer.linear", 64, width)


def sd3_shapes(width: int = 128, text: int = 256, pooled: int = 128) -> Shapes:
    """Two blocks, the first with the second attention of SD3.5 medium; the last has no text behind it."""
    shapes = {"pos_embed": (1, 16 * 16, width)} | conv("x_embedder.proj", width, 16, 2)
    shapes |= linear("context_embedder", width, text)
    for name, inputs in (("t_embedder", 256), ("y_embedder", pooled)):
        shapes |= linear(f"{name}.mlp.0", width, inputs) | linear(f"{name}.mlp.2", width, width)
    for block, (own, other) in enumerate(((9, 6), (6, 2))):
        for side, parts in (("x_block", own), ("context_block", other)):
            name = f"joint_blocks.{block}.{side}"
            shapes |= linear(f"{name}.adaLN_modulation.1", parts * width, width)
            attentions = ("attn", "attn2") if parts == 9 else ("attn",)
            for attention in attentions:
                shapes |= linear(f"{name}.{attention}.qkv", 3 * width, width)
                shapes |= {f"{name}.{attention}.ln_{part}.weight": (64,) for part in "qk"}
                shapes |= linear(f"{name}.{attention}.proj", width, width) if parts != 2 else {}
            if parts != 2:
                shapes |= linear(f"{name}.mlp.fc1", 4 * width, width) | linear(f"{name}.mlp.fc2", width, 4 * width)
    return shapes | linear("final_layer.adaLN_modulation.1", 2 * width, width) | linear("final_layer.linear", 64, width)


def projected_clip(width: int, layers: int) -> Shapes:
    return clip_shapes(width, layers, WORDS) | {"text_projection.weight": (width, width)}


def sdxl_file(path: Path, marks: Mapping[str, Tensor] = NOTHING, inputs: int = 4) -> Path:
    """`marks`: tensors that say how the model was trained. `inputs`: channels that it takes."""
    shapes = {
        **under(UNET, unet_shapes(SDXL._replace(sizes=1024 + 6 * 256, inputs=inputs))),
        **under("first_stage_model.", vae_shapes()),
        **under("conditioner.embedders.0.transformer.", clip_shapes(1024, 2, WORDS)),
        **under("conditioner.embedders.1.model.", open_clip_shapes(1024, 2, WORDS)),
    }
    return save(path, filled(shapes, dtype=torch.float16) | dict(marks), MERGES)


def refiner_file(path: Path) -> Path:
    shapes = {
        **under(UNET, unet_shapes(SDXL._replace(text=1280, sizes=1280 + 5 * 256))),
        **under("first_stage_model.", vae_shapes()),
        **under("conditioner.embedders.0.model.", open_clip_shapes(1280, 1, WORDS)),
    }
    return save(path, filled(shapes, dtype=torch.float16), MERGES)


def sd3_file(path: Path, *, long: bool = True) -> Path:
    shapes = {
        **under(UNET, sd3_shapes()),
        **under("first_stage_model.", sixteen_channels()),
        **under(CLIP_L, clip_shapes(64, 2, WORDS)),
        **under(CLIP_G, projected_clip(64, 2)),
        **(under(T5, t5_shapes(256)) if long else {}),
    }
    return save(path, filled(shapes), MERGES)


def flux_file(path: Path, *, guided: bool = True, inputs: int = 64) -> Path:
    """`inputs`: what the model takes of a patch; more than a latent's for models that fill or paint after a picture."""
    shapes = {
        **under(UNET, flux_shapes(guided=guided, inputs=inputs)),
        **under("vae.", sixteen_channels()),
        **under(CLIP_L, clip_shapes(64, 2, WORDS)),
        **under(T5, t5_shapes(64)),
    }
    return save(path, filled(shapes), MERGES)
