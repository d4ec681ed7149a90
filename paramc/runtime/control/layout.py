"""The layout of ControlNets for UNets in the files of their authors."""

from collections.abc import Mapping
from typing import Final

from paramc.runtime.models.names import Place, unet_name
from paramc.runtime.models.shapes import Shapes

ORIGINAL: Final = "control_model."
HINT_SIZES: Final = (0, 4, 8, 12)  # blocks of the hint's own encoder that widen it


def hint_widths(shapes: Shapes) -> tuple[int, ...]:
    """The channels of the hint's own encoder, level by level."""
    return tuple(shapes.size(f"input_hint_block.{block}.weight") for block in HINT_SIZES)


def control_place(name: str, modules: Mapping[str, str]) -> Place | None:
    """The place of a tensor; `modules`: those of the UNet's encoder and the hint's, with diffusers' names."""
    match name.split("."):
        case ["zero_convs", number, "0", leaf]:
            return Place(f"controlnet_down_blocks.{number}.{leaf}")
        case _:
            return unet_name(name, modules)
