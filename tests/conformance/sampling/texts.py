"""The cases of A1111 as settings texts, read to Jobs, planned, and sampled by the runner's own Sample op."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

import paramc
from paramc.runtime.execute.sampling import sample
from paramc.runtime.execute.values import Latent
from paramc.runtime.stages.pictures import to_network
from tests.conformance.sampling.a1111 import Job as Pieces
from tests.conformance.sampling.a1111 import Result, toy_log_sigmas
from tests.conformance.sampling.passes import Seen, guide_of, pass_of, sd1_of
from tests.conformance.sampling.pictures import synth
from tests.conformance.sampling.recorded import Case, Nudge
from tests.golden.sampling import toy

STRENGTH = "Denoising strength"
TABLES = {
    "sd": {},
    "sd_fp16": {"sampling.downcasts_alphas": True},
    "zsnr": {"sampling.zero_terminal_snr": True},
    "zsnr_fp16": {"sampling.zero_terminal_snr": True, "sampling.downcasts_alphas": True},
}
# Options that the program does not write, by what they are in a Job; a function where the value is another.
UNWRITTEN: dict[str, Callable[[Any], dict[str, object]]] = {
    "img2img_fix_steps": lambda value: {"task.exact_steps": value},
    "use_old_scheduling": lambda value: {"text.legacy_timelines": value},
    "use_old_karras_scheduler_sigmas": lambda value: {"sampling.sigma_min": 0.1, "sampling.sigma_max": 10.0},
    "enable_quantization": lambda value: {"sampling.quantizes_timesteps": value},
    "eta_noise_seed_delta": lambda value: {"noise.delta": value},
    "eta_ancestral": lambda value: {"sampling.eta": value},
    "eta_ddim": lambda value: {"sampling.eta_ddim": value},
    "s_noise": lambda value: {"sampling.s_noise": value},
    "beta_dist_alpha": lambda value: {"sampling.beta_alpha": value},
    "beta_dist_beta": lambda value: {"sampling.beta_beta": value},
    "sgm_noise_multiplier": lambda value: {"noise.scales_by_vp": value},
    "uni_pc_variant": lambda value: {"sampling.unipc_variant": value},
    "uni_pc_skip_type": lambda value: {"sampling.unipc_spacing": value},
    "uni_pc_order": lambda value: {"sampling.unipc_order": value},
    "uni_pc_lower_order_final": lambda value: {"sampling.unipc_lower_order_final": value},
}


class Network(nn.Module):
    """A toy network as the runner calls one."""

    dtype = torch.float32
    config: ClassVar = {"in_channels": 4}

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._kind, self._pred = case["kind"], case.get("pred", "eps")
        self._logs = toy_log_sigmas(case.get("table", "sd"))

    def forward(self, x: Tensor, timesteps: Tensor, *, encoder_hidden_states: Tensor, **_: object) -> tuple[Tensor]:
        return (toy.unet(self._kind, self._pred, x, timesteps, encoder_hidden_states, self._logs),)


def is_said(case: Case) -> bool:
    """Whether one text says the case: prompts and seeds of their own for each image take several."""
    return all(isinstance(case.get(name, ""), str | int) for name in ("prompt", "negative_prompt", "seed"))


def settings_text(case: Case) -> str:
    """The text that the program would have written under the picture."""
    width, height = case["width"], case["height"]
    fields = {
        "Steps": case["steps"],
        "Sampler": case.get("sampler") or case["sampler_name"],
        "Schedule type": case.get("schedule") or case.get("scheduler") or "Automatic",
        "CFG scale": case["cfg_scale"],
        "Seed": case["seed"],
        "Size": f"{width}x{height}",
        "RNG": case.get("opts", {}).get("randn_source") or case.get("rng", "CPU"),
        **({STRENGTH: case["denoising_strength"]} if "denoising_strength" in case.inputs else {}),
        **(
            {"Variation seed": case["subseed"], "Variation seed strength": case["subseed_strength"]}
            if case.get("subseed_strength")
            else {}
        ),
        **(case.get("infotext") or {}),
        "Version": "v1.10.1",
    }
    line = ", ".join(f"{name}: {value}" for name, value in fields.items())
    return f"{case['prompt']}\nNegative prompt: {case['negative_prompt']}\n{line}"


def job_of(case: Case) -> paramc.Job:
    """The Job of a case, with what its text does not say."""
    job = paramc.parse(settings_text(case), dialect="a1111")
    if "denoising_strength" in case.inputs:
        task = {"kind": "image_to_image", "init": {"path": "a.png"}, "strength": case["denoising_strength"]}
        job = job.replace({"task": task})
    options = case.get("opts", {})
    unwritten: dict[str, object] = {}
    for name, value in options.items():
        unwritten |= UNWRITTEN[name](value) if name in UNWRITTEN else {}
    if case.get("seed_resize_from_w"):
        unwritten["noise.resized_from"] = (case["seed_resize_from_w"], case["seed_resize_from_h"])
    if "eta" in case.inputs:
        unwritten["sampling.eta"] = unwritten["sampling.eta_ddim"] = case["eta"]
    texts = {"prompt": case["prompt"], "negative": case["negative_prompt"]}  # a reader strips them
    return job.replace({"batch.size": case["batch_size"], **texts, **unwritten, **TABLES[case.get("table", "sd")]})


def played(case: Case, nudge: Nudge | None) -> Result:
    """The case by the runner; moved sigmas, which only say how much rounding matters, by its pieces."""
    if nudge is not None:
        pieces = Pieces(case, nudge)
        if "denoising_strength" not in case.inputs:
            return pieces.from_text()
        exactly = pieces.options.get("img2img_fix_steps", False)
        return pieces.from_latent(_picture(case), case["denoising_strength"], exactly=exactly)
    seen = Seen()
    plan = paramc.lower(job_of(case))
    picture = _picture(case) if "denoising_strength" in case.inputs else None
    latent = Latent((4, case["height"] // 8, case["width"] // 8), case["batch_size"], picture)
    most_rows = None if case.get("opts", {}).get("batch_cond_uncond", True) else latent.batch
    pass_ = pass_of(plan, latent, _checkpoint(case), partial(guide_of, plan), seen, most_rows=most_rows)
    values = sample(pass_).values
    assert values is not None
    return Result(values, seen.times)


def _picture(case: Case) -> Tensor:
    return toy.vae_encode(to_network([synth(case["width"], case["height"], 0)] * case["batch_size"]))


def _checkpoint(case: Case) -> Any:
    prediction = "epsilon" if case.get("pred", "eps") == "eps" else "v"
    return sd1_of(Network(case), prediction)
