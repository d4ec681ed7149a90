"""Forge's jobs: A1111's with whole timesteps, other tables, and a negative that is left out at scale 1."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from torch import Tensor

from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.guided import Guidance
from paramc.runtime.denoise.on_timesteps import OnTimesteps
from paramc.runtime.denoise.parametrisation import (
    Estimate,
    clean_from_flow,
    consistent,
    divided_from_noise,
    divided_from_velocity,
)
from paramc.runtime.execute.tables import FIRST_STRETCHED
from paramc.runtime.rng.batch import StepNoise, leftover_seed
from paramc.runtime.rng.images import ImageNoise, NoiseSpec, start_noise
from paramc.runtime.rng.streams import stream_opener
from paramc.runtime.samplers.process import RectifiedFlow
from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.schedules.levels import (
    Levels,
    TimestepTable,
    double_precision_table,
    flow_table,
    flux_table,
    lcm_table,
    sd_alphas,
    sigmas_of,
    single_precision_table,
    zero_terminal,
)
from paramc.runtime.stages.starts import start_from_latent
from tests.conformance.sampling.a1111 import Job, Result
from tests.conformance.sampling.comfyui import lat
from tests.conformance.sampling.recorded import Case, Nudge
from tests.golden.sampling import toy

FLOWS = ("flux", "schnell", "sd3")


@cache
def levels_of(model: str) -> Levels:
    match model:
        case "flux":
            return flux_table(1.15, keeps_timesteps=True)
        case "schnell":
            return flux_table(1.0, keeps_timesteps=True)
        case "sd3":
            return flow_table(3.0)
        case "v_zsnr":
            sigmas = sigmas_of(sd_alphas()).float()
            stretched = sigmas_of(zero_terminal(1 / (sigmas * sigmas + 1)))
            stretched[0] = FIRST_STRETCHED
            return TimestepTable(stretched, stretched.log(), rounds=True)
        case _:
            return double_precision_table(sigmas_of(sd_alphas()))


class ForgeJob(Job):
    """One Forge run on a latent of the recorded shape."""

    def __init__(self, case: Case, nudge: Nudge | None = None) -> None:
        shape = case["shape"]
        model = case.get("model", "eps")
        inputs = {
            **case.inputs,
            "prompt": case.get("prompt") or "a red fox",
            "negative_prompt": case.get("neg") or "blurry",
            "cfg_scale": case.get("hr_cfg") or case["cfg"],
            "batch_size": shape[0],
            "width": shape[3] * 8,
            "height": shape[2] * 8,
            "opts": case.get("opt") or {},
            "pred": "eps" if model == "eps" else "v",
        }
        inputs["table"] = "zsnr" if model == "v_zsnr" else "sd"
        super().__init__(Case(inputs, case.arrays), nudge)
        if self.options.get("forge_try_reproduce"):
            self.open_stream = stream_opener("cpu")
        self.model, self.shape = model, shape

    @property
    def levels(self) -> Levels:
        levels = levels_of(self.model)
        if self.sampler != "lcm":
            return levels
        return lcm_table(single_precision_table(self.alphas[:1000]))

    def noise(self) -> tuple[Tensor, ImageNoise]:
        spec = NoiseSpec(tuple(self.shape[1:]), tuple(self.seeds[0]), delta=self.options.get("eta_noise_seed_delta", 0))
        return start_noise(spec, self.open_stream)

    def estimate(self) -> Estimate:
        clean = self.clean()
        return consistent(clean, self.levels) if self.sampler == "lcm" else clean

    @property
    def alphas(self) -> Tensor:
        if self.model in FLOWS:
            return 1 / (levels_of(self.model).sigmas ** 2 + 1)
        return zero_terminal(sd_alphas().float()) if self.model == "v_zsnr" else sd_alphas().float()

    def knobs(self) -> Knobs:
        knobs = super().knobs()
        if self.model in ("flux", "schnell") and self.sampler in ("euler_ancestral", "dpm_2_ancestral"):
            return replace(knobs, process=RectifiedFlow(1.0, (1.0, 0.0)))
        return knobs

    def step_noise(self, source: ImageNoise, sigmas: Tensor, shape: Sequence[int]) -> Noise:
        if self.sampler == "ddpm":
            return StepNoise(stream_opener("cpu")(leftover_seed(self.seeds[0][-1])), shape)
        return super().step_noise(source, sigmas, shape)

    def clean(self) -> Estimate:
        network = self.network
        if self.model in FLOWS:
            return clean_from_flow(self.flow, 1000.0 if self.model == "sd3" else 1.0)
        make = divided_from_noise if self.pred == "eps" else divided_from_velocity
        return make(network, levels_of(self.model))

    def noised(self, init: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        return start_from_latent(init, noise, sigma, is_flow=self.model in FLOWS)

    def run(self) -> Result:
        strength = self.case.get("denoise")
        if strength is None:
            return self.from_text()
        init = lat(self.shape, int(self.case["init"][-2]))
        return self.from_latent(init, strength, exactly=bool(self.case.get("hr")))

    def flow(self, x: Tensor, time: Tensor, conditioning: Conditioning) -> Tensor:
        self.network.seen.append(float(time[0]))
        sigma = time / 1000 if self.model == "sd3" else time
        return toy.flow_net(self.case["kind"], x, sigma, conditioning.tokens)

    def denoiser(self) -> Denoiser:
        guided = super().denoiser()
        return OnTimesteps(guided, self.alphas) if self.on_timesteps else guided

    def guidance(self) -> Guidance:
        return replace(super().guidance(), padding="repeat", skips_at_one=True, scale=self.case["cfg_scale"])
