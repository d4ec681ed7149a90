"""ComfyUI's KSampler put together from the runner's pieces, on the toy networks of the recordings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.masked import Masked, putting_back, putting_back_noised
from paramc.runtime.denoise.parametrisation import (
    Estimate,
    clean_from_flow,
    divided_from_noise,
    divided_from_velocity,
)
from paramc.runtime.denoise.regions import Area, Region, RegionDenoiser
from paramc.runtime.rng.batch import StepNoise, batch_noise
from paramc.runtime.rng.brownian import batch_brownian
from paramc.runtime.rng.streams import stream_opener
from paramc.runtime.samplers.process import Process, RectifiedFlow, VarianceExploding
from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.registry import SAMPLERS
from paramc.runtime.schedules.curve import curve_of
from paramc.runtime.schedules.levels import (
    Levels,
    double_precision_table,
    flow_table,
    flux_table,
    sd_alphas,
    sigmas_of,
    zero_terminal,
)
from paramc.runtime.schedules.registry import tail_of_longer
from paramc.runtime.stages.starts import start_from_latent, start_from_noise
from tests.conformance.sampling.a1111 import Result
from tests.conformance.sampling.recorded import Case, Nudge, nudged
from tests.golden.sampling import toy

SCHEDULE_IDS = {"ddim_uniform": "ddim", "beta": "beta_timesteps", "kl_optimal": "kl_optimal_zero"}
DROPPING = ("dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2")
BROWNIAN = ("dpmpp_sde", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde")
LONG = "very long prompt, very long prompt, very long prompt, very long prompt, very long prompt, very long prompt, "


@cache
def double_sigmas(model: str) -> Tensor:
    sigmas = sigmas_of(sd_alphas())
    return sigmas_of(zero_terminal(1 / (sigmas**2 + 1))) if model == "v_zsnr" else sigmas


@cache
def levels_of(model: str) -> Levels:
    match model:
        case "sd3":
            return flow_table(3.0)
        case "flux":
            return flux_table(1.15)
        case _:
            return double_precision_table(double_sigmas(model))


def process_of(model: str) -> Process:
    levels = levels_of(model)
    span = levels.at_fraction(0.2), levels.at_fraction(0.8)
    if model in ("sd3", "flux"):
        return RectifiedFlow(levels.at_fraction(1e-4), span)
    return VarianceExploding(span, computes_alpha=True)


def leaves_latent_space(model: str, latent: Tensor) -> Tensor:
    match model:
        case "sd3":
            return latent / 1.5305 + 0.0609
        case "flux":
            return latent / 0.3611 + 0.1159
        case _:
            return latent / 0.18215


def enters_latent_space(model: str, latent: Tensor) -> Tensor:
    return latent * 0.18215 if model not in ("sd3", "flux") else latent


def lat(shape: list[int], k: int) -> Tensor:
    index = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (2 * torch.sin(0.37 * index + k)).float().reshape(shape)


@dataclass
class Moved:
    """A process whose levels between those of the schedule are moved by float32 steps, one after the other."""

    process: Process
    steps: Iterator[int]

    def __getattr__(self, name: str) -> object:
        return getattr(self.process, name)

    def sigma(self, half_log_snr: Tensor) -> Tensor:
        return nudged(self.process.sigma(half_log_snr)[None], [next(self.steps, 0)])[0]


class Sampling:
    """One KSampler run."""

    def __init__(self, case: Case, nudge: Nudge | None = None) -> None:
        self.case = case
        self.nudge = nudge
        self.model = case.get("model", "eps")
        self.levels = levels_of(self.model)
        self.process: Process = process_of(self.model)
        self.sampler = case["sampler"].removesuffix("_gpu")
        self.seen: list[float] = []
        self.open_stream = stream_opener("cpu")

    def estimate(self) -> Estimate:
        kind = self.case["kind"]

        def flow(x: Tensor, time: Tensor, conditioning: Conditioning) -> Tensor:
            self.seen.append(float(time[0]))
            return toy.flow_net(kind, x, time / (1000 if self.model == "sd3" else 1), conditioning.tokens)

        def unet(x: Tensor, timestep: Tensor, conditioning: Conditioning) -> Tensor:
            self.seen.append(float(timestep[0]))
            logs = double_sigmas(self.model).log()
            pred = "eps" if self.model == "eps" else "v"
            return toy.unet(kind, pred, x, timestep, conditioning.tokens, logs)

        match self.model:
            case "sd3":
                return clean_from_flow(flow, 1000.0)
            case "flux":
                return clean_from_flow(flow, 1.0)
            case "eps":
                return divided_from_noise(unet, self.levels)
            case _:
                return divided_from_velocity(unet, self.levels)

    def regions(self) -> list[Region]:
        fox, house = (Region(Conditioning(toy.text_embed(text)[None])) for text in ("a red fox", "a blue house"))
        match self.case["pos"]:
            case "combine(1,1)":
                return [fox, house]
            case "combine(0.5,1.5)":
                return [replace(fox, strength=0.5), replace(house, strength=1.5)]
            case "area(h4,w4,y2,x3,0.8)":
                return [fox, replace(house, area=Area(4, 4, 2, 3), strength=0.8)]
            case "timestep 0-0.4 / 0.4-1":
                switch = self.levels.at_fraction(0.4)
                return [
                    replace(fox, first_sigma=self.levels.at_fraction(0.0), last_sigma=switch),
                    replace(house, first_sigma=switch, last_sigma=self.levels.at_fraction(1.0)),
                ]
            case "mask rows1-4 cols2-6 s0.7":
                mask = torch.zeros(1, 8, 8)
                mask[:, 1:5, 2:7] = 1.0
                return [fox, replace(house, mask=mask, mask_strength=0.7)]
            case text:
                return [self.region(text)]

    def region(self, text: str) -> Region:
        return Region(Conditioning(toy.text_embed(LONG if text == "long" else text)[None]))

    def sigmas(self) -> Tensor:
        case = self.case
        name = SCHEDULE_IDS.get(case["scheduler"], case["scheduler"])
        drops = self.sampler in DROPPING
        sigmas = tail_of_longer(
            name, self.levels, case["steps"], case.get("denoise", 1.0), curve_of(self.levels), drops_penultimate=drops
        )
        last, start = case.get("last"), case.get("start", 0)
        if last is not None and last < len(sigmas) - 1:
            sigmas = sigmas[: last + 1].clone()
            if case.get("force"):
                sigmas[-1] = 0.0
        if not start:
            return sigmas
        return sigmas[start:] if start < len(sigmas) - 1 else sigmas[:0]

    def noise(self, sigmas: Tensor, shape: torch.Size) -> Noise:
        if self.sampler in BROWNIAN:
            positive = sigmas[sigmas > 0]
            bounds = positive.min().item(), sigmas.max().item()
            return batch_brownian(self.case["seed"], shape, bounds, self.open_stream)
        return StepNoise(self.open_stream(self.case["seed"]), shape)

    def masked(self, denoise: Denoiser, latent: Tensor, noise: Tensor) -> Denoiser:
        if not self.case.get("mask"):
            return denoise
        mask = torch.zeros(1, 1, 8, 8)
        mask[:, :, 2:6, 1:5] = 1.0
        mask[:, :, 4] = 0.5
        if self.sampler == "ddim":
            noise = self.open_stream(self.case["seed"] + 1).normal(latent.shape)

        def known(sigma: Tensor) -> Tensor:
            return start_from_latent(latent, noise, sigma, is_flow=self.process.is_flow)

        return Masked(denoise, before=putting_back_noised(known, mask), after=putting_back(latent, mask))

    def result(self) -> Result:
        return Result(self.run(), self.seen)

    def run(self) -> Tensor:
        case, shape = self.case, self.case["shape"]
        given = lat(shape, 0) if case.get("latent") else torch.zeros(shape)
        latent = enters_latent_space(self.model, given) if given.any() else given
        sigmas = self.sigmas()
        if len(sigmas) == 0:
            return given
        if self.nudge is not None:
            self.process = Moved(self.process, iter(self.nudge.steps[len(sigmas) :]))
            sigmas = nudged(sigmas, self.nudge.steps)
        noise = batch_noise(shape, case["seed"], self.open_stream, batch_index=case.get("batch_inds", ()))
        if case.get("disable_noise"):
            noise = torch.zeros(shape)
        guided = RegionDenoiser(self.estimate(), self.regions(), [self.region(case["neg"])], case["cfg"])
        denoise = self.masked(guided, latent, noise)
        x = self.start(latent, noise, sigmas[0])
        positive = sigmas[sigmas > 0]
        knobs = Knobs(
            eta=0.0 if self.sampler in ("dpm_fast", "dpm_adaptive") else 1.0,
            process=self.process,
            bounds=(positive[-1].item() if len(positive) else 0.0, sigmas[0].item()),
            steps=len(sigmas) - 1,
        )
        sample = SAMPLERS["euler" if self.sampler == "ddim" else self.sampler]
        x = sample(denoise, x, sigmas, self.noise(sigmas, x.shape), knobs=knobs)
        return leaves_latent_space(self.model, self.unscaled(x, sigmas[-1].item()))

    def start(self, latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        greatest = self.levels.sigmas[-1].item()
        if self.process.is_flow:
            return start_from_latent(latent, noise, sigma, is_flow=True)
        if sigma >= greatest * (1 - 1e-5):
            return start_from_noise(noise, sigma, scales_by_vp=True) + latent
        return start_from_latent(latent, noise, sigma)

    def unscaled(self, x: Tensor, last: float) -> Tensor:
        if not self.process.is_flow:
            return x
        if last == 0 and self.sampler.startswith("uni_pc"):
            last = 0.001
        return x / (1.0 - last)
