"""A ControlNet of few layers beside the tiny Stable Diffusion 1, in two layouts, written without the code under test."""

from pathlib import Path

import torch
from diffusers import ControlNetModel, ControlNetUnionModel, T2IAdapter
from torch import Tensor, nn

from tests.unit.runtime_models.tiny import SD1, SDXL, Shapes, Unet, conv, filled, save, under, unet_shapes

HINTS = (16, 16, 32, 32, 96, 96, 256)


def control_shapes(unet: Unet = SD1) -> Shapes:
    """The encoder of a UNet, with the hint's own encoder and a convolution behind each output."""
    shapes = {
        name: shape for name, shape in unet_shapes(unet).items() if not name.startswith(("output_blocks", "out."))
    }
    width = 3
    for number, outputs in enumerate((*HINTS, unet.widths[0])):
        shapes |= conv(f"input_hint_block.{2 * number}", outputs, width)
        width = outputs
    outputs = [unet.widths[0]]
    for level, width in enumerate(unet.widths):
        outputs += [width, width, *([width] if level < len(unet.widths) - 1 else [])]
    for number, width in enumerate(outputs):
        shapes |= conv(f"zero_convs.{number}.0", width, width, 1)
    return shapes | conv("middle_block_out.0", unet.widths[-1], unet.widths[-1], 1)


def write_control(path: Path, unet: Unet = SD1, seed: int = 5) -> Path:
    """A file in the authors' layout."""
    return save(path, filled(under("control_model.", control_shapes(unet)), seed))


def control_lora(unet: Unet = SD1, rank: int = 2, seed: int = 11) -> dict[str, Tensor]:
    """Stability's layout: a pair of low rank for each weight of the model's encoder, biases and the rest as they are."""
    known, made = filled(control_shapes(unet), seed), {"lora_controlnet": torch.zeros(0)}
    for name, weight in known.items():
        module, _, leaf = name.rpartition(".")
        if module.startswith(("input_hint_block", "zero_convs", "middle_block_out")) or leaf == "bias":
            made[name] = weight
        elif weight.dim() > 1:
            pair = {f"{module}.up": (len(weight), rank), f"{module}.down": (rank, *weight.shape[1:])}
            made |= filled(pair, seed + len(made))
    return made


def laid_on(tensors: dict[str, Tensor], model: dict[str, Tensor]) -> dict[str, Tensor]:
    """The whole net in the layout of its authors: the model's own weights, corrected."""
    made = {
        name: model[f"model.diffusion_model.{name}"].float() for name in control_shapes() if name in unet_shapes(SD1)
    }
    for name, tensor in tensors.items():
        module, _, leaf = name.rpartition(".")
        if leaf == "up":
            product = tensor @ tensors[f"{module}.down"].flatten(1)
            made[f"{module}.weight"] = made[f"{module}.weight"] + product.reshape(made[f"{module}.weight"].shape)
        elif leaf in ("weight", "bias"):
            made[name] = tensor
    return under("control_model.", made)


def diffusers_net(unet: Unet = SD1, *, pooled: bool = False) -> ControlNetModel:
    """The same kind of net as diffusers builds it, all of its weights random."""
    sdxl = unet is SDXL
    kinds = tuple("CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in unet.depths)
    model = ControlNetModel(
        block_out_channels=unet.widths,
        down_block_types=kinds,
        cross_attention_dim=unet.text,
        attention_head_dim=(1, 1, 1) if sdxl else 8,
        transformer_layers_per_block=(1, 2, 3) if sdxl else 1,
        use_linear_projection=unet.linear,
        addition_embed_type="text_time" if sdxl else None,
        addition_time_embed_dim=256 if sdxl else None,
        projection_class_embeddings_input_dim=unet.sizes or None,
        global_pool_conditions=pooled,
    )
    stream = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=stream) * 0.05)
    return model.eval()


def diffusers_union() -> ControlNetUnionModel:
    """A net for the eight kinds of control of SDXL's published union, all of its weights random."""
    config = {key: value for key, value in diffusers_net(SDXL).config.items() if key != "mid_block_type"}
    own = {"num_control_type": 8, "num_trans_channel": 32, "num_proj_channel": 32}
    model = ControlNetUnionModel.from_config(config | own)
    stream = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=stream) * 0.05)
    return model.eval()


def diffusers_adapter(kind: str = "full_adapter", cell: int = 8) -> T2IAdapter:
    """A T2I-Adapter as wide as the levels of the tiny UNet, all of its weights random."""
    model = T2IAdapter(
        in_channels=3, channels=[32, 64, 64, 64], num_res_blocks=2, downscale_factor=cell, adapter_type=kind
    )
    stream = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=stream) * 0.1)
    return model.eval()


def authors_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of an adapter as its authors name them: the two layers of each level numbered in a row."""
    renamed = {}
    for name, weight in weights.items():
        pieces = name.removeprefix("adapter.").split(".")
        if pieces[0] == "body":
            layer = int(pieces[3]) if pieces[2] == "resnets" else 0
            rest = pieces[4:] if pieces[2] == "resnets" else pieces[2:]
            pieces = ["body", str(2 * int(pieces[1]) + layer), *rest]
        renamed[".".join(pieces)] = weight
    return renamed


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in model.state_dict().items()}
