"""What ComfyUI's sampler nodes gave, by the runner from the graphs themselves (float32, CPU)."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")

from tests.conformance.sampling.graphs import is_said, played, texts_of
from tests.conformance.sampling.recorded import bar, deviation, recording
from tests.conformance.sampling.test_samplers import whole
from tests.conformance.sampling.verdicts import holds, judge

pytestmark = pytest.mark.sdk


@pytest.mark.parametrize("name", ["comfy_samplers", "comfy_models", "comfy_ksampler"])
def test_a_graph_that_is_run_ends_in_the_recorded_latents(name: str) -> None:
    cases = [case for case in recording(name) if is_said(case)]
    holds(judge(cases, played, whole))


def test_texts_that_count_beside_one_another_end_in_the_recorded_latents() -> None:
    cases = [case for case in recording("comfy_ksampler") if len(texts_of(case)) > 1]
    assert {case["pos"].partition("(")[0].partition(" ")[0] for case in cases} == {
        "combine",
        "area",
        "timestep",
        "mask",
    }
    for case in cases:
        assert deviation(played(case, None).latent, case.expected) < bar(case), case.label
