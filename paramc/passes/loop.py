"""The sampling loop of a pass: what every pass of a job shares, and the model that takes over in it."""

from paramc.ir.base import trusted
from paramc.ir.plan import LoadCheckpoint, Sample
from paramc.passes.draft import Draft


def looped(draft: Draft, sample: Sample, calls: int) -> Sample:
    """`sample` with the settings that every pass of the job shares."""
    job, sampling = draft.job, draft.job.sampling
    flags = (
        ("zero_terminal_snr", sampling.zero_terminal_snr),
        ("downcasts_alphas", sampling.downcasts_alphas),
        ("quantizes_timesteps", sampling.quantizes_timesteps),
        ("min_uncond_every_step", sampling.min_uncond_every_step),
        ("refiner_counts_steps", job.refiner is not None and job.refiner.counts_steps),
    )
    return sample.model_copy(
        update={
            "image_cfg_scale": sampling.image_cfg_scale,
            "cfg_rescale": sampling.cfg_rescale,
            "skip_early_cfg": sampling.skip_early_cfg,
            "min_uncond_sigma": sampling.min_uncond_sigma,
            "eta": sampling.eta_ddim if sample.sampler.startswith("ddim") else sampling.eta,
            "s_churn": sampling.s_churn,
            "s_tmin": sampling.s_tmin,
            "s_tmax": sampling.s_tmax,
            "s_noise": sampling.s_noise,
            "flags": (*(name for name, wanted in flags if wanted), *draft.habits),
            "total_calls": calls,
            "padding": job.text.padding,
            "unipc_variant": sampling.unipc_variant,
            "unipc_spacing": sampling.unipc_spacing,
            "unipc_order": sampling.unipc_order,
            "unipc_lower_order_final": sampling.unipc_lower_order_final,
        }
    )


def refined(draft: Draft, *, first_pass: bool) -> tuple[str | None, float | None]:
    """The model that takes over, loaded for it, and the share at which it does."""
    refiner = draft.job.refiner
    if refiner is None:
        return None, None
    alone = draft.job.hires is None
    if not alone and refiner.passes not in (("first", "both") if first_pass else ("second", "both")):
        return None, None
    if not any(op.id == "refiner" for op in draft.ops):
        draft.add(
            trusted(LoadCheckpoint)(id="refiner", because=("stages.refiner.checkpoint",), asset=refiner.checkpoint)
        )
    return "refiner.model", refiner.switch_at
