"""Where prompts count: nodes that lay a rectangle, a mask or a weight over a conditioning."""

from collections.abc import Sequence
from typing import Final

from paramc.backends.graph.builder import Socket
from paramc.backends.graph.context import Context, picture_name
from paramc.ir.control import PromptArea
from paramc.passes.defaults import DEFAULT_SIZE

CELL: Final = 8  # pixels of a latent's cell, each way
LEAST: Final = 64  # pixels of a side that a node takes
STRONGEST: Final = 10.0


def placed(
    context: Context, sockets: Sequence[Socket], weights: Sequence[float], areas: Sequence[PromptArea | None]
) -> list[Socket]:
    """Each conditioning in its place. The weights count by what they are beside one another."""
    even = len(weights) / sum(weights)
    strengths = [weight * even * _strength(area) for weight, area in zip(weights, areas, strict=True)]
    scale = min(1.0, STRONGEST / (max(strengths) or 1.0))
    parts = zip(sockets, strengths, areas, strict=True)
    return [_placed(context, socket, short(strength * scale), area) for socket, strength, area in parts]


def _strength(area: PromptArea | None) -> float:
    """How much a prompt counts where it does; what its mask weighs more than a node takes counts everywhere there."""
    return area.strength * max(area.mask_strength / STRONGEST, 1.0) if area else 1.0


def _placed(context: Context, socket: Socket, strength: float, area: PromptArea | None) -> Socket:
    add = context.graph.add
    if area and area.width is not None and area.height is not None:
        role, sides = _rectangle(context, area)
        socket = add(role, strength=strength, **sides, conditioning=socket)["conditioning"]
    elif strength != 1 or (area and area.mask is None):
        socket = add("strength", strength=strength, conditioning=socket)["conditioning"]
    if area and area.mask is not None:
        mask = add("load_area", file=picture_name(context, "mask", area.mask), channel=area.mask_channel)
        if area.inverts_mask:
            mask = add("invert_mask", **mask)
        on_mask = min(area.mask_strength, STRONGEST)
        fits = context.word("areas", "mask" if area.fits_mask else "whole")
        socket = add("area_mask", strength=on_mask, fits=fits, conditioning=socket, **mask)["conditioning"]
    return socket


def _rectangle(context: Context, area: PromptArea) -> tuple[str, dict[str, int | float]]:
    """The node of a rectangle and its sides; one smaller than a node of pixels takes is said in shares."""
    sides = {"x": area.x, "y": area.y, "width": area.width or 0.0, "height": area.height or 0.0}
    if area.unit == "share":
        return "area_share", dict(sides)
    if min(sides["width"], sides["height"]) >= LEAST:
        return "area", {name: int(side) for name, side in sides.items()}
    wide, high = (max(side // CELL, 1) for side in context.job.size or DEFAULT_SIZE)
    whole = {"x": wide, "y": high, "width": wide, "height": high}
    return "area_share", {name: side // CELL / whole[name] for name, side in sides.items()}


def short(number: float) -> float:
    """A number without the last digits, in which sums are off."""
    return float(f"{number:.10g}")
