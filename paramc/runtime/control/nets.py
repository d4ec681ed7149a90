"""What steers, out of its file: an adapter, or a ControlNet in the layout of its authors or in that of diffusers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias, cast

import torch
from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.control.adapters import is_adapter, load_adapter
from paramc.runtime.control.corrections import is_correction, load_correction
from paramc.runtime.control.families import require_base
from paramc.runtime.control.flow_image_prompts import FlowImageAdapter, flow_adapter_base, load_flow_image_adapter
from paramc.runtime.control.image_prompts import ImageAdapter, is_image_adapter, load_image_adapter
from paramc.runtime.control.layout import ORIGINAL, control_place, hint_widths
from paramc.runtime.control.transformer_nets import TransformerNet, load_transformer_net, net_base
from paramc.runtime.control.words import pooled_names, words
from paramc.runtime.models.bases import Base, bases
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.fitting import fitting
from paramc.runtime.models.names import Place, original_module, unet_modules
from paramc.runtime.models.own import GROUPS, own_groups
from paramc.runtime.models.shapes import Config, Shapes, attentions, unet_config
from paramc.runtime.models.tensors import open_tensors

UnetNet: TypeAlias = ControlNetModel | ControlNetUnionModel
Net: TypeAlias = UnetNet | T2IAdapter | ImageAdapter | FlowImageAdapter | TransformerNet
UNION: Final = "task_embedding"  # a tensor that nets for several kinds of control have
WORDS_IN: Final = (".attn2.to_k.weight", ".attn2.to_k.down")  # layers whose inputs are as wide as the words of texts
ENCODER_ONLY: Final = frozenset({"out_channels", "up_block_types"})  # settings of UNets that nets do without


def load_net(
    path: Path, base: str, *, dtype: torch.dtype, device: str, model: Callable[[], nn.Module] | None = None
) -> Net:
    """The net of a file, for a model of `base`; `model` gives that as its own file has it, to nets that are made on it.

    Raises ModelError for a file of another kind (PC588), for another family (PC587), or that lacks a part.
    """
    with open_tensors(path) as file, fitting(path):
        header = file.header
        if net_base(header):
            return load_transformer_net(file, base, dtype=dtype, device=device)
        if flow_adapter_base(header):
            return load_flow_image_adapter(file, base, dtype=dtype, device=device)
        _require_known(header)
        if is_adapter(header):
            return load_adapter(file, base, dtype=dtype, device=device)
        if is_image_adapter(header):
            return load_image_adapter(file, base, dtype=dtype, device=device)
        if model is not None and is_correction(header):
            _base(header, Shapes({name: info.shape for name, info in header.tensors.items()}), base)
            return load_correction(file, cast(UNet2DConditionModel, model()), dtype=dtype, device=device)
        shapes = _as_original(header)
        family = _base(header, shapes, base)
        model = _empty(header, shapes, family)
        blueprint = Blueprint("ControlNet", model, _places(header, shapes, model), dtype)
        fill([blueprint], file)
        blueprint.finish(path, device)
    return model


def _empty(header: Header, shapes: Shapes, base: Base) -> UnetNet:
    """A net without weights, for one kind of control or for several."""
    config = _config(header, shapes, base)
    with torch.device("meta"):
        if UNION not in header.tensors:
            return cast(ControlNetModel, ControlNetModel.from_config(dict(config)))
        own = Shapes({name: info.shape for name, info in header.tensors.items()})
        config |= {
            "num_control_type": own.size(UNION),
            "num_trans_channel": own.size(UNION, 1),
            "num_trans_layer": own.count("transformer_layes.{}.ln_1.weight"),
            "num_proj_channel": own.size("spatial_ch_projs.weight"),
        }
        return cast(ControlNetUnionModel, ControlNetUnionModel.from_config(dict(config)))


def lies_on_model(path: Path) -> bool:
    """Whether the net of a file is made of the weights of the model that it steers."""
    with open_tensors(path) as file:
        return is_correction(file.header)


def require_width(path: Path, net: UnetNet | T2IAdapter, model: nn.Module) -> None:
    """Raises ModelError (PC587) for a net that was made for a model of the same family, but of another width."""
    mine = net.config["channels" if isinstance(net, T2IAdapter) else "block_out_channels"][0]
    width = cast(UNet2DConditionModel, model).config["block_out_channels"][0]
    if mine != width:
        family, wanted = f"a model of {mine} channels", f"one of {width}"
        raise ModelError(diagnose("PC587", file=path, family=family, model=wanted))


def _require_known(header: Header) -> None:
    """Raises ModelError (PC588) for a kind that is known and not run."""
    other = next((kind for mark, kind in words("others").items() if any(mark in name for name in header.tensors)), None)
    if other is not None:
        raise ModelError(diagnose("PC588", file=header.path, found=other))


def _as_original(header: Header) -> Shapes:
    """The shapes under the names of the authors. Raises ModelError for a file that is no ControlNet."""
    plain = {name.removeprefix(ORIGINAL): info.shape for name, info in header.tensors.items()}
    if "input_hint_block.0.weight" in plain:
        return Shapes(plain)
    if "controlnet_cond_embedding.conv_in.weight" not in plain:
        raise ModelError(diagnose("PC588", file=header.path, found="no ControlNet"))
    attends = _attends(plain)
    return Shapes({_original(name, attends): shape for name, shape in plain.items()})


def _attends(shapes: Mapping[str, object]) -> tuple[bool, ...]:
    """The levels of a net in the layout of diffusers, True for those with attention."""
    levels = len({name.split(".")[1] for name in shapes if name.startswith("down_blocks.")})
    return tuple(f"down_blocks.{level}.attentions.0.norm.weight" in shapes for level in range(levels))


def _original(name: str, attends: tuple[bool, ...]) -> str:
    module, _, leaf = name.rpartition(".")
    hints = {known: word for word, known in words("hint").items()}
    return f"{hints.get(module) or original_module(module, attends) or module}.{leaf}"


def _base(header: Header, shapes: Shapes, wanted: str) -> Base:
    """The base that the net was made for. Raises ModelError where it is not the one that is wanted."""
    widths = {shape[1] for name, shape in shapes.all.items() if name.endswith(WORDS_IN)}
    found = next((row for row in bases().values() if widths & set(row.widths)), None)
    if found is None and GROUPS in header.metadata:  # of an own make, which its width shows when it is laid on a model
        return bases()[wanted]
    require_base(header.path, found.name if found else "", wanted)
    return bases()[wanted]


def _config(header: Header, shapes: Shapes, base: Base) -> Config:
    config = {key: value for key, value in unet_config(shapes, base).items() if key not in ENCODER_ONLY}
    return {
        **config,
        **own_groups(header),
        "conditioning_channels": shapes.size("input_hint_block.0.weight", 1),
        "conditioning_embedding_out_channels": hint_widths(shapes),
        "global_pool_conditions": any(name in header.path.stem.lower() for name in pooled_names()),
    }


def _places(header: Header, shapes: Shapes, model: UnetNet) -> dict[str, tuple[Place, ...]]:
    """Where each tensor of the file goes."""
    wanted = model.state_dict().keys()
    modules = {**unet_modules(attentions(shapes)), **words("hint")}
    places: dict[str, tuple[Place, ...]] = {}
    for name in header.tensors:
        bare = name.removeprefix(ORIGINAL)
        place = Place(bare) if bare in wanted else control_place(bare, modules)
        if place is not None and place.name in wanted:
            places[name] = (place,)
    return places
