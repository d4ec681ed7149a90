"""A1111's jobs put together from the runner's pieces, on the toy networks of the recordings."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from torch import Tensor

from paramc.ir.names import samplers
from paramc.passes.levels import longer, share
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.guidance import Skips
from paramc.runtime.denoise.guided import Guidance, GuidedDenoiser, Padding
from paramc.runtime.denoise.masked import Masked, putting_back
from paramc.runtime.denoise.parametrisation import (
    Estimate,
    Network,
    clean_from_noise,
    clean_from_velocity,
    consistent,
    noise_from_velocity,
    noise_itself,
)
from paramc.runtime.denoise.prompts import Branch, Entry
from paramc.runtime.rng.brownian import image_brownian
from paramc.runtime.rng.images import ImageNoise, NoiseSpec, image_seeds, start_noise
from paramc.runtime.rng.streams import OpenStream, stream_opener
from paramc.runtime.samplers.ddim import CFG_PP_SCALE
from paramc.runtime.samplers.protocol import Churn, Denoiser, Knobs, Noise, UniPc
from paramc.runtime.samplers.registry import SAMPLERS, TIMESTEP_SAMPLERS, handed
from paramc.runtime.schedules.curve import Curve, curve_of
from paramc.runtime.schedules.levels import (
    Levels,
    lcm_table,
    recorded_alphas,
    recorded_table,
    sd_alphas,
    sigmas_of,
    single_precision_table,
    zero_terminal,
)
from paramc.runtime.schedules.registry import scheduled
from paramc.runtime.schedules.timesteps import continuous_times, ddim_timesteps
from paramc.runtime.stages.starts import start_from_latent, start_from_latent_at, start_from_noise, with_extra_noise
from tests.conformance.sampling.recorded import Case, Nudge, nudged, shaken
from tests.conformance.sampling.timelines import branches, timeline
from tests.golden.sampling import toy

SAMPLER_IDS = {
    "DPM++ 2M": "dpmpp_2m", "DPM++ SDE": "dpmpp_sde", "DPM++ 2M SDE": "dpmpp_2m_sde",
    "DPM++ 2M SDE Heun": "dpmpp_2m_sde_heun", "DPM++ 2S a": "dpmpp_2s_ancestral", "DPM++ 3M SDE": "dpmpp_3m_sde",
    "Euler a": "euler_ancestral", "Euler": "euler", "LMS": "lms", "Heun": "heun", "DPM2": "dpm_2",
    "DPM2 a": "dpm_2_ancestral", "DPM fast": "dpm_fast", "DPM adaptive": "dpm_adaptive", "Restart": "restart",
    "DDIM": "ddim", "DDIM CFG++": "ddim_cfg_pp", "PLMS": "plms", "UniPC": "unipc", "LCM": "lcm",
    "HeunPP2": "heunpp2", "IPNDM": "ipndm", "IPNDM_V": "ipndm_v", "DEIS": "deis", "DDPM": "ddpm",
}  # fmt: skip


def steps_from_picture(steps: int, strength: float, *, exactly: bool) -> tuple[int, int]:
    """The steps of the schedule, and the index of the level that the picture is noised to."""
    if not exactly:
        return steps, share(steps, strength)
    # A1111 makes no schedule at strength 0; the planner, which gives the picture back as it was, one that is not walked
    return longer(steps, strength) if strength > 0 else 0, steps - 1


def schedule_id(label: str, sampler: str) -> str:
    return samplers()[sampler].automatic if label == "Automatic" else label.lower().replace(" ", "_")


@cache
def alphas_of(table: str) -> Tensor:
    match table:
        case "sd":
            return recorded_alphas("sd")
        case "zsnr":
            return recorded_alphas("zero_terminal")
        case "sd_fp16":
            return sd_alphas().float().half()
        case _:
            return zero_terminal(sd_alphas().float().half())


@cache
def levels_of(table: str, *, rounds: bool = False) -> Levels:
    names = {"sd": "sd", "zsnr": "zero_terminal"}
    if table in names:
        return recorded_table(names[table], rounds=rounds)
    return single_precision_table(alphas_of(table), rounds=rounds)


@cache
def toy_log_sigmas(table: str) -> Tensor:
    return toy.sd_log_sigmas() if table == "sd" else sigmas_of(alphas_of(table).double()).log()


@dataclass(slots=True)
class Calls:
    """A toy network that remembers the timestep of the first row of each call."""

    kind: str
    pred: str
    table: str
    seen: list[float] = field(default_factory=list)

    def __call__(self, x: Tensor, timestep: Tensor, conditioning: Conditioning) -> Tensor:
        self.seen.append(float(timestep.reshape(-1)[0]))
        return toy.unet(self.kind, self.pred, x, timestep, conditioning.tokens, toy_log_sigmas(self.table))


@dataclass(slots=True)
class Result:
    latent: Tensor
    seen: list[float]


class Job:
    """One job: the settings of a case over the program's defaults. A second pass is another job on the same case."""

    def __init__(self, case: Case, nudge: Nudge | None = None) -> None:
        self.case = case
        self.nudge = nudge
        self.options = dict(case.get("opts", {}))
        self.sampler = SAMPLER_IDS[case.get("sampler") or case["sampler_name"]]
        self.schedule = case.get("schedule") or case.get("scheduler") or "Automatic"
        self.steps = case["steps"]
        self.table, self.pred = case.get("table", "sd"), case.get("pred", "eps")
        self.network = Calls(case["kind"], self.pred, self.table)
        self.batch = case["batch_size"]
        self.width, self.height = case["width"], case["height"]
        self.prompts = self._listed(case["prompt"])
        self.negatives = self._listed(case["negative_prompt"])
        self.first_pass: int | None = None
        self.open_stream: OpenStream = stream_opener(
            "philox" if self.options.get("randn_source", case.get("rng")) == "NV" else "cpu"
        )

    def _listed(self, text: str | list[str]) -> list[str]:
        return text if isinstance(text, list) else [text] * self.batch

    @property
    def on_timesteps(self) -> bool:
        return self.sampler in TIMESTEP_SAMPLERS

    @property
    def alphas(self) -> Tensor:
        return alphas_of(self.table)

    @property
    def levels(self) -> Levels:
        if self.sampler == "lcm":
            return lcm_table(
                levels_of(self.table)
                if self.table in ("sd", "zsnr")
                else single_precision_table(alphas_of(self.table).float())
            )
        return levels_of(self.table, rounds=self.options.get("enable_quantization", False))

    @property
    def total_calls(self) -> int:
        return self.steps * samplers()[self.sampler].calls

    @property
    def seeds(self) -> tuple[list[int], list[int]]:
        strength = self.case.get("subseed_strength", 0.0)
        seed = self.case["seed"]
        if isinstance(seed, list):
            return seed, [self.case.get("subseed", 0)] * len(seed)
        return image_seeds(seed, self.batch, self.case.get("subseed", 0), strength)

    def noise(self) -> tuple[Tensor, ImageNoise]:
        drawn = self.case.get("seed_resize_from_h", 0), self.case.get("seed_resize_from_w", 0)
        seeds, variations = self.seeds
        spec = NoiseSpec(
            (4, self.height // 8, self.width // 8),
            tuple(seeds),
            tuple(variations),
            self.case.get("subseed_strength", 0.0),
            (drawn[0] // 8, drawn[1] // 8) if all(drawn) else None,
            self.options.get("eta_noise_seed_delta", 0),
        )
        noise, source = start_noise(spec, self.open_stream)
        return (shaken(noise) if self.nudge and self.nudge.shaken else noise), source

    def curve(self) -> Curve:
        options = self.options
        curve = curve_of(self.levels, sigma_min=options.get("sigma_min", 0.0), sigma_max=options.get("sigma_max", 0.0))
        if options.get("use_old_karras_scheduler_sigmas"):
            curve = replace(curve, sigma_min=0.1, sigma_max=10.0)
        return replace(
            curve,
            rho=options.get("rho", 0.0),
            alpha=options.get("beta_dist_alpha", 0.6),
            beta=options.get("beta_dist_beta", 0.6),
        )

    def sigmas(self, steps: int) -> Tensor:
        drops = samplers()[self.sampler].drops or self.options.get("always_discard_next_to_last_sigma", False)
        name = schedule_id(self.schedule, self.sampler)
        return self.moved(scheduled(name, self.levels, steps, self.curve(), drops_penultimate=drops))

    def moved(self, levels: Tensor) -> Tensor:
        return levels if self.nudge is None else nudged(levels, self.nudge.steps)

    def timesteps(self, steps: int) -> Tensor:
        return ddim_timesteps(steps + self.options.get("always_discard_next_to_last_sigma", False))

    def estimate(self) -> Estimate:
        network: Network = self.network
        if self.on_timesteps:
            return noise_itself(network) if self.pred == "eps" else noise_from_velocity(network, self.alphas)
        # the program's LCM wrapper takes every output for noise
        make = clean_from_noise if self.pred == "eps" or self.sampler == "lcm" else clean_from_velocity
        estimate = make(network, self.levels)
        return consistent(estimate, self.levels) if self.sampler == "lcm" else estimate

    def entries(self, text: str) -> tuple[Entry, ...]:
        old = self.options.get("use_old_scheduling", False)
        lines = timeline(text, self.total_calls, first_pass=self.first_pass, old=old)
        return tuple(Entry(end, Conditioning(toy.text_embed(line)[None])) for end, line in lines)

    def denoiser(self) -> Denoiser:
        return GuidedDenoiser(self.estimate(), self.guidance())

    def guidance(self) -> Guidance:
        options = self.options
        padding: Padding = "empty" if options.get("pad_cond_uncond") else "apart"
        padding = "last_token" if options.get("pad_cond_uncond_v0") else padding
        scale = self.case["cfg_scale"] / (CFG_PP_SCALE if self.sampler == "ddim_cfg_pp" else 1.0)
        return Guidance(
            positive=tuple(
                tuple(Branch(self.entries(part), weight) for part, weight in branches(text)) for text in self.prompts
            ),
            negative=tuple(Branch(self.entries(text)) for text in self.negatives),
            scale=scale,
            total_calls=self.total_calls,
            skips=Skips(
                options.get("s_min_uncond", 0.0),
                options.get("s_min_uncond_all", False),
                options.get("skip_early_cond", 0.0),
            ),
            padding=padding,
            empty=toy.text_embed("")[None],
            most_rows=None if options.get("batch_cond_uncond", True) else self.batch,
        )

    def knobs(self) -> Knobs:
        options = self.options
        eta = options.get("eta_ddim", 0.0) if self.on_timesteps else options.get("eta_ancestral", 1.0)
        knobs = Knobs(
            eta=self.case.get("eta", eta),
            s_noise=options.get("s_noise", 1.0),
            churn=Churn(
                options.get("s_churn", 0.0), options.get("s_tmin", 0.0), options.get("s_tmax", 0.0) or float("inf")
            ),
            alphas=self.alphas,
            unipc=UniPc(
                options.get("uni_pc_variant", "bh1"),
                options.get("uni_pc_skip_type", "time_uniform"),
                options.get("uni_pc_order", 3),
                options.get("uni_pc_lower_order_final", True),
            ),
            quirks=frozenset({"draws_idle_noise", "asks_noise_through_logs", "steps_to_zero"}),
        )
        return handed(self.sampler, knobs)

    def step_noise(self, source: ImageNoise, sigmas: Tensor, shape: Sequence[int]) -> Noise:
        if samplers()[self.sampler].draws != "brownian":
            return source
        positive = sigmas[sigmas > 0]
        return image_brownian(
            self.seeds[0], tuple(shape[1:]), (positive.min().item(), positive.max().item()), self.open_stream
        )

    # passes

    def from_text(self) -> Result:
        """A pass from noise alone."""
        noise, source = self.noise()
        if self.on_timesteps:
            timesteps = self.timesteps(self.steps)
            times = continuous_times(1.0, len(timesteps), self.knobs().unipc.spacing, 0.5 * self.alphas.log())
            return self.walked(noise, times if self.sampler == "unipc" else timesteps, source)
        sigmas = self.sigmas(self.steps)
        x = start_from_noise(noise, sigmas[0], scales_by_vp=self.options.get("sgm_noise_multiplier", False))
        low, high = self.moved(self.levels.sigmas[[0, -1]].float()).tolist()
        return self.walked(x, sigmas, self.step_noise(source, sigmas, x.shape), bounds=(low, high), steps=self.steps)

    def from_latent(self, init: Tensor, strength: float, *, exactly: bool, mask: Tensor | None = None) -> Result:
        """A pass that begins on a latent; mask: 1 where it is painted anew."""
        noise, source = self.noise()
        noise = noise * self.options.get("initial_noise_multiplier", 1.0)
        scheduled_steps, encoded = steps_from_picture(self.steps, strength, exactly=exactly)
        extra = self.options.get("img2img_extra_noise", 0.0)
        if self.on_timesteps:
            timesteps = self.timesteps(scheduled_steps)
            alpha = self.alphas[timesteps[encoded]].float()
            x = with_extra_noise(start_from_latent_at(init, noise, alpha), noise, extra, alpha)
            if self.sampler == "unipc":
                start = (int(timesteps[encoded - 1]) + 1) / 1000
                times = continuous_times(start, encoded, self.knobs().unipc.spacing, 0.5 * self.alphas.log())
                return self.walked(x, times, source, init=init, mask=mask)
            return self.walked(x, timesteps[:encoded], source, init=init, mask=mask)
        whole = self.sigmas(scheduled_steps)
        sigmas = whole[scheduled_steps - encoded - 1 :]
        x = with_extra_noise(self.noised(init, noise, sigmas[0]), noise, extra)
        step_noise = self.step_noise(source, whole, x.shape)
        bounds = sigmas[max(len(sigmas) - 2, 0)].item(), sigmas[0].item()
        return self.walked(x, sigmas, step_noise, bounds=bounds, steps=len(sigmas) - 1, init=init, mask=mask)

    def noised(self, init: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        return start_from_latent(init, noise, sigma)

    def walked(
        self,
        x: Tensor,
        levels: Tensor,
        noise: Noise,
        *,
        bounds: tuple[float, float] = (0.0, 0.0),
        steps: int = 0,
        init: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Result:
        """The latent after all steps, what the mask leaves alone put back."""
        knobs = replace(self.knobs(), bounds=bounds, steps=steps)
        denoise = self.denoiser()
        if init is not None and mask is not None:
            blend = putting_back(init, mask)
            denoise = Masked(denoise, before=blend) if self.on_timesteps else Masked(denoise, after=blend)
        sample = (TIMESTEP_SAMPLERS if self.on_timesteps else SAMPLERS)[self.sampler]
        x = sample(denoise, x, levels, noise, knobs=knobs)
        if init is not None and mask is not None:
            x = blend(x, levels[-1])
        return Result(x, self.network.seen)
