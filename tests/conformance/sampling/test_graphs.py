"""What ComfyUI's sampler nodes gave, by the runner from the graphs themselves (float32, CPU)."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")

from tests.conformance.sampling.graphs import is_said, played
from tests.conformance.sampling.recorded import recording
from tests.conformance.sampling.test_samplers import whole
from tests.conformance.sampling.verdicts import holds, judge

pytestmark = pytest.mark.sdk


@pytest.mark.parametrize("name", ["comfy_samplers", "comfy_models", "comfy_ksampler"])
def test_a_graph_that_is_run_ends_in_the_recorded_latents(name: str) -> None:
    cases = [case for case in recording(name) if is_said(case)]
    holds(judge(cases, played, whole))
