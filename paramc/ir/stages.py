"""What happens beside the first sampling pass: tasks, hires, refiner, detailers, post-processing."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.base import Model, trusted
from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.ir.prompt import Prompt


class TextToImage(Model):
    """Sampling starts from noise alone."""

    kind: Literal["text_to_image"] = "text_to_image"


class ImageToImage(Model):
    """Sampling starts from a picture with noise on it."""

    kind: Literal["image_to_image"] = "image_to_image"
    init: ImageRef = trusted(ImageRef)()
    strength: float | None = None  # [0, 1]; None only before `upgrade`
    resize: Literal["stretch", "crop", "pad", "latent"] = "stretch"


class SoftInpainting(Model):
    """A1111's soft inpainting; defaults are the UI's.

    Bias and preservation in [0, 8], boost in [1, 32], influence in [0, 1], threshold and contrast in [0, 8].
    """

    schedule_bias: float = 1.0
    preservation_strength: float = 0.5
    transition_contrast_boost: float = 4.0
    mask_influence: float = 0.0
    difference_threshold: float = 0.5
    difference_contrast: float = 2.0


class Inpaint(Model):
    """Only what a mask shows is painted anew."""

    kind: Literal["inpaint"] = "inpaint"
    init: ImageRef = trusted(ImageRef)()
    strength: float | None = None  # as above
    resize: Literal["stretch", "crop", "pad", "latent"] = "stretch"
    mask: ImageRef = trusted(ImageRef)()
    mask_blur: float = 4.0  # Gaussian sigma, pixels
    inverts_mask: bool = False
    fill: Literal["original", "fill", "latent_noise", "latent_nothing"] = "original"
    area: Literal["whole", "masked"] = "whole"
    padding: int = 32  # pixels around the masked area
    soft: SoftInpainting | None = None


class Enlarge(Model):
    """No sampling at all: a finished picture is enlarged or mended."""

    kind: Literal["enlarge"] = "enlarge"
    init: ImageRef = trusted(ImageRef)()


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


class Refiner(Model):
    """A second checkpoint takes over at `switch_at`, a fraction of the model's timesteps or of the steps."""

    kind: Literal["refiner"] = "refiner"
    checkpoint: AssetRef = trusted(AssetRef)()
    switch_at: float = 0.8  # (0, 1]
    counts_steps: bool = False
    passes: Literal["first", "second", "both"] = "second"


class Detailer(Model):
    """Found regions (faces, hands) are inpainted one by one. None = as in the main pass.

    In the prompts `[SEP]` separates regions, `[SKIP]` leaves one alone, `[PROMPT]` stands for the main prompt.
    """

    kind: Literal["detailer"] = "detailer"
    model: str = ""
    classes: str = ""  # of an open-vocabulary detector
    prompt: str = ""  # empty: the main prompt
    negative: str = ""
    confidence: float = 0.3  # [0, 1], below it a region is left out
    top: int = 0  # only so many regions; 0 = all
    top_by: Literal["area", "confidence"] = "area"
    min_ratio: float = 0.0  # of the region to the picture, [0, 1]
    max_ratio: float = 1.0
    x_offset: int = 0  # pixels
    y_offset: int = 0
    dilation: int = 4  # pixels; negative erodes
    merge: Literal["none", "merge", "merge_invert"] = "none"
    mask_blur: float = 4.0  # Gaussian sigma, pixels
    strength: float = 0.4  # [0, 1]
    only_masked: bool = True
    padding: int = 32  # pixels
    width: int | None = None  # of the inpainted region, pixels
    height: int | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    checkpoint: AssetRef | None = None
    vae: AssetRef | None = None
    sampler: str | None = None
    schedule: str | None = None
    noise_multiplier: float | None = None
    layer: int | None = None  # as in Text
    restores_face: bool = False
    control: ControlNet | None = None
    version: str | None = None  # of the extension


class FaceRestore(Model):
    """Faces mended on the finished picture."""

    kind: Literal["face_restore"] = "face_restore"
    model: str


class PostUpscale(Model):
    """The finished picture enlarged and its faces mended, by programs that run after the sampling."""

    kind: Literal["post_upscale"] = "post_upscale"
    upscaler: str = "none"  # canonical id (ir/names.py), or `model:LABEL`
    second_upscaler: str | None = None
    scale: float | None = None
    size: Size | None = None  # instead of `scale`
    crop_to: Size | None = None
    longest_side: int | None = None  # pixels
    gfpgan: float | None = None  # visibility of mended faces, [0, 1]
    codeformer: float | None = None
    codeformer_weight: float | None = None  # [0, 1], 0 = strongest


Stage: TypeAlias = Annotated[Hires | Refiner | Detailer | FaceRestore | PostUpscale, Field(discriminator="kind")]
