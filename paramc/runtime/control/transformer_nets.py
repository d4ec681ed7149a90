"""ControlNets of diffusion transformers, out of files in the layout of diffusers."""

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
from paramc.runtime.control.words import words
from paramc.runtime.models.bases import bases
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.names import Place
from paramc.runtime.models.shapes import Config, Shapes
from paramc.runtime.models.tensors import Tensors

TransformerNet: TypeAlias = FluxControlNetModel | SD3ControlNetModel
HEAD: Final = 64  # channels of a head of SD3's attention
SIGNS: Final = {"controlnet_x_embedder.weight": "flux", "pos_embed_input.proj.weight": "sd3"}


def net_base(header: Header) -> str:
    """The base whose transformer the net of a file was made for; empty for a net of another kind."""
    return next((base for sign, base in SIGNS.items() if sign in header.tensors), "")


def load_transformer_net(file: Tensors, base: str, *, dtype: torch.dtype, device: str) -> TransformerNet:
    """The net of an open file, for a model of `base`.

    Raises ModelError for one of another family (PC587), in the layout of its authors (PC588), or that lacks a part.
    """
    header = file.header
    found = net_base(header)
    if found != base:
        titles = bases()
        raise ModelError(diagnose("PC587", file=header.path, family=titles[found].title, model=titles[base].title))
    shapes = Shapes({name: info.shape for name, info in header.tensors.items()})
    if "context_embedder.weight" not in shapes or "transformer_blocks.0.attn.to_q.weight" not in shapes:
        raise ModelError(diagnose("PC588", file=header.path, found="a ControlNet in a layout of its own"))
    if base == "sd3" and shapes.size("pos_embed_input.proj.weight", 1) != shapes.size("pos_embed.proj.weight", 1):
        raise ModelError(diagnose("PC588", file=header.path, found="a ControlNet that takes a mask"))
    with torch.device("meta"):
        model = _empty_flux(shapes) if base == "flux" else _empty_sd3(shapes)
    wanted = model.state_dict().keys()
    places = {name: (Place(name),) for name in shapes.names if name in wanted}
    blueprint = Blueprint("ControlNet", model, places, dtype)
    fill([blueprint], file)
    blueprint.finish(header.path, device)
    return model


def _empty_flux(shapes: Shapes) -> FluxControlNetModel:
    head = shapes.size("transformer_blocks.0.attn.norm_q.weight")
    mode = "controlnet_mode_embedder.weight"
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
    }
    with catch_warnings():
        simplefilter("ignore", FutureWarning)  # diffusers warns of a class that it still uses itself
        return cast(FluxControlNetModel, FluxControlNetModel.from_config(dict(config)))


def _empty_sd3(shapes: Shapes) -> SD3ControlNetModel:
    width = shapes.size("pos_embed.proj.weight")
    config: Config = {
        "patch_size": shapes.size("pos_embed.proj.weight", 2),
        "in_channels": shapes.size("pos_embed.proj.weight", 1),
        "num_layers": shapes.count("transformer_blocks.{}.attn.to_q.weight"),
        "attention_head_dim": HEAD,
        "num_attention_heads": width // HEAD,
        "joint_attention_dim": shapes.size("context_embedder.weight", 1),
        "caption_projection_dim": shapes.size("context_embedder.weight"),
        "pooled_projection_dim": shapes.size("time_text_embed.text_embedder.linear_1.weight", 1),
        "pos_embed_max_size": round(shapes.size("pos_embed.pos_embed", 1) ** 0.5),
        "qk_norm": "rms_norm" if "transformer_blocks.0.attn.norm_q.weight" in shapes else None,
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
