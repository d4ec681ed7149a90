"""How the latent is sampled, and the noise that it starts from."""

from typing import Annotated, Final, Literal

from paramc.ir.base import Model
from paramc.ir.geometry import Sides
from paramc.ir.ranges import COUNT, DERIVED_SIDES, FACTOR, FRACTION, GUIDANCE, POSITIVE, SEED, STEPS

ANY_SEED: Final = -1  # programs draw a seed where they are given this one


class Sampling(Model):
    """The sampler and everything that steers it; None = the producer said nothing.

    After `upgrade` only values that leave the image alone are None.
    """

    sampler: str | None = None  # canonical id (ir/names.py), or `unknown:LABEL`
    schedule: str | None = None  # canonical id, or `unknown:LABEL`
    steps: Annotated[int | None, STEPS] = None  # as asked; what is executed follows from `strength`
    first_step: Annotated[int, COUNT] = 0  # of the first pass only the steps [first_step, last_step) are run
    last_step: Annotated[int | None, COUNT] = None  # None = to the end
    share: Annotated[float, FRACTION] = 1.0  # without a picture, of a schedule of int(steps / share) the last steps
    leaves_noise: bool = False  # a pass that ends early keeps the noise that is left there
    cfg_scale: Annotated[float | None, GUIDANCE] = None  # 1 = no guidance
    distilled_cfg_scale: Annotated[float | None, GUIDANCE] = None  # guidance embedded in distilled models (FLUX.1 dev)
    image_cfg_scale: Annotated[float | None, GUIDANCE] = None  # InstructPix2Pix
    cfg_rescale: Annotated[float, FRACTION] = 0.0  # φ in [0, 1]
    mask_weight: Annotated[float | None, FRACTION] = (
        None  # conditioning of inpainting checkpoints, [0, 1]; None = none was in use
    )
    skip_early_cfg: Annotated[float, FRACTION] = 0.0  # fraction of the steps without guidance, [0, 1]
    min_uncond_sigma: Annotated[float, COUNT] = (
        0.0  # below this sigma the negative is left out of every second step (NGMS)
    )
    min_uncond_every_step: bool = False
    shift: float | None = None  # flow models: timestep shift; None = the model's own
    eta: Annotated[float | None, COUNT] = None  # ancestral and SDE noise scale; None = 1
    eta_ddim: Annotated[float, COUNT] = 0.0
    s_churn: Annotated[float, COUNT] = 0.0
    s_tmin: Annotated[float, COUNT] = 0.0
    s_tmax: Annotated[float, COUNT] = 0.0  # 0 = no bound
    s_noise: Annotated[float, COUNT] = 1.0
    sigma_min: Annotated[float, COUNT] = 0.0  # 0 = the model's own
    sigma_max: Annotated[float, COUNT] = 0.0  # 0 = the model's own
    rho: Annotated[float, COUNT] = 0.0  # 0 = the schedule's own (7 Karras, 1 polyexponential)
    beta_alpha: Annotated[float, FACTOR] = 0.6
    beta_beta: Annotated[float, FACTOR] = 0.6
    drops_penultimate_sigma: bool = False  # asked for; some samplers always do
    zero_terminal_snr: bool = False
    downcasts_alphas: bool = False  # alphas_cumprod rounded to float16, A1111 before 1.7.0-225
    quantizes_timesteps: bool = False
    unipc_variant: Literal["bh1", "bh2", "vary_coeff"] = "bh1"
    unipc_spacing: Literal["time_uniform", "time_quadratic", "logSNR"] = "time_uniform"
    unipc_order: Annotated[int, POSITIVE] = 3
    unipc_lower_order_final: bool = True


class Variation(Model):
    """A second noise, mixed in by spherical interpolation."""

    seed: Annotated[int | None, SEED] = None
    strength: Annotated[float, FRACTION] = 0.0  # [0, 1]


class Noise(Model):
    """Where the initial and per-step noise come from. The seed is this image's own, batches included."""

    seed: Annotated[int | None, SEED] = None  # None: random, the image cannot be repeated
    generator: Literal["cuda", "cpu", "philox"] | None = None  # philox: CUDA's stream emulated on the CPU
    variation: Variation | None = None
    resized_from: Annotated[Sides | None, DERIVED_SIDES] = None  # drawn at this size and centred
    delta: int = 0  # added to the seed of per-step noise (ENSD)
    multiplier: Annotated[float, COUNT] = 1.0  # of the initial noise, image-to-image
    extra: Annotated[float, COUNT] = 0.0  # noise added on top of the start noise, image-to-image and hires
    scales_by_vp: bool = False  # start noise x sqrt(1 + sigma^2) instead of x sigma
    per_batch: bool = False  # one generator for the whole batch instead of one per image
