"""Noise levels and borders, against what ComfyUI recorded."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.dialects.graph.levels import (
    Flow,
    NoiseModel,
    borders,
    limits,
    second_call,
    shares,
    sigmas,
    variance_preserving,
)
from paramc.ir.job import Job
from paramc.ir.names import sampler_of, samplers
from paramc.ir.plan import Encode

GOLDEN = Path(__file__).parents[3] / "golden" / "comfyui"
MODELS: dict[str, NoiseModel] = {
    "sd15": variance_preserving(),
    "sd3_shift3": Flow(3.0, 1000),
    "flux_shift1.15": Flow(3.158192909689768, 10000),
}
SPACINGS = {
    "normal": "time",
    "simple": "table",
    "sgm_uniform": "time_open",
    "karras": "karras",
    "exponential": "exponential",
    "ddim_uniform": "table_from_one",
    "kl_optimal": "arctangent",
}


@cache
def recorded(name: str) -> Any:
    return json.loads(gzip.decompress((GOLDEN / name).read_bytes()))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("scheduler", SPACINGS)
def test_levels_are_those_of_comfyui(model: str, scheduler: str) -> None:
    cases = [
        case
        for case in recorded("sigmas.json.gz")["cases"]
        if (case["model"], case["scheduler"], case["denoise"]) == (model, scheduler, 1.0)
        and "nan" not in case["sigmas"]
    ]
    assert len(cases) >= 8
    for case in cases:
        dropped = case["sampler"] == "dpm_2"
        span = limits(MODELS[model], 0.0, 0.0, 7.0)
        levels = sigmas(SPACINGS[scheduler], case["steps"] + dropped, MODELS[model], span)
        assert levels is not None
        assert levels[: len(levels) - dropped] == pytest.approx(case["sigmas"][:-1], rel=1e-5)


def test_the_table_is_that_of_comfyui() -> None:
    table = [variance_preserving().entry(index) for index in range(1000)]
    assert table == pytest.approx(recorded("sigmas.json.gz")["sd15_sigmas_1000"], rel=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_a_share_of_the_sampling_is_the_sigma_that_comfyui_takes_it_for(name: str) -> None:
    for share, sigma in recorded("timesteps.json.gz")["percent_to_sigma"][name]:
        if 0 < share < 1:
            assert MODELS[name].sigma(1 - share) == pytest.approx(sigma, rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
@given(st.floats(0.001, 1.0))
def test_time_and_sigma_are_inverse(name: str, time: float) -> None:
    assert MODELS[name].time(MODELS[name].sigma(time)) == pytest.approx(time, abs=1e-9)


def test_polyexponential_with_a_curvature_of_one_is_exponential() -> None:
    model = MODELS["sd15"]
    span = limits(model, 0.1, 10.0, 1.0)
    assert sigmas("polyexponential", 7, model, span) == pytest.approx(sigmas("exponential", 7, model, span))


def test_a_spacing_without_a_formula_has_no_levels() -> None:
    assert sigmas("", 7, MODELS["sd15"], limits(MODELS["sd15"], 0, 0, 0)) is None
    assert sigmas("karras", 7, MODELS["sd15"], limits(MODELS["sd15"], 0, 0, 1e-9)) is None


def test_second_calls_lie_where_their_samplers_put_them() -> None:
    assert second_call("next", 4.0, 1.0, 1.0) == 1.0
    assert second_call("middle", 4.0, 1.0, 1.0) == 2.0
    assert second_call("ancestral", 4.0, 1.0, 0.0) == 2.0
    assert second_call("ancestral", 4.0, 1.0, 1.0) == pytest.approx((4.0 * 0.25) ** 0.5)


def test_the_last_step_calls_once() -> None:
    assert len(shares([4.0, 2.0, 1.0], MODELS["sd15"], sampler_of("dpm_2"), 1.0)) == 5
    assert len(shares([4.0, 2.0, 1.0], MODELS["sd15"], sampler_of("euler"), 1.0)) == 3
    assert len(shares([4.0, 2.0, 1.0], MODELS["sd15"], sampler_of("seeds_3"), 1.0)) == 9


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30, unique=True).map(sorted), st.data())
def test_borders_lie_between_two_calls(calls: list[float], data: st.DataObject) -> None:
    call = data.draw(st.integers(0, len(calls) - 2))
    (border,) = borders(calls, [call])
    assert calls[call] <= border <= calls[call + 1]
    assert calls[call + 1] - calls[call] < 1e-9 or calls[call] < border < calls[call + 1]


def test_a_border_has_three_digits_where_they_do() -> None:
    assert borders([0.0, 0.1234, 0.1299], [0, 1]) == (0.062, 0.127)
    assert borders([0.12341, 0.12349], [0]) == (0.12345,)


def test_calls_that_go_back_in_time_have_a_border_in_their_middle() -> None:
    assert borders([0.0, 0.5, 0.25, 0.75], [1, 2]) == (0.375, 0.625)


def test_there_is_no_border_behind_the_last_call() -> None:
    assert borders([0.0, 0.5], [0, 1, 7]) == (0.25,)


@pytest.mark.parametrize("schedule", ["karras", "normal"])
@pytest.mark.parametrize("sampler", samplers())
def test_a_text_that_is_edited_changes_at_the_same_call_again(sampler: str, schedule: str) -> None:
    text = "a [red fox:blue house:0.4] on grass\nSteps: 12, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 512x512"
    job = paramc.parse(text).replace({"sampling.sampler": sampler, "sampling.schedule": schedule})
    back = paramc.parse(paramc.compile(job, "comfyui").text)
    assert changes(back) == changes(job)


def changes(job: Job) -> list[tuple[int, str]]:
    """Up to which denoiser call each text of the prompt is in force."""
    encoded = next(op for op in paramc.lower(job).ops if isinstance(op, Encode) and not op.negative)
    return [(variant.last_call, variant.text) for variant in encoded.variants]
