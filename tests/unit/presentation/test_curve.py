"""The noise levels on the screen: those that A1111 really has, and plots that fit."""

import gzip
import json
from itertools import pairwise
from math import exp
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.passes.plan import ways
from paramc.presentation.console import Screen
from paramc.presentation.curve import FORMULAS, ROWS, Ask, plot, sigmas_of, svg, table
from paramc.presentation.screen import job_screen
from paramc.resources import GRAMMARS

RECORDED = json.loads(gzip.decompress((Path(__file__).parents[2] / "golden/presentation/sigmas.json.gz").read_bytes()))


@pytest.mark.parametrize("record", RECORDED, ids=[f"{item['schedule']}-{item['steps']}" for item in RECORDED])
def test_levels_are_those_of_the_program(record: dict[str, object]) -> None:
    """Relative tolerance 2e-5: the program computes in float32."""
    found = sigmas_of(str(record["schedule"]), Ask(int(str(record["steps"]))))
    assert list(found) == pytest.approx(record["sigmas"], rel=2e-5, abs=1e-6)


def test_every_formula_was_recorded() -> None:
    assert {item["schedule"] for item in RECORDED} == set(FORMULAS)


def test_the_table_has_a_level_for_every_timestep() -> None:
    assert (len(table()), table()[0], table()[-1]) == (
        1000,
        pytest.approx(0.029167, 1e-4),
        pytest.approx(14.6146, 1e-4),
    )


@pytest.mark.parametrize(("shift", "second"), [(1.0, 0.5), (3.0, 0.75), (exp(1.15), 0.7595)])
def test_flow_models_go_from_one_to_zero_by_their_shift(shift: float, second: float) -> None:
    assert sigmas_of("simple", Ask(2, shift)) == pytest.approx((1.0, second, 0.0), abs=1e-4)


TWO_STEPS = "a cat\nSteps: 2, Sampler: Euler, Schedule type: Simple, Seed: 1, Size: 512x512"
MODELS = (
    "sd3.5_large", "flux1-dev", "chroma-unlocked-v50", "z_image_turbo", "qwen_image", "lumina_2", "hidream_i1_full", "flux1-schnell",
)  # fmt: skip


@pytest.mark.sdk
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("version", ["v1.10.1", "f2.0.1v1.10.1"])
def test_a_model_that_says_no_shift_is_drawn_with_the_runners_own(model: str, version: str) -> None:
    from paramc.runtime.schedules.flows import flow_levels

    job = paramc.parse(f"{TWO_STEPS}, Model: {model}, Version: {version}")
    assert job.family is not None
    flags = ways(job, (GRAMMARS,), "habits")
    levels = flow_levels(job.family.base, job.family.name, flags, None).sigmas
    second = float(levels[len(levels) // 2 - 1])
    assert f"simple: 1 to {second:.3g}, then 0" in job_screen(job, [], [], Screen())


def test_a_flow_model_of_which_no_shift_is_known_is_drawn_without() -> None:
    job = paramc.parse(f"{TWO_STEPS}, Model: cogview4")
    assert "simple: 1 to 0.5, then 0" in job_screen(job, [], [], Screen())


@pytest.mark.parametrize(("schedule", "ask"), [("beta", Ask(20)), ("karras", Ask(20, 1.0)), ("karras", Ask(0))])
def test_a_schedule_without_a_plain_formula_has_no_curve(schedule: str, ask: Ask) -> None:
    assert sigmas_of(schedule, ask) == ()


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(st.sampled_from([*sorted(FORMULAS), "beta", ""]), st.integers(-2, 60), st.booleans(), NUMBERS, NUMBERS, NUMBERS)
def test_no_number_of_the_settings_is_too_strange(
    schedule: str, steps: int, is_flow: bool, rho: float, low: float, high: float
) -> None:
    ask = Ask(steps, low if is_flow else None, rho=rho, sigma_min=low, sigma_max=high)
    found = sigmas_of(schedule, ask)
    plot(found, 20)
    svg(found, schedule)


@given(st.sampled_from(sorted(FORMULAS)), st.integers(1, 200))
def test_levels_fall(schedule: str, steps: int) -> None:
    found = sigmas_of(schedule, Ask(steps))
    assert all(left >= right for left, right in pairwise(found))


@given(st.sampled_from(sorted(FORMULAS)), st.integers(1, 400), st.integers(4, 60))
def test_a_plot_fits(schedule: str, steps: int, width: int) -> None:
    lines = plot(sigmas_of(schedule, Ask(steps)), width)
    assert len(lines) == ROWS
    assert max(map(len, lines)) <= max(width, 24)


def test_a_plot_falls_from_the_first_to_the_last_column() -> None:
    lines = plot(sigmas_of("exponential", Ask(8)), 48)
    columns = ["".join(line.ljust(24)[place] for line in lines).strip() for place in range(0, 24, 3)]
    assert [len(column) for column in columns] == sorted((len(column) for column in columns), reverse=True)
    assert columns[0] == "████"


def test_a_picture_is_well_formed_and_has_a_point_for_each_step() -> None:
    root = ElementTree.fromstring(svg(sigmas_of("karras", Ask(7)), "a < b & c", (2, 5)))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}circle")) == 7
    assert len([path for path in root.findall(f"{space}path") if path.get("stroke-dasharray")]) == 2
    assert next(text.text for text in root.findall(f"{space}text")) == "a < b & c"
