"""Extensions of the A1111 family that change the sampling, with their settings taken apart.

Texts without a meaning of their own to paramc (names of methods, ratios of regions) are as the extension spells them.
"""

from typing import Annotated, Literal, TypeAlias

from paramc.ir.base import Model
from paramc.ir.ranges import COUNT, FACTOR, FRACTION, GUIDANCE, POSITIVE

Course: TypeAlias = Literal[
    "constant",
    "linear_down",
    "half_cosine_down",
    "cosine_down",
    "power_down",
    "linear_up",
    "half_cosine_up",
    "cosine_up",
    "power_up",
    "linear_repeating",
    "cosine_repeating",
    "sawtooth",
]
Options: TypeAlias = tuple[tuple[str, str], ...]  # what else a value says: (name, JSON)


class DynamicThresholding(Model):
    """Strong guidance, held to the range of values that a weaker one gives.

    `mimic_mode` and `cfg_mode` are the courses of the two guidances over the steps, down to their minimum.
    """

    kind: Literal["dynamic_thresholding"] = "dynamic_thresholding"
    mimic_scale: Annotated[float, GUIDANCE] = 7.0
    percentile: Annotated[float, FRACTION] = 1.0  # of the values that are left as they are, [0, 1]
    mimic_mode: Course = "constant"
    mimic_minimum: Annotated[float, GUIDANCE] = 0.0
    cfg_mode: Course = "constant"
    cfg_minimum: Annotated[float, GUIDANCE] = 0.0
    course_value: float | None = None  # exponent or number of repeats, of the courses that have one
    separate_channels: bool = True
    start: Literal["mean", "zero"] = "mean"  # what values are scaled around
    variability: Literal["absolute", "deviation"] = "absolute"
    interpolation: Annotated[float, FRACTION] = 1.0  # share of the thresholded values, [0, 1]


class LatentModifier(Model):
    """Forge's changes of the latent between the steps; 0 leaves each of them out."""

    kind: Literal["latent_modifier"] = "latent_modifier"
    sharpness_multiplier: float = 0.0
    sharpness_method: str | None = None
    tonemap_multiplier: float = 0.0
    tonemap_method: str | None = None
    tonemap_percentile: float = 100.0
    contrast_multiplier: float = 0.0
    combat_method: str | None = None
    combat_cfg_drift: float = 0.0
    rescale_cfg_phi: float = 0.0
    extra_noise_type: str | None = None
    extra_noise_method: str | None = None
    extra_noise_multiplier: float = 0.0
    extra_noise_lowpass: float = 100.0
    divisive_norm_size: float = 127.0
    divisive_norm_multiplier: float = 0.0
    spectral_mod_mode: str | None = None
    spectral_mod_percentile: float = 5.0
    spectral_mod_multiplier: float = 0.0
    affect_uncond: str | None = None
    dyn_cfg_augmentation: str | None = None


class TiledRegion(Model):
    """A rectangle with a prompt of its own; its sides and corner are fractions of the picture."""

    enabled: bool = True
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    prompt: str = ""
    negative: str = ""
    blend: Literal["foreground", "background"] | None = None
    feather: Annotated[float | None, FRACTION] = None  # of a foreground's border
    seed: int | None = None


class TiledDiffusion(Model):
    """The latent sampled in tiles that overlap, and regions with prompts of their own.

    Tiles are counted as the program does: in latent cells by the extension, in its own unit by Forge.
    """

    kind: Literal["tiled_diffusion"] = "tiled_diffusion"
    method: Literal["multidiffusion", "mixture", "demofusion"] | None = None
    tile_width: Annotated[int | None, POSITIVE] = None
    tile_height: Annotated[int | None, POSITIVE] = None
    overlap: Annotated[int | None, COUNT] = None
    batch: Annotated[int | None, POSITIVE] = None  # tiles at once
    upscaler: str | None = None  # of the start picture; as in Hires
    scale: Annotated[float | None, FACTOR] = None
    keeps_input_size: bool | None = None
    inverts_noise: bool | None = None  # the start picture's own noise is found first
    inversion_steps: Annotated[int | None, COUNT] = None
    inversion_retouch: float | None = None
    inversion_strength: Annotated[float | None, FRACTION] = None
    inversion_kernel: Annotated[int | None, COUNT] = None
    regions: tuple[TiledRegion, ...] = ()
    options: Options = ()


class RegionalPrompter(Model):
    """Parts of the prompt for parts of the picture. Ratios are as written: `,` between columns, `;` between rows."""

    kind: Literal["regional_prompter"] = "regional_prompter"
    mode: Literal["matrix", "mask", "prompt"] = "matrix"
    matrix: Literal["columns", "rows", "random"] | None = None  # how a matrix is cut first
    mask: str | None = None
    prompt: str | None = None  # how regions are found by words
    calculation: Literal["attention", "latent"] = "attention"
    ratios: str = ""
    base_ratios: str = ""
    uses_base: bool = False
    uses_common: bool = False
    uses_negative_common: bool = False
    options: str | None = None
    negative_text_ratios: str | None = None  # of networks outside their region
    negative_unet_ratios: str | None = None
    threshold: str | None = None  # of regions found by words; one for each
    network_stop: Annotated[int | None, COUNT] = None  # step from which networks act everywhere
    network_stop_hires: Annotated[int | None, COUNT] = None
    flips: bool = False
    splits_at_and: bool = False


Extension: TypeAlias = DynamicThresholding | LatentModifier | TiledDiffusion | RegionalPrompter
