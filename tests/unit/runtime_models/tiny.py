"""Checkpoints of few and narrow layers in the original layout, written name by name, without the code under test."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


class Unet(NamedTuple):
    """The measures of a diffusion model. `depths`: transformer layers of each level, 0 for none."""

    widths: tuple[int, ...] = (32, 64, 64, 64)
    depths: tuple[int, ...] = (1, 1, 1, 0)
    middle: int = 1
    text: int = 768
    inputs: int = 4
    linear: bool = False
    sizes: int = 0

    @property
    def time(self) -> int:
        """The width of the embedded time."""
        return 4 * self.widths[0]


SD1 = Unet()
SD2 = Unet(text=1024, linear=True)
SDXL = Unet(widths=(32, 64, 64), depths=(0, 2, 3), middle=3, text=2048, linear=True, sizes=2816)


def linear(name: str, outputs: int, inputs: int, *, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), **({f"{name}.bias": (outputs,)} if bias else {})}


def conv(name: str, outputs: int, inputs: int, size: int = 3) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, size, size), f"{name}.bias": (outputs,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def resnet(name: str, inputs: int, outputs: int, unet: Unet) -> Shapes:
    return {
        **norm(f"{name}.in_layers.0", inputs),
        **conv(f"{name}.in_layers.2", outputs, inputs),
        **linear(f"{name}.emb_layers.1", outputs, unet.time),
        **norm(f"{name}.out_layers.0", outputs),
        **conv(f"{name}.out_layers.3", outputs, outputs),
        **(conv(f"{name}.skip_connection", outputs, inputs, 1) if inputs != outputs else {}),
    }


def transformer(name: str, width: int, depth: int, unet: Unet) -> Shapes:
    shapes = norm(f"{name}.norm", width)
    for end in ("proj_in", "proj_out"):
        shapes |= linear(f"{name}.{end}", width, width) if unet.linear else conv(f"{name}.{end}", width, width, 1)
    for layer in range(depth):
        block = f"{name}.transformer_blocks.{layer}"
        for attention, keys in (("attn1", width), ("attn2", unet.text)):
            shapes |= linear(f"{block}.{attention}.to_q", width, width, bias=False)
            shapes |= linear(f"{block}.{attention}.to_k", width, keys, bias=False)
            shapes |= linear(f"{block}.{attention}.to_v", width, keys, bias=False)
            shapes |= linear(f"{block}.{attention}.to_out.0", width, width)
        shapes |= linear(f"{block}.ff.net.0.proj", 8 * width, width) | linear(f"{block}.ff.net.2", width, 4 * width)
        for number in (1, 2, 3):
            shapes |= norm(f"{block}.norm{number}", width)
    return shapes


def unet_shapes(unet: Unet) -> Shapes:
    first = unet.widths[0]
    shapes = linear("time_embed.0", unet.time, first) | linear("time_embed.2", unet.time, unet.time)
    if unet.sizes:
        shapes |= linear("label_emb.0.0", unet.time, unet.sizes) | linear("label_emb.0.2", unet.time, unet.time)
    shapes |= conv("input_blocks.0.0", first, unet.inputs)
    skips, width, number = [first], first, 1
    for level, (outputs, depth) in enumerate(zip(unet.widths, unet.depths, strict=True)):
        for _ in range(2):
            shapes |= resnet(f"input_blocks.{number}.0", width, outputs, unet)
            shapes |= transformer(f"input_blocks.{number}.1", outputs, depth, unet) if depth else {}
            width, number = outputs, number + 1
            skips.append(width)
        if level < len(unet.widths) - 1:
            shapes |= conv(f"input_blocks.{number}.0.op", width, width)
            number += 1
            skips.append(width)
    shapes |= resnet("middle_block.0", width, width, unet) | transformer("middle_block.1", width, unet.middle, unet)
    shapes |= resnet("middle_block.2", width, width, unet)
    return shapes | dict(_decoder(unet, skips, width)) | norm("out.0", first) | conv("out.2", 4, first)


def _decoder(unet: Unet, skips: list[int], width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    number = 0
    for level in reversed(range(len(unet.widths))):
        outputs, depth = unet.widths[level], unet.depths[level]
        for layer in range(3):
            yield from resnet(f"output_blocks.{number}.0", width + skips.pop(), outputs, unet).items()
            if depth:
                yield from transformer(f"output_blocks.{number}.1", outputs, depth, unet).items()
            if level and layer == 2:
                yield from conv(f"output_blocks.{number}.{2 if depth else 1}.conv", outputs, outputs).items()
            width, number = outputs, number + 1


def vae_shapes(widths: tuple[int, ...] = (32, 32, 64, 64)) -> Shapes:
    def block(name: str, inputs: int, outputs: int) -> Shapes:
        shapes = norm(f"{name}.norm1", inputs) | conv(f"{name}.conv1", outputs, inputs)
        shapes |= norm(f"{name}.norm2", outputs) | conv(f"{name}.conv2", outputs, outputs)
        return shapes | (conv(f"{name}.nin_shortcut", outputs, inputs, 1) if inputs != outputs else {})

    def middle(name: str, width: int) -> Shapes:
        shapes = block(f"{name}.block_1", width, width) | block(f"{name}.block_2", width, width)
        shapes |= norm(f"{name}.attn_1.norm", width)
        for part in ("q", "k", "v", "proj_out"):
            shapes |= conv(f"{name}.attn_1.{part}", width, width, 1)
        return shapes

    last = widths[-1]
    shapes = conv("encoder.conv_in", widths[0], 3) | middle("encoder.mid", last) | norm("encoder.norm_out", last)
    shapes |= conv("encoder.conv_out", 8, last) | conv("quant_conv", 8, 8, 1) | conv("post_quant_conv", 4, 4, 1)
    width = widths[0]
    for level, outputs in enumerate(widths):
        for number in range(2):
            shapes |= block(f"encoder.down.{level}.block.{number}", width, outputs)
            width = outputs
        shapes |= conv(f"encoder.down.{level}.downsample.conv", width, width) if level < len(widths) - 1 else {}
    shapes |= conv("decoder.conv_in", last, 4) | middle("decoder.mid", last)
    for level, outputs in reversed(list(enumerate(widths))):
        for number in range(3):
            shapes |= block(f"decoder.up.{level}.block.{number}", width, outputs)
            width = outputs
        shapes |= conv(f"decoder.up.{level}.upsample.conv", width, width) if level else {}
    return shapes | norm("decoder.norm_out", widths[0]) | conv("decoder.conv_out", 3, widths[0])


def clip_shapes(width: int, layers: int, words: int = 40) -> Shapes:
    """A text encoder in the layout of transformers."""
    shapes: Shapes = {
        "embeddings.token_embedding.weight": (words, width),
        "embeddings.position_embedding.weight": (77, width),
    }
    for layer in range(layers):
        name = f"encoder.layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= linear(f"{name}.self_attn.{part}", width, width)
        shapes |= linear(f"{name}.mlp.fc1", 2 * width, width) | linear(f"{name}.mlp.fc2", width, 2 * width)
        shapes |= norm(f"{name}.layer_norm1", width) | norm(f"{name}.layer_norm2", width)
    return {f"text_model.{name}": shape for name, shape in (shapes | norm("final_layer_norm", width)).items()}


def open_clip_shapes(width: int, layers: int, words: int = 40) -> Shapes:
    """A text encoder in the layout of OpenCLIP."""
    shapes: Shapes = {
        "token_embedding.weight": (words, width),
        "positional_embedding": (77, width),
        "text_projection": (width, width),
        "logit_scale": (),
    }
    for layer in range(layers):
        name = f"transformer.resblocks.{layer}"
        shapes |= {f"{name}.attn.in_proj_weight": (3 * width, width), f"{name}.attn.in_proj_bias": (3 * width,)}
        shapes |= linear(f"{name}.attn.out_proj", width, width)
        shapes |= linear(f"{name}.mlp.c_fc", 2 * width, width) | linear(f"{name}.mlp.c_proj", width, 2 * width)
        shapes |= norm(f"{name}.ln_1", width) | norm(f"{name}.ln_2", width)
    return shapes | norm("ln_final", width)


def under(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


def sd1_shapes(unet: Unet = SD1) -> Shapes:
    return {
        **under("model.diffusion_model.", unet_shapes(unet)),
        **under("first_stage_model.", vae_shapes()),
        **under("cond_stage_model.transformer.", clip_shapes(64, 2)),
    }


def sd2_shapes() -> Shapes:
    return {
        **under("model.diffusion_model.", unet_shapes(SD2)),
        **under("first_stage_model.", vae_shapes()),
        **under("cond_stage_model.model.", open_clip_shapes(64, 3)),
    }


def sdxl_shapes() -> Shapes:
    return {
        **under("model.diffusion_model.", unet_shapes(SDXL)),
        **under("first_stage_model.", vae_shapes()),
        **under("conditioner.embedders.0.transformer.", clip_shapes(64, 2)),
        **under("conditioner.embedders.1.model.", open_clip_shapes(128, 2)),
    }


def filled(
    shapes: Mapping[str, tuple[int, ...]], seed: int = 0, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Small random numbers in these shapes."""
    stream = torch.Generator().manual_seed(seed)
    return {name: (torch.randn(shape, generator=stream) * 0.1).to(dtype) for name, shape in shapes.items()}


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), path, dict(metadata) if metadata else None)
    return path
