"""T2I-Adapters out of their files, in the layout of their authors or in that of diffusers."""

from typing import Final, cast

import torch
from diffusers.models.adapter import T2IAdapter

from paramc.runtime.catalogue.header import Header
from paramc.runtime.control.families import require_base
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.names import Place
from paramc.runtime.models.shapes import Config, Shapes
from paramc.runtime.models.tensors import Tensors

INSIDE: Final = "adapter."  # what diffusers puts before every name
CELL: Final = 8  # pixels that adapters of SD1 take together, each way
LARGE_CELL: Final = 16  # those of SDXL
DEPTH: Final = 2  # layers of a level in the authors' numbering


def is_adapter(header: Header) -> bool:
    """Whether a file holds a T2I-Adapter."""
    shapes = _shapes(header)
    return "conv_in.weight" in shapes and any(name.startswith("body.0.") for name in shapes.names)


def load_adapter(file: Tensors, base: str, *, dtype: torch.dtype, device: str) -> T2IAdapter:
    """The adapter of an open file, for a model of `base`.

    Raises ModelError for one of another family (PC587), or that lacks a part.
    """
    path, shapes = file.header.path, _shapes(file.header)
    config = _config(shapes)
    require_base(path, "sdxl" if config["adapter_type"] == "full_adapter_xl" else "sd1", base)
    with torch.device("meta"):
        model = cast(T2IAdapter, T2IAdapter.from_config(dict(config)))
    wanted = model.state_dict().keys()
    places = {name: (place,) for name in file.header.tensors if (place := _place(name)).name in wanted}
    blueprint = Blueprint("T2I-Adapter", model, places, dtype)
    fill([blueprint], file)
    blueprint.finish(path, device)
    return model


def _shapes(header: Header) -> Shapes:
    """The shapes under the names that diffusers gives."""
    return Shapes({_place(name).name.removeprefix(INSIDE): info.shape for name, info in header.tensors.items()})


def _place(name: str) -> Place:
    """The place of a tensor; the authors number the layers of all levels in a row."""
    bare = name.removeprefix(INSIDE)
    match bare.split("."):
        case ["body", number, "in_conv", leaf]:
            level = number if name.startswith(INSIDE) else int(number) // DEPTH
            return Place(f"{INSIDE}body.{level}.in_conv.{leaf}")
        case ["body", number, "block1" | "block2" as block, leaf]:
            level, layer = divmod(int(number), DEPTH)
            return Place(f"{INSIDE}body.{level}.resnets.{layer}.{block}.{leaf}")
        case _:
            return Place(INSIDE + bare)


def _config(shapes: Shapes) -> Config:
    levels = shapes.count("body.{}.resnets.0.block1.weight")
    inputs = shapes.size("conv_in.weight", 1)
    is_large = inputs % LARGE_CELL**2 == 0
    cell = LARGE_CELL if is_large else CELL
    return {
        "in_channels": inputs // cell**2,
        "channels": tuple(shapes.size(f"body.{level}.resnets.0.block1.weight") for level in range(levels)),
        "num_res_blocks": shapes.count("body.0.resnets.{}.block1.weight"),
        "downscale_factor": cell,
        "adapter_type": "full_adapter_xl" if is_large else "full_adapter",
    }
