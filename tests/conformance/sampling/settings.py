"""The cases of Forge as settings texts, read to Jobs, planned, and sampled by the runner's own Sample op."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor, nn

import paramc
from paramc.ir.assets import ImageRef
from paramc.ir.job import Job
from paramc.ir.stages import ImageToImage
from paramc.passes.complete import complete_job
from paramc.passes.plan import plan_job
from paramc.runtime.execute.sampling import sample
from paramc.runtime.execute.values import Latent
from paramc.runtime.schedules.levels import sd_alphas
from tests.conformance.sampling.a1111 import Result, toy_log_sigmas
from tests.conformance.sampling.comfyui import lat
from tests.conformance.sampling.forge import ForgeJob
from tests.conformance.sampling.passes import Seen, guide_of, pass_of
from tests.conformance.sampling.recorded import Case, Nudge
from tests.golden.sampling import toy

FAMILIES = {
    "eps": ("sd1", "sd1"),
    "v": ("sd2", "sd2-v"),
    "v_zsnr": ("sd2", "sd2-v"),
    "sd3": ("sd3", "sd3"),
    "flux": ("flux", "flux-dev"),
    "schnell": ("flux", "flux-schnell"),
}
FLOWS = ("sd3", "flux")
OPTIONS = {
    "s_min_uncond": "NGMS",
    "skip_early_cond": "Skip Early CFG",
    "eta_ancestral": "Eta",
    "s_noise": "Sigma noise",
    "s_churn": "Sigma churn",
    "eta_noise_seed_delta": "ENSD",
    "sgm_noise_multiplier": "SGM noise multiplier",
}


class Network(nn.Module):
    """A toy network as the runner calls a UNet."""

    dtype = torch.float32

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._kind, self._model = case["kind"], case.get("model", "eps")

    def forward(self, x: Tensor, timesteps: Tensor, *, encoder_hidden_states: Tensor, **_: object) -> tuple[Tensor]:
        pred = "eps" if self._model == "eps" else "v"
        logs = toy_log_sigmas("zsnr" if self._model == "v_zsnr" else "sd")
        return (toy.unet(self._kind, pred, x, timesteps, encoder_hidden_states, logs),)


def flow(case: Case) -> SD3Transformer2DModel:
    """A toy flow in the place of the transformer that takes a latent as it is."""
    model = SD3Transformer2DModel.__new__(SD3Transformer2DModel)
    nn.Module.__init__(model)
    model.register_parameter("weight", nn.Parameter(torch.zeros(1)))
    model._internal_dict = {"joint_attention_dim": 4}
    divisor = 1000 if case["model"] == "sd3" else 1

    def forward(
        *, hidden_states: Tensor, encoder_hidden_states: Tensor, timestep: Tensor, **_: object
    ) -> tuple[Tensor]:
        return (toy.flow_net(case["kind"], hidden_states, timestep / divisor, encoder_hidden_states),)

    model.forward = forward
    return model


def is_said(case: Case) -> bool:
    """Whether a settings text says the case, and the program gave numbers; no text ends in a space."""
    options = case.get("opt") or {}
    is_whole = _negative(case) == _negative(case).strip()
    return is_whole and not case.get("nonfinite") and not case.fails and options.keys() <= OPTIONS.keys()


def played(case: Case, nudge: Nudge | None) -> Result:
    """The case by the runner; moved sigmas, which only say how much rounding matters, by its pieces."""
    if nudge is not None:
        return ForgeJob(case, nudge).run()
    seen = Seen()
    plan = plan_job(_job(case))
    batch, *shape = case["shape"]
    latent = Latent(tuple(shape), batch, lat(case["shape"], int(case["init"][-2])) if case.get("init") else None)
    values = sample(pass_of(plan, latent, _checkpoint(case), partial(guide_of, plan), seen)).values
    assert values is not None
    return Result(values, seen.times)


def _prompt(case: Case) -> str:
    return case.get("prompt") or "a red fox"


def _negative(case: Case) -> str:
    return case.get("neg") or "blurry"


def _job(case: Case) -> Job:
    batch, _, height, width = case["shape"]
    options = "".join(f", {OPTIONS[name]}: {value}" for name, value in (case.get("opt") or {}).items())
    text = (
        f"{_prompt(case)}\nNegative prompt: {_negative(case)}\nSteps: {case['steps']}, Sampler: {case['sampler']}, "
        f"Schedule type: {case['schedule']}, CFG scale: {case.get('hr_cfg') or case['cfg']}, Seed: {case['seed']}, "
        f"Size: {8 * width}x{8 * height}, RNG: CPU{options}, Version: f2.0.1v1.10.1-previous-669-gdfdcbab6"
    )
    base, family = FAMILIES[case.get("model", "eps")]
    job = complete_job(paramc.parse(text))
    job = job.replace({"family.name": family, "family.base": base, "batch.size": batch})
    strength = case.get("denoise")
    if strength is None:
        return job
    task = ImageToImage(init=ImageRef(path="a.png"), strength=strength, exact_steps=bool(case.get("hr")))
    return job.model_copy(update={"task": task})


def _checkpoint(case: Case) -> Any:
    model = case.get("model", "eps")
    base, family = FAMILIES[model]
    is_flow = base in FLOWS
    return SimpleNamespace(
        unet=flow(case) if is_flow else Network(case),
        prediction="flow" if is_flow else "epsilon" if model == "eps" else "v",
        base=base,
        family=family,
        zero_terminal_snr=model == "v_zsnr",
        alphas_cumprod=sd_alphas(),
    )
