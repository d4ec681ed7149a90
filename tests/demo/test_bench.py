"""`paramc bench`: the costs of a job beside those of plain diffusers."""

import json

import pytest

from paramc.cli import main

pytestmark = pytest.mark.sdk

SETTINGS = "a red circle\nSteps: 3, Sampler: Euler, CFG scale: 5, Seed: 1, Size: 64x64, Model: demo"

Captured = pytest.CaptureFixture[str]


def bench(*words: str) -> int:
    return main(["bench", *words, "--device", "cpu"])


def test_a_job_is_measured_on_both_sides(capfd: Captured) -> None:
    assert bench(SETTINGS, "--model", "demo", "--format", "json") == 0
    shown = capfd.readouterr()
    figures = json.loads(shown.out)["result"]
    assert figures["s a step"].keys() == {"paramc", "diffusers"}
    costs = [row for name, row in figures.items() if name != "s of it in the network"]
    assert all(cost > 0 for row in costs for cost in row.values())
    assert shown.err == "", "a measurement that nobody watches draws no bars"


def test_too_few_steps_for_a_median_are_refused(capsys: Captured) -> None:
    assert bench(SETTINGS, "--set", "sampling.steps=2") == 1
    assert "PC575" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_looked_for_and_named(capsys: Captured) -> None:
    assert bench(SETTINGS.replace("Model: demo", "Model: dreamshaper_8")) == 1
    assert "PC520" in capsys.readouterr().err
