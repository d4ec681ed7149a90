"""What happens beside the first sampling pass: tasks, hires, refiner, detailers, post-processing."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.base import Model
from paramc.ir.geometry import Size
from paramc.ir.prompt import Prompt


class TextToImage(Model):
    """Sampling starts from noise alone."""

    kind: Literal["text_to_image"] = "text_to_image"


class ImageToImage(Model):
    """Sampling starts from a picture with noise on it."""

    kind: Literal["image_to_image"] = "image_to_image"
    init: ImageRef = ImageRef()
    strength: float = 0.75  # [0, 1]
    resize: Literal["stretch", "crop", "pad", "latent"] = "stretch"


class SoftInpainting(Model):
    """A1111's soft inpainting; defaults are the UI's."""

    schedule_bias: float = 1.0
    preservation_strength: float = 0.5
    transition_contrast_boost: float = 4.0
    mask_influence: float = 0.0
    difference_threshold: float = 0.5
    difference_contrast: float = 2.0


class Inpaint(Model):
    """Only what a mask shows is painted anew."""

    kind: Literal["inpaint"] = "inpaint"
    init: ImageRef = ImageRef()
    strength: float = 0.75
    resize: Literal["stretch", "crop", "pad", "latent"] = "stretch"
    mask: ImageRef = ImageRef()
    mask_blur: float = 4.0  # Gaussian sigma, pixels
    inverts_mask: bool = False
    fill: Literal["original", "fill", "latent_noise", "latent_nothing"] = "original"
    area: Literal["whole", "masked"] = "whole"
    padding: int = 32  # pixels around the masked area
    mask_weight: float = 1.0  # conditioning of inpainting checkpoints, [0, 1]
    soft: SoftInpainting | None = None


class Enlarge(Model):
    """No sampling at all: a finished picture is enlarged or mended."""

    kind: Literal["enlarge"] = "enlarge"
    init: ImageRef = ImageRef()


Task: TypeAlias = Annotated[TextToImage | ImageToImage | Inpaint | Enlarge, Field(discriminator="kind")]


class Hires(Model):
    """A second pass over the enlarged first. None = as in the first pass."""

    kind: Literal["hires"] = "hires"
    upscaler: str = "latent:bilinear"  # canonical id (ir/names.py), or `model:LABEL`
    scale: float | None = None
    size: Size | None = None  # instead of `scale`; a side of 0 is derived
    steps: int | None = None
    strength: float | None = None
    sampler: str | None = None
    schedule: str | None = None
    cfg_scale: float | None = None
    distilled_cfg_scale: float | None = None
    prompt: Prompt | None = None
    negative: Prompt | None = None
    checkpoint: AssetRef | None = None
    modules: tuple[AssetRef, ...] | None = None
    token_merging: float | None = None


class Refiner(Model):
    """A second checkpoint takes over at `switch_at`, a fraction of the model's timesteps or of the steps."""

    kind: Literal["refiner"] = "refiner"
    checkpoint: AssetRef = AssetRef()
    switch_at: float = 0.8  # (0, 1]
    counts_steps: bool = False
    passes: Literal["first", "second", "both"] = "second"


class Detailer(Model):
    """Found regions (faces, hands) are inpainted one by one; `options` are the extension's further settings."""

    kind: Literal["detailer"] = "detailer"
    model: str = ""
    prompt: str = ""
    negative: str = ""
    confidence: float = 0.3
    strength: float = 0.4
    mask_blur: float = 4.0
    dilation: int = 4  # pixels; negative erodes
    only_masked: bool = True
    padding: int = 32
    options: tuple[tuple[str, str], ...] = ()


class FaceRestore(Model):
    """Faces mended on the finished picture."""

    kind: Literal["face_restore"] = "face_restore"
    model: str
    visibility: float = 1.0
    weight: float | None = None


class PostUpscale(Model):
    """The finished picture enlarged."""

    kind: Literal["post_upscale"] = "post_upscale"
    upscaler: str = ""
    second_upscaler: str | None = None
    scale: float | None = None
    size: Size | None = None
    crop_to: Size | None = None
    longest_side: int | None = None


Stage: TypeAlias = Annotated[Hires | Refiner | Detailer | FaceRestore | PostUpscale, Field(discriminator="kind")]
