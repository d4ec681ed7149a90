"""ControlNets of diffusion transformers, out of files in the layout of diffusers or of their authors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias, cast
from warnings import catch_warnings, simplefilter

import torch
from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel
from diffusers.models.controlnets.controlnet_sd3 import SD3ControlNetModel

from paramc.diagnostics.codes import diagnose
from paramc.ir.control import ControlNet
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.control.families import require_base
from paramc.runtime.control.words import lists, words
from paramc.runtime.models.architectures import Architecture, architectures, places, renamed
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.names import Place
from paramc.runtime.models.shapes import Config, Shapes
from paramc.runtime.models.tensors import Tensors
from paramc.runtime.models.times import keep_times

TransformerNet: TypeAlias = FluxControlNetModel | SD3ControlNetModel
SIDE: Final = 2  # cells of a patch, each way, which only nets that look at pixels want to know
HEAD: Final = 64  # channels of a head of SD3's attention
SIGNS: Final = {
    "transformer_blocks.0.img_mod.1.weight": "",  # Qwen-Image
    "controlnet_x_embedder.weight": "flux",
    "pos_embed_input.weight": "flux",  # XLabs
    "pos_embed_input.proj.weight": "sd3",
}


def net_base(header: Header) -> str:
    """The base whose transformer the net of a file was made for; empty for a net of another kind."""
    return next((base for sign, base in SIGNS.items() if sign in header.tensors), "")


def load_transformer_net(file: Tensors, base: str, *, dtype: torch.dtype, device: str) -> TransformerNet:
    """The net of an open file, for a model of `base`.

    Raises ModelError for one of another family (PC587), in an unknown layout (PC588), or that lacks a part.
    """
    header = file.header
    require_base(header.path, net_base(header), base)
    row = _naming(base)
    shapes = _as_diffusers(header, row.names)
    if not shapes.count("transformer_blocks.{}.attn.to_q.weight"):
        raise ModelError(diagnose("PC588", file=header.path, found="a ControlNet in a layout of its own"))
    with torch.device("meta"):
        model = _empty_flux(shapes) if base == "flux" else _empty_sd3(shapes)
    blueprint = Blueprint("ControlNet", model, _places(header, row, model), dtype)
    fill([blueprint], file)
    blueprint.finish(header.path, device)
    return model


def takes_pixels(net: TransformerNet) -> bool:
    """Whether a net looks at the picture itself, not at its latent (XLabs)."""
    return isinstance(net, FluxControlNetModel) and net.config["conditioning_embedding_channels"] is not None


def takes_mask(net: TransformerNet) -> bool:
    """Whether a net is shown beside the picture what of it is kept."""
    return isinstance(net, SD3ControlNetModel) and net.config["extra_conditioning_channels"] > 0


def _naming(base: str) -> Architecture:
    """The layout of the authors of a base, with what they call the further parts of nets."""
    row = next(row for row in architectures() if row.base == base)
    return row._replace(names={**row.names, **lists(f"nets_{base}")})


def _as_diffusers(header: Header, names: Mapping[str, Sequence[str]]) -> Shapes:
    """The shapes under the names of diffusers; of a tensor that holds several, under that of the first."""
    found = {}
    for name, info in header.tensors.items():
        module, _, leaf = name.rpartition(".")
        found[f"{renamed(names, module)[0]}.{'weight' if leaf == 'scale' else leaf}"] = info.shape
        found[name] = info.shape
    return Shapes(found)


def _places(header: Header, row: Architecture, model: TransformerNet) -> dict[str, tuple[Place, ...]]:
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {
        name: (Place(name),) if name in wanted else tuple(places(row, name, wanted, frozenset()))
        for name in header.tensors
    }
    return {name: place for name, place in found.items() if place}


def _empty_flux(shapes: Shapes) -> FluxControlNetModel:
    head = shapes.size("transformer_blocks.0.attn.norm_q.weight")
    mode = "controlnet_mode_embedder.weight"
    seen = "input_hint_block.conv_out.weight"
    config: Config = {
        "in_channels": shapes.size("x_embedder.weight", 1),
        "num_layers": shapes.count("transformer_blocks.{}.attn.to_q.weight"),
        "num_single_layers": shapes.count("single_transformer_blocks.{}.attn.to_q.weight"),
        "attention_head_dim": head,
        "num_attention_heads": shapes.size("x_embedder.weight") // head,
        "joint_attention_dim": shapes.size("context_embedder.weight", 1),
        "pooled_projection_dim": shapes.size("time_text_embed.text_embedder.linear_1.weight", 1),
        "guidance_embeds": "time_text_embed.guidance_embedder.linear_1.weight" in shapes,
        "num_mode": shapes.size(mode) if mode in shapes else None,
        "conditioning_embedding_channels": shapes.size(seen) if seen in shapes else None,
        "patch_size": SIDE if seen in shapes else 1,
    }
    with catch_warnings():
        simplefilter("ignore", FutureWarning)  # diffusers warns of a class that it still uses itself
        net = cast(FluxControlNetModel, FluxControlNetModel.from_config(dict(config)))
    keep_times(net)
    return net


def _empty_sd3(shapes: Shapes) -> SD3ControlNetModel:
    """With words in its attention, or without (those of SD3.5 large), where it has no places of its own either."""
    width = shapes.size("pos_embed_input.proj.weight")
    words_in = shapes.size("context_embedder.weight", 1)
    channels = shapes.size("pos_embed.proj.weight", 1) or shapes.size("pos_embed_input.proj.weight", 1)
    blocks = shapes.count("transformer_blocks.{}.attn.to_q.weight")
    config: Config = {
        "patch_size": shapes.size("pos_embed_input.proj.weight", 2),
        "in_channels": channels,
        "extra_conditioning_channels": shapes.size("pos_embed_input.proj.weight", 1) - channels,
        "num_layers": blocks,
        "attention_head_dim": HEAD,
        "num_attention_heads": width // HEAD,
        "joint_attention_dim": words_in or None,
        "caption_projection_dim": shapes.size("context_embedder.weight"),
        "pooled_projection_dim": shapes.size("time_text_embed.text_embedder.linear_1.weight", 1),
        "pos_embed_max_size": round(shapes.size("pos_embed.pos_embed", 1) ** 0.5),
        "dual_attention_layers": tuple(
            block for block in range(blocks) if f"transformer_blocks.{block}.attn2.to_q.weight" in shapes
        ),
        "qk_norm": "rms_norm" if "transformer_blocks.0.attn.norm_q.weight" in shapes else None,
        "use_pos_embed": "pos_embed.proj.weight" in shapes,
        "force_zeros_for_pooled_projection": bool(words_in),
    }
    return cast(SD3ControlNetModel, SD3ControlNetModel.from_config(dict(config)))


def mode_of(path: Path, setting: ControlNet, count: int, table: str) -> int:
    """Which of its `count` kinds of control a net for several is asked for, by the words of the unit; `table` of them.

    Raises ModelError (PC593) where none of them names a kind.
    """
    said = " ".join([setting.preprocessor, *(value for _, value in setting.options)]).lower()
    known = words(table)
    found = next((int(number) for word, number in known.items() if word in said), count)
    if found >= count:
        raise ModelError(diagnose("PC593", file=path, kinds=", ".join(f"`{word}`" for word in known)))
    return found
