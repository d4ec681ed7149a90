"""Pictures and patches that steer the model."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.base import Model


class ControlNet(Model):
    """One unit. `start` and `end` are fractions of the steps; `family` tells adapters from control nets."""

    kind: Literal["controlnet"] = "controlnet"
    unit: int = 0
    family: Literal["controlnet", "t2i_adapter", "ip_adapter", "reference"] = "controlnet"
    model: AssetRef | None = None
    preprocessor: str = "none"
    image: ImageRef = ImageRef()
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    resize: Literal["stretch", "crop", "pad"] = "crop"
    priority: Literal["balanced", "prompt", "control"] = "balanced"
    passes: Literal["both", "first", "second"] = "both"
    pixel_perfect: bool = False
    resolution: int | None = None
    threshold_a: float | None = None
    threshold_b: float | None = None
    options: tuple[tuple[str, str], ...] = ()


Control: TypeAlias = ControlNet


class TokenMerging(Model):
    """ToMe: similar tokens share their attention. Ratios in [0, 0.9]; `hires` None = as `ratio`."""

    kind: Literal["token_merging"] = "token_merging"
    ratio: float = 0.0
    hires: float | None = None


class Tiling(Model):
    """Convolutions wrap around, so that the picture tiles."""

    kind: Literal["tiling"] = "tiling"


class Hypernetwork(Model):
    """A hypernetwork named outside the prompt, as in 2022."""

    kind: Literal["hypernetwork"] = "hypernetwork"
    name: str
    strength: float = 1.0


class HyperTile(Model):
    """Attention in tiles, for one part of the model."""

    kind: Literal["hypertile"] = "hypertile"
    part: Literal["unet", "unet_hires", "vae"] = "unet"
    max_depth: int = 3
    max_tile: int = 256
    swap: int = 3


class OpaquePatch(Model):
    """An extension that paramc knows by name only: its fields as written, in order."""

    kind: Literal["opaque"] = "opaque"
    name: str
    fields: tuple[tuple[str, str], ...] = ()


Patch: TypeAlias = Annotated[TokenMerging | Tiling | Hypernetwork | HyperTile | OpaquePatch, Field(discriminator="kind")]
