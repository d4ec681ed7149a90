"""What targets answer for block weights and steps of networks, and the runner for control units."""

import pytest

import paramc

SETTINGS = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512"
UNIT = 'ControlNet 0: "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1.0"'


def grades(prompt: str, target: str, settings: str = SETTINGS) -> dict[str, str]:
    """The grades of a text's features by their names."""
    report = paramc.convert(f"{prompt}\n{settings}, Version: v1.10.1", target).report
    kept = {feature: "exact" for fate in report.fates for feature in fate.features}
    return kept | {cause.feature: cause.grade for fate in report.fates for cause in fate.causes}


@pytest.mark.parametrize(
    ("tag", "feature"),
    [("<lora:ink:1:lbw=MIDD>", "prompt.network.blocks"), ("<lora:ink:1:stop=9>", "prompt.network.steps")],
)
@pytest.mark.parametrize(("target", "grade"), [("run", "close"), ("a1111", "exact"), ("comfyui", "dropped")])
def test_extras_of_a_network_have_answers_of_their_own(tag: str, feature: str, target: str, grade: str) -> None:
    assert grades(f"a cat {tag}", target)[feature] == grade
    assert feature not in grades("a cat <lora:ink:1>", target)


@pytest.mark.parametrize(
    ("model", "grade"), [("v1-5-pruned", "close"), ("flux1-dev", "close"), ("Chroma1-HD", "dropped")]
)
def test_units_steer_models_that_there_are_nets_for(model: str, grade: str) -> None:
    assert grades("a cat", "run", f"{SETTINGS}, Model: {model}, {UNIT}")["control.controlnet"] == grade
