"""The Plan: what must be computed, op by op, every constant explicit; three backends read it.

Single assignment, flat: an op names its inputs by the ids of earlier ops, `id` alone or `id.slot` where an op gives
several things. `because` are the paths of the Job that asked for the op.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.base import Model
from paramc.ir.control import ControlNet, Patch, PromptArea
from paramc.ir.geometry import Size
from paramc.ir.sampling import Variation
from paramc.ir.stages import Detailer, SoftInpainting


class Step(Model):
    """What every op has."""

    id: str
    because: tuple[str, ...] = ()


class LoadCheckpoint(Step):
    """One file with everything in it. Slots: model, clip, vae."""

    op: Literal["load_checkpoint"] = "load_checkpoint"
    asset: AssetRef


class LoadParts(Step):
    """A bare diffusion model with its encoders beside it, and a VAE among them. Slots: model, clip, vae."""

    op: Literal["load_parts"] = "load_parts"
    asset: AssetRef
    encoders: tuple[AssetRef, ...] = ()
    weight_dtype: str | None = None


class LoadVae(Step):
    """A VAE from a file of its own. Slot: vae."""

    op: Literal["load_vae"] = "load_vae"
    asset: AssetRef


class ApplyNetwork(Step):
    """A LoRA-like network laid over model and text encoder. Slots: model, clip.

    `blocks` are further factors, of the text encoders and of the model's blocks in order; None: nobody can read them.
    The model is changed for the steps [first_step, last_step) alone, counted from 0.
    """

    op: Literal["apply_network"] = "apply_network"
    model: str
    clip: str
    kind: str  # lora, hypernet, or a kind that only its UI knows
    asset: AssetRef
    model_strength: float
    clip_strength: float
    rank_limit: int | None = None
    blocks: tuple[float, ...] | None = ()
    first_step: int | None = None
    last_step: int | None = None


class PatchModel(Step):
    """The model changed for the whole run. Slot: model."""

    op: Literal["patch_model"] = "patch_model"
    model: str
    patch: Patch


class Run(Model):
    """A piece of text and its weight; `breaks` starts a new chunk of 75 tokens and has no text."""

    text: str
    weight: float = 1.0
    breaks: bool = False


class Variant(Model):
    """The text in force up to and including denoiser call `last_call` (from 0), and its weighted runs."""

    last_call: int
    text: str
    runs: tuple[Run, ...]


class Encode(Step):
    """Text to conditioning; several variants switch by step. Slot: conditioning.

    `layer` counts hidden states from the end. `switches` is true when the text changes while sampling. `manner` is the
    dialect whose reading of texts is followed, `backtrack` the tokens that may move behind a comma at a chunk's end.
    """

    op: Literal["encode"] = "encode"
    clip: str
    variants: tuple[Variant, ...]
    layer: int
    emphasis: str
    negative: bool = False
    manner: str = "a1111"
    backtrack: int = 20
    embeddings: tuple[AssetRef, ...] = ()

    @property
    def switches(self) -> bool:
        """Whether the text changes while sampling."""
        return len(self.variants) > 1


class Combine(Step):
    """Several conditionings as one. `and`: guidance towards each, with its weight. Slot: conditioning."""

    op: Literal["combine"] = "combine"
    mode: Literal["and"] = "and"
    inputs: tuple[str, ...]
    weights: tuple[float, ...]


class Average(Step):
    """Several conditionings, averaged by weight where their areas overlap (ComfyUI). Slot: conditioning.

    The guidance is multiplied by the sum of the `weights`. An input without an area counts everywhere.
    """

    op: Literal["average"] = "average"
    inputs: tuple[str, ...]
    weights: tuple[float, ...]
    areas: tuple[PromptArea | None, ...]


class ApplyControl(Step):
    """A picture steers both conditionings between two fractions of the steps. Slots: positive, negative."""

    op: Literal["apply_control"] = "apply_control"
    positive: str
    negative: str
    unit: ControlNet


class EmptyLatent(Step):
    """Zeros to start from; `size` in pixels, of the picture. Slot: latent."""

    op: Literal["empty_latent"] = "empty_latent"
    size: Size
    batch: int


class LoadImage(Step):
    """A picture of the user's. Slots: image, mask."""

    op: Literal["load_image"] = "load_image"
    image: ImageRef
    size: Size | None = None  # resized to this
    resize: Literal["stretch", "crop", "pad", "latent"] = "stretch"


class EncodeImage(Step):
    """A picture to a latent. Slot: latent."""

    op: Literal["encode_image"] = "encode_image"
    image: str
    vae: str
    batch: int = 1


class MaskLatent(Step):
    """A latent of which only the masked part is sampled. Slot: latent.

    `keeps_shades`: greys of the mask are shares, and nothing is laid over the finished picture (ComfyUI).
    """

    op: Literal["mask_latent"] = "mask_latent"
    latent: str
    mask: ImageRef
    blur: float
    inverts: bool
    fill: Literal["original", "fill", "latent_noise", "latent_nothing"]
    area: Literal["whole", "masked"]
    padding: int
    mask_weight: float
    soft: SoftInpainting | None = None
    keeps_shades: bool = False


class MakeNoise(Step):
    """The initial noise and the source of every later draw. Slot: noise.

    `seed` is that of the image at `position` (from 0) of its batch; with `per_batch` it is that of the whole batch.
    """

    op: Literal["make_noise"] = "make_noise"
    seed: int | None
    generator: Literal["cuda", "cpu", "philox"]
    variation: Variation | None = None
    resized_from: Size | None = None
    delta: int = 0
    multiplier: float = 1.0
    extra: float = 0.0
    scales_by_vp: bool = False
    per_batch: bool = False
    position: int = 0


class Sigmas(Step):
    """The noise levels of one pass, `steps` + 1 of them before any slice. Slot: sigmas.

    `drops_penultimate`: one more step is planned and the last but one sigma left out.
    """

    op: Literal["sigmas"] = "sigmas"
    model: str
    schedule: str
    steps: int
    sigma_min: float = 0.0
    sigma_max: float = 0.0
    rho: float = 0.0
    beta_alpha: float = 0.6
    beta_beta: float = 0.6
    drops_penultimate: bool = False
    shift: float | None = None


class Slice(Step):
    """The sigmas from index `start` on: a pass that begins on a picture, or goes on from another. Slot: sigmas.

    `end` is the index of the last of them, which `ends_clean` makes 0. `lengthens`: the schedule was made longer by
    `lead` steps, so that as many are run as were asked for.
    """

    op: Literal["slice"] = "slice"
    sigmas: str
    start: int
    strength: float
    lengthens: bool = False
    lead: int = 0
    end: int | None = None
    ends_clean: bool = False


class Sample(Step):
    """The sampling loop. Slot: latent.

    `flags` are quirks by name:

    zero_terminal_snr, downcasts_alphas    the table of cumulative alphas: stretched to pure noise, rounded to float16
    double_precision_levels                sigmas computed in float64, the nearest one's timestep (Forge, ComfyUI)
    stretches_doubles                      zero_terminal_snr stretches them before they are rounded (ComfyUI)
    quantizes_timesteps, rounds_timesteps  whole timesteps for samplers on sigmas, for samplers on timesteps
    min_uncond_every_step                  `min_uncond_sigma` acts on every call, not on every second one
    refiner_counts_steps                   `switch_at` is a share of the calls, not of the timesteps
    repeats_prompts                        prompts are repeated to a length that they share (Forge, ComfyUI)
    skips_negative_at_one                  without guidance the negative is not evaluated (Forge, ComfyUI)
    scales_cfg_pp                          CFG++ divides the scale by 12.5 (A1111)
    renoises_known                         what a mask leaves alone is noised to each level (Forge)
    keeps_flow_times                       the curve of a flow is left out where schedules ask for it (Forge)
    fits_after_upsampling                  odd latents are fitted behind the convolution that doubles them (A1111)
    reseeds_steps                          the noise of the steps begins with the seed anew, one stream for the batch
    scales_from_the_top                    noise is scaled by variance only at the greatest level of the table
    noises_known                           what a mask leaves alone is noised by the start noise, and put back behind
    takes_last_steps                       of a schedule made longer, the last levels are walked, however many there are
    spans_its_levels                       samplers that make their own steps go from the first level to the last one
    hands_all_knobs                        every sampler gets eta and its like; DPM fast and adaptive have an eta of 0
    ddim_is_euler, plain_lcm               what these two names stand for
    rescales_velocity                      `cfg_rescale` acts on velocities, whatever the model predicts (all: ComfyUI)
    controls_by_time                       units act on a share of the timesteps, not of the steps (Forge, ComfyUI)
    cuts_hints                             the middle of a control picture is enlarged by whole pixels (ComfyUI)
    draws_idle_noise, asks_noise_through_logs, steps_to_zero
                                           ways of k-diffusion, see paramc/runtime/samplers/protocol.py

    `refined_by` takes over at `switch_at` (a fraction). `total_calls` of the denoiser are
    what prompt editing and skipped guidance count on; `padding` is for prompts of different length.
    """

    op: Literal["sample"] = "sample"
    model: str
    positive: str
    negative: str
    latent: str
    noise: str
    sigmas: str
    sampler: str
    cfg_scale: float
    distilled_cfg_scale: float | None = None
    image_cfg_scale: float | None = None
    cfg_rescale: float = 0.0
    skip_early_cfg: float = 0.0
    min_uncond_sigma: float = 0.0
    eta: float | None = None
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = 0.0
    s_noise: float = 1.0
    flags: tuple[str, ...] = ()
    refined_by: str | None = None
    switch_at: float | None = None
    total_calls: int = 0
    padding: Literal["none", "empty_chunks", "repeat_last"] = "none"
    unipc_variant: Literal["bh1", "bh2", "vary_coeff"] = "bh1"
    unipc_spacing: Literal["time_uniform", "time_quadratic", "logSNR"] = "time_uniform"
    unipc_order: int = 3
    unipc_lower_order_final: bool = True


class ResizeLatent(Step):
    """A latent brought to the size of a picture of `size` pixels; the excess is cut evenly. Slot: latent.

    A side of 0 follows from the shape that there is, as in UpscaleImage.
    """

    op: Literal["resize_latent"] = "resize_latent"
    latent: str
    method: str  # `bilinear`, `bicubic_antialias`, `nearest_exact`, …
    size: Size  # after scaling, before cutting
    crop_to: Size


class ScaleLatent(Step):
    """A latent `scale` times as large, in whole cells. Slot: latent."""

    op: Literal["scale_latent"] = "scale_latent"
    latent: str
    method: str  # as in ResizeLatent
    scale: float


class UpscaleImage(Step):
    """A picture enlarged to `size`, by resampling or by a model first. Slot: image.

    Without size and scale it is as large as a model makes it. `resampling`: the filter behind a model, None = Lanczos.
    `plainly`: the picture keeps its numbers, the model is asked once, and sides are rounded (ComfyUI).
    """

    op: Literal["upscale_image"] = "upscale_image"
    image: str
    upscaler: str  # canonical id of ir/names.py, or `model:LABEL`
    size: Size | None
    scale: float | None = None
    crop_to: Size | None = None
    resampling: str | None = None
    plainly: bool = False


class Decode(Step):
    """A latent to a picture. `keeps_numbers`: it is not rounded to 8 bit (ComfyUI). Slot: image."""

    op: Literal["decode"] = "decode"
    latent: str
    vae: str
    keeps_numbers: bool = False


class Detail(Step):
    """Found regions inpainted on the picture. Slot: image."""

    op: Literal["detail"] = "detail"
    image: str
    detailer: Detailer


class RestoreFaces(Step):
    """Faces mended on the picture. Slot: image."""

    op: Literal["restore_faces"] = "restore_faces"
    image: str
    model: str


class Save(Step):
    """The result."""

    op: Literal["save"] = "save"
    image: str


Op: TypeAlias = Annotated[
    LoadCheckpoint | LoadParts | LoadVae | ApplyNetwork | PatchModel | Encode | Combine | Average | ApplyControl
    | EmptyLatent | LoadImage | EncodeImage | MaskLatent | MakeNoise | Sigmas | Slice | Sample | ResizeLatent
    | ScaleLatent | UpscaleImage | Decode | Detail | RestoreFaces | Save,
    Field(discriminator="op"),
]  # fmt: skip


class Plan(Model):
    """The ops in an order in which every input is defined before its use."""

    schema_number: Literal[1] = Field(default=1, alias="schema")
    family: str  # name of the model family
    base: str  # its base: sd1, sd2, sdxl, sd3, flux, …
    ops: tuple[Op, ...]
