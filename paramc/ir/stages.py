"""What happens beside the first sampling pass: tasks, hires, refiner, further passes, detailers, post-processing."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.base import Model, trusted
from paramc.ir.control import ControlNet
from paramc.ir.geometry import Sides
from paramc.ir.prompt import Prompt
from paramc.ir.ranges import (
    COUNT,
    DERIVED_SIDES,
    FACTOR,
    FRACTION,
    GUIDANCE,
    LAYER,
    POSITIVE,
    SEED,
    SIDES,
    STEPS,
    within,
)


class TextToImage(Model):
    """Sampling starts from noise alone."""

    kind: Literal["text_to_image"] = "text_to_image"


class ImageToImage(Model):
    """Sampling starts from a picture with noise on it."""

    kind: Literal["image_to_image"] = "image_to_image"
    init: ImageRef = trusted(ImageRef)()
    strength: Annotated[float | None, FRACTION] = None  # [0, 1]; None only before `upgrade`
    exact_steps: bool = False  # as many steps are run as asked for, of a longer schedule
    resize: Literal["stretch", "crop", "pad", "latent"] = "stretch"


class SoftInpainting(Model):
    """A1111's soft inpainting; defaults are the UI's.

    Bias and preservation in [0, 8], boost in [1, 32], influence in [0, 1], threshold and contrast in [0, 8].
    """

    schedule_bias: Annotated[float, within(0, 8)] = 1.0
    preservation_strength: Annotated[float, within(0, 8)] = 0.5
    transition_contrast_boost: Annotated[float, within(1, 32)] = 4.0
    mask_influence: Annotated[float, FRACTION] = 0.0
    difference_threshold: Annotated[float, within(0, 8)] = 0.5
    difference_contrast: Annotated[float, within(0, 8)] = 2.0


class Inpaint(Model):
    """Only what a mask shows is painted anew."""

    kind: Literal["inpaint"] = "inpaint"
    init: ImageRef = trusted(ImageRef)()
    strength: Annotated[float | None, FRACTION] = None  # as above
    exact_steps: bool = False  # as above
    resize: Literal["stretch", "crop", "pad", "latent"] = "stretch"
    mask: ImageRef = trusted(ImageRef)()
    mask_blur: Annotated[float, COUNT] = 4.0  # Gaussian sigma, pixels
    inverts_mask: bool = False
    fill: Literal["original", "fill", "latent_noise", "latent_nothing"] = "original"
    area: Literal["whole", "masked"] = "whole"
    padding: Annotated[int, COUNT] = 32  # pixels around the masked area
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
    scale: Annotated[float | None, FACTOR] = None
    size: Annotated[Sides | None, DERIVED_SIDES] = None  # instead of `scale`; a side of 0 is derived
    resampling: str | None = None  # what brings a picture to its size behind a model; None = Lanczos
    steps: Annotated[int | None, within(0, 10_000)] = None
    strength: Annotated[float | None, FRACTION] = None
    sampler: str | None = None
    schedule: str | None = None
    cfg_scale: Annotated[float | None, GUIDANCE] = None
    distilled_cfg_scale: Annotated[float | None, GUIDANCE] = None
    seed: Annotated[int | None, SEED] = None
    prompt: Prompt | None = None
    negative: Prompt | None = None
    checkpoint: AssetRef | None = None
    modules: tuple[AssetRef, ...] | None = None


class Refiner(Model):
    """A second checkpoint takes over at `switch_at`, a fraction of the model's timesteps or of the steps."""

    kind: Literal["refiner"] = "refiner"
    checkpoint: AssetRef = trusted(AssetRef)()
    switch_at: Annotated[float, within(above=0, most=1)] = 0.8  # (0, 1]
    counts_steps: bool = False
    passes: Literal["first", "second", "both"] = "second"
    seed: Annotated[int | None, SEED] = None  # of the noise of its steps; None = the first pass's


class Further(Model):
    """One more pass, behind those that the other stages are. None = as in the first pass.

    Of its schedule the steps [first_step, last_step) are run. One that adds no noise goes on where another stops. One
    that is `steered` begins with noise of its own, and takes what is there so far beside its texts.
    """

    kind: Literal["further"] = "further"
    steered: bool = False
    upscaler: str | None = None  # canonical id (ir/names.py), or `model:LABEL`; None = not enlarged
    scale: Annotated[float | None, FACTOR] = None
    size: Annotated[Sides | None, DERIVED_SIDES] = None  # instead of `scale`; without both as large as a model makes it
    resampling: str | None = None  # as in Hires
    adds_noise: bool = True
    steps: Annotated[int | None, within(0, 10_000)] = None
    first_step: Annotated[int, COUNT] = 0
    last_step: Annotated[int | None, COUNT] = None  # None = to the end
    leaves_noise: bool = False  # as in Sampling
    strength: Annotated[float | None, FRACTION] = None  # None = all steps
    sampler: str | None = None
    schedule: str | None = None
    cfg_scale: Annotated[float | None, GUIDANCE] = None
    seed: Annotated[int | None, SEED] = None
    prompt: Prompt | None = None
    negative: Prompt | None = None
    checkpoint: AssetRef | None = None


class Detailer(Model):
    """Found regions (faces, hands) are inpainted one by one. None = as in the main pass.

    In the prompts `[SEP]` separates regions, `[SKIP]` leaves one alone, `[PROMPT]` stands for the main prompt.
    """

    kind: Literal["detailer"] = "detailer"
    model: str = ""
    classes: str = ""  # of an open-vocabulary detector
    prompt: str = ""  # empty: the main prompt
    negative: str = ""
    confidence: Annotated[float, FRACTION] = 0.3  # [0, 1], below it a region is left out
    top: Annotated[int, COUNT] = 0  # only so many regions; 0 = all
    top_by: Literal["area", "confidence"] = "area"
    min_ratio: Annotated[float, FRACTION] = 0.0  # of the region to the picture, [0, 1]
    max_ratio: Annotated[float, FRACTION] = 1.0
    x_offset: int = 0  # pixels
    y_offset: int = 0
    dilation: int = 4  # pixels; negative erodes
    merge: Literal["none", "merge", "merge_invert"] = "none"
    mask_blur: Annotated[float, COUNT] = 4.0  # Gaussian sigma, pixels
    strength: Annotated[float, FRACTION] = 0.4  # [0, 1]
    only_masked: bool = True
    padding: Annotated[int, COUNT] = 32  # pixels
    width: Annotated[int | None, SIDES] = None  # of the inpainted region, pixels
    height: Annotated[int | None, SIDES] = None
    steps: Annotated[int | None, STEPS] = None
    cfg_scale: Annotated[float | None, GUIDANCE] = None
    checkpoint: AssetRef | None = None
    vae: AssetRef | None = None
    sampler: str | None = None
    schedule: str | None = None
    noise_multiplier: Annotated[float | None, COUNT] = None
    layer: Annotated[int | None, LAYER] = None  # as in Text
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
    scale: Annotated[float | None, FACTOR] = None
    size: Annotated[Sides | None, COUNT] = None  # instead of `scale`
    crop_to: Annotated[Sides | None, COUNT] = None
    longest_side: Annotated[int | None, POSITIVE] = None  # pixels
    gfpgan: Annotated[float | None, FRACTION] = None  # visibility of mended faces, [0, 1]
    codeformer: Annotated[float | None, FRACTION] = None
    codeformer_weight: Annotated[float | None, FRACTION] = None  # [0, 1], 0 = strongest


Stage: TypeAlias = Annotated[
    Hires | Refiner | Detailer | FaceRestore | PostUpscale | Further, Field(discriminator="kind")
]
