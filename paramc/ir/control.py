"""Pictures and patches that steer the model."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from paramc.ir.assets import AssetRef, Hash, ImageRef
from paramc.ir.base import Model, trusted
from paramc.ir.extensions import Extension
from paramc.ir.ranges import COUNT, FACTOR, FRACTION, POSITIVE, within


class ControlNet(Model):
    """One unit, numbered from 0. `start` and `end` are fractions of the steps; `options` are what else it says."""

    kind: Literal["controlnet"] = "controlnet"
    unit: Annotated[int, COUNT] = 0
    model: AssetRef | None = None
    preprocessor: str = "none"
    image: ImageRef = trusted(ImageRef)()
    weight: float = 1.0
    start: Annotated[float, FRACTION] = 0.0
    end: Annotated[float, FRACTION] = 1.0
    resize: Literal["stretch", "crop", "pad"] = "crop"
    priority: Literal["balanced", "prompt", "control"] = "balanced"
    passes: Literal["both", "first", "second"] = "both"
    pixel_perfect: bool = False
    resolution: int | None = None  # of the preprocessor, pixels
    threshold_a: float | None = None
    threshold_b: float | None = None
    options: tuple[tuple[str, str], ...] = ()


Control: TypeAlias = ControlNet


class TokenMerging(Model):
    """ToMe: similar tokens share their attention. Ratios in [0, 0.9]; `hires` None = as `ratio`."""

    kind: Literal["token_merging"] = "token_merging"
    ratio: Annotated[float, FRACTION] = 0.0
    hires: Annotated[float | None, FRACTION] = None


class Tiling(Model):
    """Convolutions wrap around, so that the picture tiles."""

    kind: Literal["tiling"] = "tiling"


class Hypernetwork(Model):
    """A hypernetwork named outside the prompt, as in 2022."""

    kind: Literal["hypernetwork"] = "hypernetwork"
    name: str
    strength: float = 1.0
    hashes: tuple[Hash, ...] = ()


class ExtraNetwork(Model):
    """A network that is switched on outside the prompt; `unit` orders them, from 1."""

    kind: Literal["extra_network"] = "extra_network"
    unit: Annotated[int, POSITIVE] = 1
    network: str = "lora"
    model: AssetRef = trusted(AssetRef)()
    unet: float = 1.0  # multiplier for the diffusion model
    text_encoder: float = 1.0


class HyperTile(Model):
    """Attention in tiles: `unet` in the first pass, `unet_hires` in the second, `vae` in the decoder."""

    kind: Literal["hypertile"] = "hypertile"
    unet: bool = False
    unet_hires: bool = False
    unet_depth: Annotated[int, within(0, 3)] = 3  # deepest level of the model, 0 to 3
    unet_tile: Annotated[int, POSITIVE] = 256  # pixels
    unet_swap: Annotated[int, POSITIVE] = 3  # candidates that the size is drawn from
    vae: bool = False
    vae_depth: Annotated[int, within(0, 3)] = 3
    vae_tile: Annotated[int, POSITIVE] = 128
    vae_swap: Annotated[int, POSITIVE] = 3


class FreeU(Model):
    """The model's two deepest levels of the way up: backbone strengthened, what skips over damped.

    `b1` and `b2` multiply half of the backbone's channels, `s1` and `s2` the low frequencies of the skips; 1 changes
    nothing. `start` and `end` are fractions of the model's time.
    """

    kind: Literal["free_u"] = "free_u"
    b1: float = 1.01
    b2: float = 1.02
    s1: float = 0.99
    s2: float = 0.95
    version: Annotated[int | None, within(1, 2)] = None  # of the method; None: the program's only one
    start: Annotated[float, FRACTION] = 0.0
    end: Annotated[float, FRACTION] = 1.0


class SelfAttentionGuidance(Model):
    """A second guidance, away from the picture with blurred places that attention looks at most (SAG)."""

    kind: Literal["self_attention_guidance"] = "self_attention_guidance"
    scale: float = 0.5
    blur_sigma: Annotated[float, COUNT] = 2.0  # of the Gaussian, latent cells
    threshold: Annotated[float, COUNT] = 1.0  # of attention, above it a place is blurred


class PerturbedAttention(Model):
    """A second guidance, away from what the model paints without self-attention in the middle (PAG)."""

    kind: Literal["perturbed_attention"] = "perturbed_attention"
    scale: float = 3.0
    attenuation: float = 0.0  # of the scale over the model's time
    start: Annotated[float, FRACTION] = 0.0  # fractions of the model's time
    end: Annotated[float, FRACTION] = 1.0


class DeepShrink(Model):
    """Features made smaller in the first steps, so that large pictures keep one composition (Kohya's HR fix)."""

    kind: Literal["deep_shrink"] = "deep_shrink"
    block_number: Annotated[int, POSITIVE] = 3  # of the way down
    downscale_factor: Annotated[float, FACTOR] = 2.0
    start_percent: Annotated[float, FRACTION] = 0.0  # fractions of the model's time
    end_percent: Annotated[float, FRACTION] = 0.35
    downscale_after_skip: bool = True
    downscale_method: str = "bicubic"
    upscale_method: str = "bicubic"


class Reference(Model):
    """A picture that a model for editing looks at while it paints; `unit` orders them, from 1."""

    kind: Literal["reference"] = "reference"
    unit: Annotated[int, POSITIVE] = 1
    image: ImageRef = trusted(ImageRef)()


class PromptArea(Model):
    """Where one of the prompts between ANDs counts; where several do, they are averaged by their strengths (ComfyUI).

    `branch` is the prompt's number, from 0; a prompt without an area counts everywhere. Corner and sides are pixels, or
    shares of the picture; without sides it is the whole picture.
    """

    kind: Literal["prompt_area"] = "prompt_area"
    branch: Annotated[int, COUNT] = 0
    strength: Annotated[float, COUNT] = 1.0
    unit: Literal["pixels", "share"] = "pixels"
    x: Annotated[float, COUNT] = 0.0
    y: Annotated[float, COUNT] = 0.0
    width: Annotated[float | None, COUNT] = None
    height: Annotated[float | None, COUNT] = None
    mask: ImageRef | None = None
    mask_channel: Literal["red", "green", "blue", "alpha"] = "red"  # alpha: where the picture is transparent
    inverts_mask: bool = False
    mask_strength: Annotated[float, COUNT] = 1.0
    fits_mask: bool = False  # the area is the smallest rectangle around the mask


class OpaquePatch(Model):
    """An extension that paramc knows by name only: its fields as written, in order."""

    kind: Literal["opaque"] = "opaque"
    name: str
    fields: tuple[tuple[str, str], ...] = ()


Patch: TypeAlias = Annotated[
    TokenMerging
    | Tiling
    | Hypernetwork
    | ExtraNetwork
    | HyperTile
    | FreeU
    | SelfAttentionGuidance
    | PerturbedAttention
    | DeepShrink
    | Reference
    | PromptArea
    | Extension
    | OpaquePatch,
    Field(discriminator="kind"),
]
