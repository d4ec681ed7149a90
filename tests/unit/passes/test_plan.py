"""Job → Plan: the operations of every kind of job, with the UI's integer arithmetic."""

import pytest

import paramc
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.plan import (
    ApplyNetwork,
    Combine,
    Decode,
    EmptyLatent,
    Encode,
    EncodeImage,
    LoadCheckpoint,
    LoadParts,
    MakeNoise,
    MaskLatent,
    Op,
    Plan,
    ResizeLatent,
    Sample,
    Sigmas,
    Slice,
    UpscaleImage,
)
from paramc.ir.sampling import Variation
from paramc.ir.stages import Hires
from paramc.passes.conditioning import denoiser_calls
from paramc.passes.later import hires_size
from paramc.passes.plan import plan_job

BASE = "Steps: 20, Sampler: {sampler}, CFG scale: 7, Seed: 1, Size: 512x768, Version: v1.10.1"
EULER = "Euler, Schedule type: Uniform"


def planned(prompt: str = "a cat", extra: str = "", sampler: str = EULER, negative: str = "dog") -> Plan:
    fields = BASE.format(sampler=sampler) + extra
    return paramc.lower(paramc.parse(f"{prompt}\nNegative prompt: {negative}\n{fields}"))


def of(plan: Plan, kind: type[Op]) -> list:  # type: ignore[type-arg, valid-type]  # whichever op is asked for
    return [op for op in plan.ops if isinstance(op, kind)]


def test_every_input_is_defined_before_its_use() -> None:
    plan = planned("a AND b <lora:x:0.5>", ", Hires upscale: 2, Hires upscaler: 4x-UltraSharp, Denoising strength: 0.4")
    seen: set[str] = set()
    for op in plan.ops:
        values = [value for name, value in op.__dict__.items() if isinstance(value, str) and name not in ("id", "op")]
        sources = {value.partition(".")[0] for value in values} & {other.id for other in plan.ops}
        assert sources <= seen, op
        seen.add(op.id)


def test_a_plain_picture_needs_eight_kinds_of_ops() -> None:
    assert [op.op for op in planned().ops] == [
        "load_checkpoint",
        "encode",
        "encode",
        "empty_latent",
        "make_noise",
        "sigmas",
        "sample",
        "decode",
        "save",
    ]


def test_size_and_batch_reach_the_latent() -> None:
    (latent,) = of(planned(extra=", Batch size: 4"), EmptyLatent)
    assert (latent.size, latent.batch) == (Size(512, 768), 4)


def test_a_seed_that_asks_for_any_is_none() -> None:
    job = Job().replace({"noise.seed": -1, "noise.variation.seed": -1, "noise.variation.strength": 0.5})
    (noise,) = of(plan_job(job), MakeNoise)
    assert (noise.seed, noise.variation) == (None, Variation(seed=None, strength=0.5))


def test_modules_make_separate_loaders() -> None:
    (parts,) = of(planned(extra=", Module 1: ae, Module 2: clip_l"), LoadParts)
    assert [asset.name for asset in parts.encoders] == ["ae", "clip_l"]


def test_networks_chain_in_the_order_of_the_prompt() -> None:
    first, second = of(planned("<lora:a:0.5:0.25> x <lora:b>"), ApplyNetwork)
    assert (first.asset.name, first.clip_strength, first.model_strength) == ("a", 0.5, 0.25)
    assert (second.model, second.clip) == ("network1.model", "network1.clip")


def test_a_network_named_twice_is_applied_twice_with_its_last_strength() -> None:
    assert [op.model_strength for op in of(planned("<lora:a:0.3><lora:a:0.5>"), ApplyNetwork)] == [0.5, 0.5]


def test_parts_between_and_are_combined_with_their_weights() -> None:
    (combine,) = of(planned("a :1.2 AND b :0.7"), Combine)
    assert (combine.inputs, combine.weights) == (("positive1", "positive2"), (1.2, 0.7))


def test_a_weight_without_and_still_counts() -> None:
    (combine,) = of(planned("ratio 16:9"), Combine)
    assert (combine.inputs, combine.weights) == (("positive",), (9.0,))


def test_and_in_a_negative_prompt_is_a_word() -> None:
    assert [op.id for op in of(planned(negative="a AND b"), Encode)] == ["positive", "negative"]


@pytest.mark.parametrize(("sampler", "last"), [(EULER, [10, 20]), ("DPM++ SDE, Schedule type: Karras", [20, 40])])
def test_edits_count_denoiser_calls(sampler: str, last: list[int]) -> None:
    encode = of(planned("[a:b:0.5]", sampler=sampler), Encode)[0]
    assert [variant.last_call for variant in encode.variants] == last


def test_dpm2_called_once_a_step_before_1_6_0() -> None:
    job = paramc.parse("x\nSteps: 20, Sampler: DPM2, CFG scale: 7, Seed: 1, Version: v1.5.2")
    assert denoiser_calls(job, "dpm_2", 20) == 20


@pytest.mark.parametrize(
    ("label", "schedule", "drops"),
    [
        ("DPM++ 2M, Schedule type: Automatic", "karras", False),
        ("DPM++ 3M SDE, Schedule type: Automatic", "exponential", True),
        ("Euler a, Schedule type: Automatic", "uniform", False),
    ],
)
def test_automatic_is_the_samplers_own_schedule(label: str, schedule: str, drops: bool) -> None:
    (sigmas,) = of(planned(sampler=label), Sigmas)
    assert (sigmas.schedule, sigmas.drops_penultimate) == (schedule, drops)


@pytest.mark.parametrize(("strength", "start"), [(0.5, 9), (0.75, 4), (1.0, 0), (0.0, 19), (0.29, 14)])
def test_image_to_image_runs_one_step_more_than_the_share(strength: float, start: int) -> None:
    (tail,) = of(planned(extra=f", Denoising strength: {strength}"), Slice)
    assert tail.start == start


def test_a_mask_is_laid_over_the_encoded_picture() -> None:
    plan = planned(extra=", Denoising strength: 0.6, Mask blur: 8, Masked content: latent noise")
    (mask,) = of(plan, MaskLatent)
    assert (mask.latent, mask.blur, mask.fill) == ("latent", 8.0, "latent_noise")


def test_hires_runs_exactly_its_steps_of_a_longer_schedule() -> None:
    plan = planned(extra=", Denoising strength: 0.45, Hires upscale: 1.5, Hires steps: 12, Hires upscaler: Latent")
    sigmas, (tail,) = of(plan, Sigmas), of(plan, Slice)
    assert (sigmas[1].steps, tail.start) == (26, 14)


def test_latent_hires_resizes_the_latent() -> None:
    plan = planned(extra=", Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: Latent (nearest-exact)")
    (resize,) = of(plan, ResizeLatent)
    assert (resize.method, resize.size) == ("nearest_exact", Size(768, 1152))
    assert len(of(plan, Decode)) == 1


def test_other_hires_goes_through_pixels() -> None:
    plan = planned(extra=", Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: Lanczos")
    (upscale,) = of(plan, UpscaleImage)
    assert upscale.upscaler == "image:lanczos"
    assert len(of(plan, EncodeImage)) == 1


@pytest.mark.parametrize(
    ("hires", "scaled", "target"),
    [
        (Hires(scale=1.3), (665, 998), (665, 998)),
        (Hires(size=Size(0, 1024)), (682, 1024), (682, 1024)),
        (Hires(size=Size(1024, 0)), (1024, 1536), (1024, 1536)),
        (Hires(size=Size(1024, 1024)), (1024, 1536), (1024, 1024)),
        (Hires(size=Size(512, 1536)), (1024, 1536), (512, 1536)),
        (Hires(), (1024, 1536), (1024, 1536)),
    ],
)
def test_hires_sizes_are_cut_off_not_rounded(hires: Hires, scaled: tuple[int, int], target: tuple[int, int]) -> None:
    assert hires_size(Size(512, 768), hires) == (scaled, target)


def test_hires_prompts_are_encoded_anew() -> None:
    plan = planned(extra=', Denoising strength: 0.5, Hires prompt: "a tiger", Hires upscale: 2, Hires upscaler: Latent')
    samples = of(plan, Sample)
    assert samples[0].positive == "positive"
    assert samples[1].positive == "positive_hires"


def test_equal_hires_prompts_are_not() -> None:
    plan = planned(extra=", Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: Latent")
    assert [op.positive for op in of(plan, Sample)] == ["positive", "positive"]


def test_a_refiner_takes_over_in_the_only_pass() -> None:
    plan = planned(extra=", Refiner: xl_refiner [7440042bbd], Refiner switch at: 0.8")
    (sample,) = of(plan, Sample)
    assert (sample.refined_by, sample.switch_at) == ("refiner.model", 0.8)
    assert [op.id for op in of(plan, LoadCheckpoint)] == ["checkpoint", "refiner"]


def test_a_refiner_waits_for_the_second_pass_of_hires() -> None:
    extra = ", Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: Latent, Refiner: r, Refiner switch at: 0.8"
    assert [op.refined_by for op in of(planned(extra=extra), Sample)] == [None, "refiner.model"]


def test_plans_go_through_json() -> None:
    plan = planned("a AND b <lora:x:0.5>", ", Hires upscale: 2, Hires upscaler: Latent, Denoising strength: 0.4")
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
