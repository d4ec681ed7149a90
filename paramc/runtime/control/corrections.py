"""ControlNets that a file holds as corrections to the model beside it: of low rank (control-LoRA), or whole."""

from collections.abc import Iterator
from typing import Final

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.control.layout import ORIGINAL, control_place, hint_widths
from paramc.runtime.control.words import words
from paramc.runtime.models.names import unet_modules
from paramc.runtime.models.shapes import Shapes
from paramc.runtime.models.tensors import Tensors

LOW_RANK: Final = "lora_controlnet"  # a tensor that says nothing but this
WHOLE: Final = "difference"
UP: Final = "up"
DOWN: Final = "down"


def is_correction(header: Header) -> bool:
    """Whether a file holds such a net."""
    return LOW_RANK in header.tensors or WHOLE in header.tensors


def load_correction(file: Tensors, unet: UNet2DConditionModel, *, dtype: torch.dtype, device: str) -> ControlNetModel:
    """The net of an open file on the weights of a model, on which nothing else is laid.

    Raises ModelError where the two do not go together (PC526).
    """
    net = _empty(file.header, unet)
    wanted = net.state_dict()
    weights = {name: weight for name, weight in unet.state_dict().items() if name in wanted}
    for name, tensor, adds in _corrections(file, unet):
        if name in wanted:
            shape = wanted[name].shape
            if tensor.numel() != shape.numel():
                found, fitting = (" × ".join(map(str, size)) for size in (tensor.shape, shape))
                raise ModelError(diagnose("PC526", name=name, found=found, wanted=fitting))
            tensor = tensor.reshape(shape)
            weights[name] = weights[name].to(tensor) + tensor if adds and name in weights else tensor
    missing = sorted(wanted.keys() - weights.keys())
    if missing:
        path, part = file.header.path, "ControlNet"
        raise ModelError(diagnose("PC527", file=path, part=part, name=missing[0], count=len(missing)))
    net.load_state_dict({name: weight.to(device, dtype, copy=True) for name, weight in weights.items()}, assign=True)
    net.requires_grad_(False).eval()
    return net


def _empty(header: Header, unet: UNet2DConditionModel) -> ControlNetModel:
    shapes = Shapes({name.removeprefix(ORIGINAL): info.shape for name, info in header.tensors.items()})
    with torch.device("meta"):
        net: ControlNetModel = ControlNetModel.from_unet(
            unet,
            conditioning_embedding_out_channels=hint_widths(shapes),
            load_weights_from_unet=False,
            conditioning_channels=shapes.size("input_hint_block.0.weight", 1),
        )
    return net


def _corrections(file: Tensors, unet: UNet2DConditionModel) -> Iterator[tuple[str, Tensor, bool]]:
    """For each weight of the net that the file says something of: that, and whether it is added to the model's."""
    attends = tuple("CrossAttn" in kind for kind in unet.config["down_block_types"])
    modules = {**unet_modules(attends), **words("hint")}
    whole = WHOLE in file.header.tensors
    for name in file.header.tensors:
        module, _, leaf = name.removeprefix(ORIGINAL).rpartition(".")
        place = control_place(f"{module}.{'weight' if leaf == UP else leaf}", modules)
        if place is None or leaf == DOWN:
            continue
        if leaf == UP:
            yield place.name, _product(file, name), True
        else:
            yield place.name, file.read(name).float(), whole


def _product(file: Tensors, name: str) -> Tensor:
    """The two factors multiplied. Raises ModelError where one is missing, or they do not go together (PC521)."""
    other = name.removesuffix(UP) + DOWN
    up, down = file.header.shape(name) or (), file.header.shape(other) or ()
    if len(down) < 2 or up[1:2] != down[:1]:
        reason = f"`{name}` and `{other}` do not go together"
        raise ModelError(diagnose("PC521", file=file.header.path, reason=reason))
    return file.read(name).float().flatten(1) @ file.read(other).float().flatten(1)
