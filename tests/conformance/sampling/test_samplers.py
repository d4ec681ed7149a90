"""Final latents, model calls and timesteps of whole runs against those of real programs (float32, CPU)."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")

from tests.conformance.sampling import a1111, comfyui, forge, pictures
from tests.conformance.sampling.recorded import Case, Nudge, recording
from tests.conformance.sampling.verdicts import Outcome, Play, holds, judge

pytestmark = pytest.mark.sdk

FLOWS = ("sd3", "flux", "schnell")


def from_text(case: Case, nudge: Nudge | None) -> Outcome:
    return a1111.Job(case, nudge).from_text()


def with_forge(case: Case, nudge: Nudge | None) -> Outcome:
    return forge.ForgeJob(case, nudge).run()


def with_comfyui(case: Case, nudge: Nudge | None) -> Outcome:
    return comfyui.Sampling(case, nudge).result()


def fractional(case: Case) -> float:
    # DPM adaptive chooses its steps by an error that rounding moves
    return 0.5 if case.get("sampler") == "DPM adaptive" else 1e-3


def whole(case: Case) -> float:
    """Timesteps are whole, or a flow's sigmas in float32."""
    return 2e-6 * max(1.0, float(abs(case.timesteps).max(initial=0.0))) if case.get("model") in FLOWS else 0.0


@pytest.mark.parametrize(
    ("name", "play"),
    [
        ("a1111_samplers", from_text),
        ("a1111_params", from_text),
        ("a1111_pred", from_text),
        ("a1111_cfg", from_text),
        ("a1111_rng_nv", from_text),
        ("a1111_img2img", pictures.image_to_image),
    ],
)
def test_jobs_with_fractional_timesteps_end_in_the_recorded_latents(name: str, play: Play) -> None:
    holds(judge(recording(name), play, fractional))


@pytest.mark.parametrize(
    ("name", "play"),
    [
        ("forge_samplers", with_forge),
        ("forge_models", with_forge),
        ("forge_misc", with_forge),
        ("comfy_samplers", with_comfyui),
        ("comfy_models", with_comfyui),
        ("comfy_ksampler", with_comfyui),
    ],
)
def test_jobs_with_whole_timesteps_end_in_the_recorded_latents(name: str, play: Play) -> None:
    holds(judge([case for case in recording(name) if is_determined(case)], play, whole))


def is_determined(case: Case) -> bool:
    """DDPM with the NV source draws from a generator that the program never seeds."""
    return not (case.get("sampler") == "DDPM" and (case.get("opt") or {}) == {"randn_source": "NV"})
