"""Which nodes say a pass, and with which numbers."""

from typing import Any

import pytest

from paramc.ir.assets import AssetRef
from paramc.ir.job import Job
from paramc.ir.names import samplers, schedules
from paramc.ir.plan import LoadCheckpoint, MakeNoise, Sample, Sigmas, Slice
from paramc.ir.sampling import Variation
from paramc.ir.stages import Refiner
from tests.unit.backends.graph.plans import classes, encode, every, graph_of, only, picture, sample
from tests.unit.backends.graph.server import refusals

CHAIN = ["RandomNoise", "CFGGuider", "SamplerCustomAdvanced"]


def levels(schedule: str = "karras", steps: int = 20, **changes: Any) -> Sigmas:
    return Sigmas(id="sigmas", model="checkpoint.model", schedule=schedule, steps=steps, **changes)


def noise(**changes: Any) -> MakeNoise:
    return MakeNoise(id="noise", **({"seed": 5, "generator": "cpu"} | changes))


def graph(
    *ops: Any, base: str = "sd1", job: Job | None = None, form: str = "ksampler", **changes: Any
) -> dict[str, Any]:
    found = graph_of(picture(*ops, sample("sample", **changes), family=base), job, form=form)
    assert refusals(found) == []
    return found


def tail(start: int, strength: float, **changes: Any) -> tuple[Slice, Sigmas]:
    whole = levels(**changes).model_copy(update={"id": "whole"})
    return whole, Slice(id="sigmas", sigmas="whole", start=start, strength=strength)


@pytest.mark.parametrize("sampler", [*samplers(), "unknown:Odd one"])
@pytest.mark.parametrize("form", ["ksampler", "faithful"])
def test_every_sampler_is_said_in_words_of_the_server(sampler: str, form: str) -> None:
    made = graph(levels("uniform"), sampler=sampler, form=form)
    assert every(made, "KSampler") or every(made, "KSamplerAdvanced") or every(made, "SamplerCustomAdvanced")


@pytest.mark.parametrize("schedule", [*schedules(), "unknown:Odd one"])
@pytest.mark.parametrize("base", ["sd1", "sdxl", "sd3", "flux"])
@pytest.mark.parametrize("form", ["ksampler", "faithful"])
def test_every_schedule_is_said_in_words_of_the_server(schedule: str, base: str, form: str) -> None:
    assert graph(levels(schedule), base=base, form=form, sampler="euler")


def test_a_usual_pass_is_one_node() -> None:
    assert only(graph(), "KSampler") == {
        "seed": 5,
        "steps": 20,
        "cfg": 7.0,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "denoise": 1.0,
        "model": ["1", 0],
        "positive": ["3", 0],
        "negative": ["4", 0],
        "latent_image": ["2", 0],
    }


@pytest.mark.parametrize(
    ("seed", "written"), [(None, 0), (0, 0), (2**64 - 1, 2**64 - 1), (-5, 2**64 - 5), (2**64, 0), (2**64 + 7, 7)]
)
def test_seeds_are_taken_as_a_generator_takes_them(seed: int | None, written: int) -> None:
    assert only(graph(noise(seed=seed)), "KSampler")["seed"] == written


@pytest.mark.parametrize(
    ("sampler", "schedule", "name", "scheduler"),
    [
        ("ddim", "uniform", "ddim", "ddim_uniform"),
        ("ddim", "karras", "ddim", "karras"),
        ("plms", "uniform", "ipndm", "ddim_uniform"),
        ("unipc", "uniform", "uni_pc", "simple"),
        ("lcm", "uniform", "lcm", "sgm_uniform"),
        ("restart", "karras", "heun", "karras"),
        ("euler", "turbo", "euler", "simple"),
        ("euler", "beta", "euler", "beta"),
    ],
)
def test_samplers_with_steps_of_their_own(sampler: str, schedule: str, name: str, scheduler: str) -> None:
    node = only(graph(levels(schedule), sampler=sampler), "KSampler")
    assert (node["sampler_name"], node["scheduler"]) == (name, scheduler)


def test_lcm_changes_how_the_model_is_sampled() -> None:
    assert only(graph(sampler="lcm"), "ModelSamplingDiscrete") == {"sampling": "lcm", "zsnr": False, "model": ["1", 0]}


def test_ddim_cfg_pp_divides_the_guidance() -> None:
    node = only(graph(sampler="ddim_cfg_pp"), "KSampler")
    assert (node["sampler_name"], node["cfg"]) == ("euler_cfg_pp", pytest.approx(7.0 / 12.5))


@pytest.mark.parametrize(
    ("generator", "name"), [("cpu", "dpmpp_sde"), ("philox", "dpmpp_sde"), ("cuda", "dpmpp_sde_gpu")]
)
def test_brownian_noise_is_drawn_where_it_was(generator: str, name: str) -> None:
    assert only(graph(noise(generator=generator), sampler="dpmpp_sde"), "KSampler")["sampler_name"] == name


def test_a_dropped_sigma_is_the_sampler_s_own_or_is_cut_off() -> None:
    assert only(graph(levels(drops_penultimate=True), sampler="dpm_2"), "KSampler")["steps"] == 20
    node = only(graph(levels(drops_penultimate=True), sampler="dpmpp_3m_sde"), "KSamplerAdvanced")
    assert (node["steps"], node["start_at_step"], node["end_at_step"]) == (21, 0, 20)
    assert node["return_with_leftover_noise"] == "disable"


def test_kl_optimal_keeps_the_noise_of_its_last_sigma() -> None:
    node = only(graph(levels("kl_optimal")), "KSamplerAdvanced")
    assert (node["steps"], node["end_at_step"], node["return_with_leftover_noise"]) == (21, 20, "enable")


@pytest.mark.parametrize(("start", "steps", "strength"), [(4, 20, 0.75), (10, 20, 0.45), (19, 20, 0.0)])
def test_a_pass_on_a_picture_enters_the_schedule_where_a1111_does(start: int, steps: int, strength: float) -> None:
    node = only(graph(*tail(start, strength, steps=steps)), "KSamplerAdvanced")
    assert (node["add_noise"], node["noise_seed"], node["steps"]) == ("enable", 5, steps)
    assert (node["start_at_step"], node["end_at_step"]) == (start, 10000)
    assert node["return_with_leftover_noise"] == "disable"


@pytest.mark.parametrize(("steps", "strength"), [(20, 0.5), (15, 0.7), (12, 0.35), (7, 0.999), (10, 1 / 3)])
def test_a_second_pass_of_so_many_steps_is_one_node(steps: int, strength: float) -> None:
    full = int(steps / min(strength, 0.999))
    node = only(graph(*tail(full - steps, strength, steps=full)), "KSampler")
    assert node["steps"] == steps
    assert node["denoise"] == (strength if full > steps else 1.0)
    assert (int(steps / node["denoise"]) if node["denoise"] < 1 else steps) == full


def test_a_strength_next_to_nothing_leaves_a_graph() -> None:
    node = only(graph(*tail(199_980, 0.0001, steps=200_000)), "KSampler")
    assert (node["steps"], node["denoise"]) == (20, 0.0001)
    texts = encode("positive", (5, "a"), (20, "b"))
    assert graph(texts, *tail(10**12 - 20, 1e-300, steps=10**12))
    assert only(graph(*tail(19, 5e-324)), "KSamplerAdvanced")["start_at_step"] == 19


def test_a_schedule_of_uneven_length_is_cut_from_its_start() -> None:
    node = only(graph(*tail(10, 0.5, schedule="ddim", steps=20)), "KSamplerAdvanced")
    assert (node["steps"], node["start_at_step"]) == (20, 10)


def test_no_strength_is_no_change() -> None:
    assert only(graph(*tail(0, 0.0)), "KSampler")["denoise"] == 0.0
    assert only(graph(*tail(0, 0.0), form="faithful"), "KSampler")["denoise"] == 0.0
    assert only(graph(*tail(0, 0.0, schedule="align_your_steps")), "SplitSigmasDenoise")["denoise"] == 0.0


def test_own_limits_of_sigma_need_a_chain() -> None:
    made = graph(levels(sigma_min=0.1, sigma_max=10.0, rho=5.0))
    assert only(made, "KarrasScheduler") == {"steps": 20, "sigma_max": 10.0, "sigma_min": 0.1, "rho": 5.0}
    assert [name for name in classes(made) if name in CHAIN] == CHAIN
    assert only(made, "KSamplerSelect") == {"sampler_name": "dpmpp_2m"}


@pytest.mark.parametrize(
    ("schedule", "changes", "class_type"),
    [
        ("karras", {"rho": 7.0}, None),
        ("karras", {"sigma_min": 0.1}, "KarrasScheduler"),
        ("exponential", {"sigma_max": 10.0}, "ExponentialScheduler"),
        ("exponential", {"rho": 3.0}, None),
        ("polyexponential", {"rho": 1.0}, None),
        ("polyexponential", {"rho": 2.0}, "PolyexponentialScheduler"),
        ("uniform", {"sigma_min": 0.1}, None),
        ("beta", {}, None),
        ("beta", {"beta_alpha": 0.5}, "BetaSamplingScheduler"),
        ("align_your_steps", {}, "AlignYourStepsScheduler"),
        ("align_your_steps_gits", {}, "GITSScheduler"),
    ],
)
def test_schedules_that_no_word_says_have_a_node(
    schedule: str, changes: dict[str, float], class_type: str | None
) -> None:
    made = graph(levels(schedule, **changes), sampler="euler")
    assert ("KSampler" in classes(made)) == (class_type is None)
    assert class_type is None or class_type in classes(made)


@pytest.mark.parametrize(("base", "table"), [("sd1", "SD1"), ("sdxl", "SDXL")])
def test_align_your_steps_has_a_table_for_each_base(base: str, table: str) -> None:
    assert only(graph(levels("align_your_steps"), base=base), "AlignYourStepsScheduler")["model_type"] == table


def test_a_chain_on_a_picture_takes_the_end_of_the_schedule() -> None:
    made = graph(*tail(4, 0.75, sigma_min=0.1))
    split = only(made, "SplitSigmas")
    assert split["step"] == 4
    key = next(key for key, node in made.items() if node["class_type"] == "SplitSigmas")
    assert only(made, "SamplerCustomAdvanced")["sigmas"] == [key, 1]


@pytest.mark.parametrize(
    ("sampler", "changes", "class_type", "inputs"),
    [
        ("euler_ancestral", {"eta": 0.5, "s_noise": 1.1}, "SamplerEulerAncestral", {"eta": 0.5, "s_noise": 1.0}),
        ("dpmpp_2s_ancestral", {"s_noise": 1.1}, "SamplerDPMPP_2S_Ancestral", {"eta": 1.0, "s_noise": 1.1}),
        (
            "dpmpp_2m_sde",
            {"eta": 0.0},
            "SamplerDPMPP_2M_SDE",
            {"eta": 0.0, "solver_type": "midpoint", "noise_device": "cpu"},
        ),
        ("dpmpp_2m_sde_heun", {"eta": 0.0}, "SamplerDPMPP_2M_SDE", {"solver_type": "heun"}),
        ("dpm_adaptive", {}, "SamplerDPMAdaptative", {"eta": 1.0}),
        ("dpm_adaptive", {"eta": 0.0}, "SamplerDPMAdaptative", {"eta": 0.0}),
    ],
)
def test_what_a_name_cannot_say_has_a_sampler_node(
    sampler: str, changes: dict[str, float], class_type: str, inputs: dict[str, Any]
) -> None:
    node = only(graph(sampler=sampler, **changes), class_type)
    assert node | inputs == node


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "dpm_fast", "dpm_2_ancestral"])
def test_eta_without_a_node_for_it_changes_nothing(sampler: str) -> None:
    assert "KSampler" in classes(graph(levels("uniform"), sampler=sampler, eta=0.5, s_noise=1.1))


def test_the_faithful_form_starts_from_plain_noise() -> None:
    made = graph(levels("uniform"), sampler="euler", form="faithful")
    assert only(made, "SetFirstSigma")["sigma"] == 14.6143
    assert only(made, "BasicScheduler") == {"scheduler": "normal", "steps": 20, "denoise": 1.0, "model": ["1", 0]}
    assert [name for name in classes(made) if name in CHAIN] == CHAIN


@pytest.mark.parametrize(
    ("ops", "changes"),
    [
        ((levels("ddim"),), {}),
        ((levels(drops_penultimate=True),), {"sampler": "dpm_2"}),
        ((levels(drops_penultimate=True),), {"sampler": "dpmpp_3m_sde"}),
        ((noise(scales_by_vp=True),), {}),
        ((), {"flags": ("zero_terminal_snr",)}),
        (tail(4, 0.75), {}),
        ((), {"base": "flux"}),
    ],
)
def test_the_faithful_form_keeps_the_plain_node_where_it_is_as_good_or_better(
    ops: Any, changes: dict[str, Any]
) -> None:
    made = graph(*ops, form="faithful", **changes)
    assert "SamplerCustomAdvanced" not in classes(made)


def test_kl_optimal_in_the_faithful_form_ends_above_zero() -> None:
    made = graph(levels("kl_optimal"), form="faithful")
    assert only(made, "BasicScheduler")["steps"] == 21
    assert only(made, "SplitSigmas")["step"] == 20
    assert only(made, "SamplerCustomAdvanced")["sigmas"][1] == 0


def test_guidance_of_a_distilled_model_is_a_node() -> None:
    made = graph(base="flux", cfg_scale=1.0, distilled_cfg_scale=3.5)
    assert [inputs["guidance"] for inputs in every(made, "FluxGuidance")] == [3.5]
    made = graph(base="flux", cfg_scale=2.0, distilled_cfg_scale=3.5)
    assert len(every(made, "FluxGuidance")) == 2
    assert every(graph(cfg_scale=1.0, distilled_cfg_scale=3.5), "FluxGuidance") == []


def test_the_shift_of_flow_models_is_a_node() -> None:
    assert only(graph(levels("simple", shift=2.5), base="sd3"), "ModelSamplingSD3")["shift"] == 2.5
    node = only(graph(levels("simple", shift=2.718281828459045), base="flux"), "ModelSamplingFlux")
    assert (node["max_shift"], node["base_shift"]) == (1.0, 1.0)
    assert only(graph(levels("simple", shift=2.5), base="chroma"), "ModelSamplingAuraFlow")["shift"] == 2.5
    assert "ModelSamplingSD3" not in classes(graph(levels(shift=2.5)))
    assert "ModelSamplingSD3" not in classes(graph(levels(shift=-1.0), base="sd3"))


def test_rescaled_guidance_and_zero_snr_change_the_model() -> None:
    made = graph(cfg_rescale=0.7, flags=("zero_terminal_snr",))
    assert only(made, "ModelSamplingDiscrete") == {"sampling": "v_prediction", "zsnr": True, "model": ["1", 0]}
    assert only(made, "RescaleCFG")["multiplier"] == 0.7


def refined(
    *ops: Any, counts: bool = False, switch_at: float = 0.8, form: str = "ksampler", **changes: Any
) -> dict[str, Any]:
    load = LoadCheckpoint(id="refiner", asset=AssetRef(name="sd_xl_refiner_1.0"))
    job = Job(stages=(Refiner(checkpoint=load.asset, switch_at=switch_at, counts_steps=counts),))
    return graph(
        load, *ops, base="sdxl", job=job, form=form, refined_by="refiner.model", switch_at=switch_at, **changes
    )


def test_a_refiner_takes_over_with_the_noise_that_is_left() -> None:
    made = refined(counts=True)
    first, second = every(made, "KSamplerAdvanced")
    assert (first["add_noise"], first["start_at_step"], first["end_at_step"]) == ("enable", 0, 16)
    assert (second["add_noise"], second["start_at_step"], second["end_at_step"]) == ("disable", 16, 10000)
    assert (first["return_with_leftover_noise"], second["return_with_leftover_noise"]) == ("enable", "disable")
    loaders = {
        inputs["ckpt_name"]: key for key, inputs in ((k, n["inputs"]) for k, n in made.items()) if "ckpt_name" in inputs
    }
    assert second["model"] == [loaders["sd_xl_refiner_1.0.safetensors"], 0]
    assert made[second["positive"][0]]["inputs"]["clip"] == [loaders["sd_xl_refiner_1.0.safetensors"], 1]


@pytest.mark.parametrize(("schedule", "step"), [("uniform", 16), ("karras", 12)])
def test_a_refiner_takes_over_at_a_timestep(schedule: str, step: int) -> None:
    """The first step nearest to timestep 199 or less; recorded are 158 (uniform, 16) and 197 (Karras, 12)."""
    assert every(refined(levels(schedule)), "KSamplerAdvanced")[0]["end_at_step"] == step


def test_a_second_noise_is_mixed_in_by_a_node_of_a_pack() -> None:
    noise = MakeNoise(id="noise", seed=5, generator="cuda", variation=Variation(seed=9, strength=0.25))
    inputs = only(graph_of(picture(noise), variation="true"), "KSampler //Inspire")
    asked = ("seed", "variation_seed", "variation_strength", "variation_method", "noise_mode")
    assert [inputs[name] for name in asked] == [5, 9, 0.25, "slerp", "GPU(=A1111)"]
    assert "KSampler" in classes(graph_of(picture(noise)))


def test_a_refiner_in_a_chain_takes_the_rest_of_the_schedule() -> None:
    made = refined(counts=True, form="faithful")
    assert [inputs["step"] for inputs in every(made, "SplitSigmas")] == [16, 16]
    first, rest = only(made, "SamplerCustomAdvanced"), only(made, "SamplerCustom")
    assert (first["sigmas"][1], rest["sigmas"][1], rest["add_noise"]) == (0, 1, False)
    assert made[first["noise"][0]]["inputs"]["noise_seed"] == rest["noise_seed"]


def test_a_refiner_that_never_takes_over_is_not_loaded() -> None:
    made = refined(counts=True, switch_at=1.0)
    assert len(every(made, "CheckpointLoaderSimple")) == 1
    assert "KSampler" in classes(made)


def test_numbers_stay_within_what_the_nodes_take() -> None:
    made = graph(levels(steps=99_999), cfg_scale=1e9)
    assert (only(made, "KSampler")["steps"], only(made, "KSampler")["cfg"]) == (10000, 100.0)
    assert only(graph(cfg_scale=float("nan")), "KSampler")["cfg"] == 0.0


def test_absurd_limits_of_sigma_leave_a_graph() -> None:
    for changes in ({"rho": 1e-9}, {"sigma_min": -1.0}, {"sigma_max": float("inf")}, {"rho": -5.0}):
        assert graph(encode("positive", (5, "a"), (20, "b")), levels(**changes))


def test_passes_are_told_apart_by_their_titles() -> None:
    second: Sample = sample("sample_hires", latent="sample")
    plan = picture(second)
    ops = [op for op in plan.ops if op.id != "sample_hires"]
    place = [op.id for op in ops].index("decode")
    ops.insert(place, second)
    ops = [op.model_copy(update={"latent": "sample_hires"}) if op.id == "decode" else op for op in ops]
    made = graph_of(plan.model_copy(update={"ops": tuple(ops)}))
    titles = [node["_meta"]["title"] for node in made.values() if node["class_type"] == "KSampler"]
    assert titles == ["Sample", "Hires pass"]
