"""Passes behind the first: what each works on, how large it is, and what is left where a target has none of them."""

from typing import Any

import pytest

import paramc
from paramc.backends.legalise import legalise
from paramc.backends.registry import find_target
from paramc.ir.geometry import Size, multiplied
from paramc.ir.job import Job
from paramc.ir.names import model_factor
from paramc.ir.plan import (
    Decode,
    EncodeImage,
    LoadCheckpoint,
    MakeNoise,
    Op,
    Plan,
    ResizeLatent,
    Sample,
    ScaleLatent,
    Slice,
    UpscaleImage,
)

TEXT = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x768, Model: dream"
COMFYUI = {"producer.dialect": "comfyui"}


def job(*stages: dict[str, Any], **changed: object) -> Job:
    kinds = [{"kind": "further", **stage} for stage in stages]
    return paramc.parse(TEXT).replace({"stages": kinds} | COMFYUI | changed)


def of(plan: Plan, kind: type[Op]) -> list:  # type: ignore[type-arg, valid-type]  # whichever op is asked for
    return [op for op in plan.ops if isinstance(op, kind)]


def test_each_pass_works_on_what_the_one_before_it_leaves() -> None:
    plan = paramc.lower(job({"strength": 0.5}, {"upscaler": "latent:bilinear", "scale": 1.5}, {"steps": 8}))
    assert [(op.id, op.latent) for op in of(plan, Sample)] == [
        ("sample", "latent"),
        ("sample_further1", "sample"),
        ("sample_further2", "enlarged_further2"),
        ("sample_further3", "sample_further2"),
    ]
    assert [op.latent for op in of(plan, ScaleLatent)] == ["sample_further1"]
    assert of(plan, Decode)[-1].latent == "sample_further3"


def test_the_steps_of_a_part_are_counted_behind_what_makes_the_schedule_longer() -> None:
    (cut,) = of(paramc.lower(job({"strength": 0.5, "first_step": 4, "last_step": 12, "leaves_noise": True})), Slice)
    assert (cut.lead, cut.start, cut.end, cut.ends_clean) == (20, 24, 32, False)


def test_a_pass_that_adds_no_noise_has_none() -> None:
    plan = paramc.lower(job({"adds_noise": False, "first_step": 8, "seed": 9}, {"strength": 0.5}))
    assert [(op.id, op.seed, op.multiplier) for op in of(plan, MakeNoise)] == [
        ("noise", 1, 1.0),
        ("noise_further1", 9, 0.0),
    ]
    assert of(plan, Sample)[-1].noise == "noise"


def test_another_checkpoint_reads_the_texts_and_the_next_pass_has_the_first_one_again() -> None:
    plan = paramc.lower(job({"checkpoint": {"name": "other"}, "strength": 0.5}, {"strength": 0.3}))
    first, second, third = of(plan, Sample)
    assert (second.model, second.positive) == ("further1_checkpoint.model", "positive_further1")
    assert (third.model, third.positive) == (first.model, first.positive)


@pytest.mark.parametrize(
    ("stage", "kinds", "size"),
    [
        ({"upscaler": "latent:bicubic", "size": "768x1024"}, [ResizeLatent], Size(768, 1024)),
        ({"upscaler": "image:area", "scale": 1.5}, [Decode, UpscaleImage, EncodeImage], None),
        ({"upscaler": "image:area", "size": "768x1024"}, [Decode, UpscaleImage, EncodeImage], Size(768, 1024)),
        ({"upscaler": "model:4x-UltraSharp"}, [Decode, UpscaleImage, EncodeImage], None),
    ],
)
def test_what_is_enlarged_goes_through_what_it_needs(
    stage: dict[str, Any], kinds: list[type], size: Size | None
) -> None:
    plan = paramc.lower(job(stage))
    enlarging = (ResizeLatent, Decode, UpscaleImage, EncodeImage)
    found = [op for op in plan.ops if isinstance(op, enlarging) and op.id != "decode"]
    assert [type(op) for op in found] == kinds
    assert [op.size for op in found if isinstance(op, ResizeLatent | UpscaleImage)] == [size]


@pytest.mark.parametrize(
    ("size", "factor", "cell", "result"),
    [((512, 512), 1.51, 8, (776, 776)), ((512, 768), 1.5, 8, (768, 1152)), ((100, 50), 1.25, 1, (125, 62))],
)
def test_factors_are_rounded_to_whole_cells(
    size: tuple[int, int], factor: float, cell: int, result: tuple[int, int]
) -> None:
    assert multiplied(Size(*size), factor, cell) == result


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("4x-UltraSharp", 4), ("model:4x_NMKD-Siax_200k", 4), ("RealESRGAN_x4plus", 4), ("ESRGAN_4x", 4),
        ("R-ESRGAN 4x+", 4), ("2xLexicaRRDBNet", 2), ("OmniSR_X2_DIV2K", 2), ("16x", 16), ("BSRGAN", None),
        ("x", None), ("0x", None), ("max4", None), ("512x512", None),
    ],
)  # fmt: skip
def test_the_factor_of_a_model_is_in_its_name(name: str, factor: int | None) -> None:
    assert model_factor(name) == factor


def test_a_target_without_such_passes_shows_what_the_pass_before_them_gives() -> None:
    plan = paramc.lower(job({"upscaler": "image:area", "scale": 1.5, "checkpoint": {"name": "other"}}))
    short = legalise(plan, find_target("diffusers"), {})
    (decode,) = of(short, Decode)
    assert ([op.id for op in of(short, Sample)], decode.latent, decode.vae) == (["sample"], "sample", "checkpoint.vae")
    assert [op.asset.name for op in of(short, LoadCheckpoint)] == ["dream"]


def test_what_the_latent_of_another_steers_is_left_out() -> None:
    plan = paramc.lower(job({"steered": True, "steps": 10}))
    assert [op.id for op in of(plan, Sample)] == ["sample"]
