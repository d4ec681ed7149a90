"""What A1111's samplers gave, by the runner from settings texts (float32, CPU)."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")

from tests.conformance.sampling.recorded import recording
from tests.conformance.sampling.test_samplers import fractional
from tests.conformance.sampling.texts import is_said, played
from tests.conformance.sampling.verdicts import holds, judge

pytestmark = pytest.mark.sdk

FILES = ("a1111_samplers", "a1111_params", "a1111_pred", "a1111_cfg", "a1111_rng_nv", "a1111_img2img")


@pytest.mark.parametrize("name", FILES)
def test_a_text_that_is_run_ends_in_the_recorded_latents(name: str) -> None:
    cases = [case for case in recording(name) if is_said(case)]
    holds(judge(cases, played, fractional))
