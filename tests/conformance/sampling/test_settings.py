"""What Forge gave, by the runner from the settings texts themselves (float32, CPU)."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("diffusers")

from tests.conformance.sampling.recorded import recording
from tests.conformance.sampling.settings import is_said, played
from tests.conformance.sampling.test_samplers import whole
from tests.conformance.sampling.verdicts import holds, judge

pytestmark = pytest.mark.sdk


@pytest.mark.parametrize("name", ["forge_samplers", "forge_models", "forge_misc"])
def test_settings_that_are_run_end_in_the_recorded_latents(name: str) -> None:
    holds(judge([case for case in recording(name) if is_said(case)], played, whole))
