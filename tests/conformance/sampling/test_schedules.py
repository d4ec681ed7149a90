"""Sigmas, timesteps and whole-number tables against those of real programs."""

import gzip
import json
from dataclasses import replace
from functools import cache

import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")

import torch
from torch import Tensor

from paramc.ir.geometry import Size
from paramc.ir.names import schedules
from paramc.ir.stages import Hires
from paramc.passes.later import hires_size
from paramc.runtime.schedules.curve import curve_of
from paramc.runtime.schedules.curves import laplace, variance_preserving
from paramc.runtime.schedules.fitted import align_your_steps_exact
from paramc.runtime.schedules.levels import (
    Levels,
    TimestepTable,
    flow_table,
    lcm_table,
    recorded_table,
    sd_alphas,
    single_precision_table,
)
from paramc.runtime.schedules.registry import SCHEDULES, scheduled, tail_of_longer
from paramc.runtime.schedules.spaced import sd_turbo
from paramc.runtime.schedules.timesteps import ddim_timesteps
from paramc.runtime.stages.sizes import Box, padded, widened
from tests.conformance.sampling import comfyui, forge
from tests.conformance.sampling.a1111 import steps_from_picture
from tests.conformance.sampling.recorded import Case, folder, recording

pytestmark = pytest.mark.sdk


def relative(result: Tensor, expected: Tensor) -> float:
    """Largest relative error of an element; equal numbers, NaN and infinity included, have none."""
    if result.shape != expected.shape:
        return float("inf")
    result, expected = result.double(), expected.double()
    same = (result == expected) | (result.isnan() & expected.isnan())
    error = (result - expected).abs() / expected.abs().clamp(min=1e-30)
    return torch.where(same, 0.0, error).max().item()


@cache
def a1111_levels(model: str, rounds: bool) -> Levels:
    match model:
        case "sd_zsnr":
            return recorded_table("zero_terminal", rounds=rounds)
        case "sd_fp16":
            return single_precision_table(sd_alphas().float().half(), rounds=rounds)
        case "sd3_flow":
            sigmas = flow_table(3.0).sigmas
            return TimestepTable(sigmas, sigmas.log(), rounds)
        case "lcm":
            return lcm_table(recorded_table("sd"))
        case _:
            return recorded_table("sd", rounds=rounds)


def a1111_sigmas(case: Case) -> Tensor:
    options = case.get("opts", {})
    if case["schedule"].startswith("timesteps"):
        return ddim_timesteps(case["steps"])
    levels = a1111_levels(case["model"], options.get("enable_quantization", False))
    return labelled(case, levels, options.get("always_discard_next_to_last_sigma", False))


def labelled(case: Case, levels: Levels, drops: bool) -> Tensor:
    name = case["schedule"].lower().replace(" ", "_")
    curve = replace(curve_of(levels), fitted_to="sdxl" if case["model"].startswith("sdxl") else "sd1")
    name = "uniform" if name == "automatic" else name
    return scheduled(name, levels, case["steps"], curve, drops_penultimate=drops)


def forge_sigmas(case: Case) -> Tensor:
    return labelled(case, forge.levels_of({"zsnr": "v_zsnr"}.get(case["model"], case["model"])), False)


def comfy_sigmas(case: Case) -> Tensor:
    if "node" in case.inputs:
        return node_sigmas(case)
    levels = comfyui.levels_of(case["model"])
    name = comfyui.SCHEDULE_IDS.get(case["scheduler"], case["scheduler"])
    drops = case["discard_penultimate"]
    return tail_of_longer(name, levels, case["steps"], case["denoise"], curve_of(levels), drops_penultimate=drops)


def node_sigmas(case: Case) -> Tensor:
    levels, steps, node = comfyui.levels_of("eps"), case["steps"], case["node"].split()[0]
    typed = curve_of(levels, sigma_min=0.0291675, sigma_max=14.614642)
    match node:
        case "LaplaceScheduler":
            return laplace(steps, typed.sigma_min, typed.sigma_max)
        case "VPScheduler":
            return variance_preserving(steps)
        case "SDTurboScheduler":
            return sd_turbo(levels, steps)
        case "BasicScheduler":
            return tail_of_longer("karras", levels, steps, 0.5, curve_of(levels))
        case "BetaSamplingScheduler":
            return scheduled("beta_timesteps", levels, steps, replace(typed, alpha=0.4, beta=0.8))
        case "AlignYourStepsScheduler":
            fitted = replace(typed, fitted_to=case["model_type"].lower())
            return align_your_steps_exact(steps, fitted, case["denoise"])
        case "PolyexponentialScheduler":
            return scheduled("polyexponential", levels, steps, replace(typed, rho=1.5))
        case _:
            return scheduled(node.removesuffix("Scheduler").lower(), levels, steps, typed)


@pytest.mark.parametrize(
    ("name", "sigmas"),
    [("a1111_schedules", a1111_sigmas), ("forge_schedules", forge_sigmas), ("comfy_schedules", comfy_sigmas)],
)
def test_sigmas_are_those_of_the_program(name: str, sigmas: object) -> None:
    assert callable(sigmas)
    cases = [case for case in recording(name) if "table" not in case.inputs and case.get("node") != "GITSScheduler"]
    wrong = [case.label for case in cases if relative(sigmas(case), case.expected) > allowed(case)]
    assert wrong == []


def allowed(case: Case) -> float:
    """Forge stretches cumulative alphas in float32, where the last digit of one near 1 is 3e-5 of its sigma."""
    return 4e-5 if case.get("model") == "zsnr" else 2e-6


def test_the_model_tables_are_those_of_the_program() -> None:
    wrong = []
    for name, of in (("comfy_schedules", comfyui.levels_of), ("forge_schedules", forge.levels_of)):
        for case in recording(name):
            if "table" in case.inputs and relative(tabulated(case, of(case["model"])), case.expected) > 2e-7:
                wrong.append(case.label)
    assert wrong == []


def tabulated(case: Case, levels: Levels) -> Tensor:
    match case["table"]:
        case "sigmas":
            return levels.sigmas
        case "sigma(t)":
            return levels.sigma(torch.tensor(case["t"]))
        case "timestep(sigma)":
            return levels.timestep(torch.tensor(case["sigma"]))
        case _:
            fractions = [levels.at_fraction(percent) for percent in case["percent"]]
            return torch.tensor(fractions, dtype=torch.float64)


def test_whole_number_tables_are_exact() -> None:
    path = folder() / "a1111_int_tables.json"
    raw = path.read_bytes() if path.exists() else gzip.decompress(path.with_suffix(".json.gz").read_bytes())
    tables = json.loads(raw)
    for exactly, steps, strength, second, scheduled_steps, encoded in tables["img2img_steps"]["rows"]:
        asked = steps if second is None else second
        assert steps_from_picture(asked, strength, exactly=exactly or second is not None) == (scheduled_steps, encoded)
    for row in tables["hires_size"]:
        wanted = Size(row.get("hr_resize_x", 0), row.get("hr_resize_y", 0))
        hires = Hires(scale=row.get("hr_scale", 1.0), size=wanted)
        size, target = hires_size(Size(row["width"], row["height"]), hires)
        assert [*size] == row["upscale_to"]
        assert [(side - left) // 8 for side, left in zip(size, target, strict=True)] == row["truncate_latent"]
    for row in tables["only_masked_crop"]:
        whole = Size(*row["image"])
        box = padded(Box(*row["mask_box"]), row["pad"], whole)
        assert [*box] == row["crop"]
        assert [*widened(box, Size(*row["proc"]), whole)] == row["expanded"]


def test_every_canonical_schedule_has_a_function() -> None:
    assert {*SCHEDULES} == {*schedules()} - {"automatic"}
