"""How the latent is sampled, and the noise that it starts from."""

from typing import Literal

from paramc.ir.base import Model
from paramc.ir.geometry import Size


class Sampling(Model):
    """The sampler and everything that steers it; None = the producer said nothing.

    After `upgrade` only values that leave the image alone are None.
    """

    sampler: str | None = None  # canonical id (ir/names.py), or `unknown:LABEL`
    schedule: str | None = None  # canonical id, or `unknown:LABEL`
    steps: int | None = None  # as asked; what is executed follows from `strength`
    cfg_scale: float | None = None  # 1 = no guidance
    distilled_cfg_scale: float | None = None  # guidance embedded in distilled models (FLUX.1 dev)
    image_cfg_scale: float | None = None  # InstructPix2Pix
    cfg_rescale: float = 0.0  # φ in [0, 1]
    mask_weight: float | None = None  # conditioning of inpainting checkpoints, [0, 1]; None = none was in use
    skip_early_cfg: float = 0.0  # fraction of the steps without guidance, [0, 1]
    min_uncond_sigma: float = 0.0  # below this sigma the negative is left out of every second step (NGMS)
    min_uncond_every_step: bool = False
    shift: float | None = None  # flow models: timestep shift; None = the model's own
    eta: float | None = None  # ancestral and SDE noise scale; None = 1
    eta_ddim: float = 0.0
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = 0.0  # 0 = no bound
    s_noise: float = 1.0
    sigma_min: float = 0.0  # 0 = the model's own
    sigma_max: float = 0.0  # 0 = the model's own
    rho: float = 0.0  # 0 = the schedule's own (7 Karras, 1 polyexponential)
    beta_alpha: float = 0.6
    beta_beta: float = 0.6
    drops_penultimate_sigma: bool = False  # asked for; some samplers always do
    zero_terminal_snr: bool = False
    downcasts_alphas: bool = False  # alphas_cumprod rounded to float16, A1111 before 1.7.0-225
    quantizes_timesteps: bool = False
    unipc_variant: Literal["bh1", "bh2", "vary_coeff"] = "bh1"
    unipc_spacing: Literal["time_uniform", "time_quadratic", "logSNR"] = "time_uniform"
    unipc_order: int = 3
    unipc_lower_order_final: bool = True


class Variation(Model):
    """A second noise, mixed in by spherical interpolation."""

    seed: int | None = None
    strength: float = 0.0  # [0, 1]


class Noise(Model):
    """Where the initial and per-step noise come from. The seed is this image's own, batches included."""

    seed: int | None = None  # None: random, the image cannot be repeated
    generator: Literal["cuda", "cpu", "philox"] | None = None  # philox: CUDA's stream emulated on the CPU
    variation: Variation | None = None
    resized_from: Size | None = None  # drawn at this size and centred
    delta: int = 0  # added to the seed of per-step noise (ENSD)
    multiplier: float = 1.0  # of the initial noise, image-to-image
    extra: float = 0.0  # noise added on top of the start noise, image-to-image and hires
    scales_by_vp: bool = False  # start noise x sqrt(1 + sigma^2) instead of x sigma
    per_batch: bool = False  # one generator for the whole batch instead of one per image
