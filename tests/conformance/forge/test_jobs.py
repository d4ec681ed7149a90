"""The jobs that Forge ran on a random miniature of FLUX.1-dev, from the settings text to the bytes of the picture.

The models are made by the script beside the recordings, 132 MB in seconds. Bars: those of the README there.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from paramc.api import open_runner
from paramc.runtime.execute.runner import Ran, Runner
from tests.conformance.e2e.recorded import RecordedJob
from tests.conformance.e2e.recorder import Recorder

GOLDEN = Path(__file__).parents[2] / "golden" / "forge_e2e"
LATENT = 1e-4  # of its greatest number
SAME = 0.999  # share of the values of the picture
JOBS = [RecordedJob(folder) for folder in sorted(GOLDEN.iterdir()) if (folder / "job.json").is_file()]
NO_NUMBERS = "09_flux_automatic_schedule"
AFTER_ANOTHER = "16_flux_img2img"  # encoded with noise of the generator that the job before it left behind
QUICK = {"04_flux_cfg_2_negative"}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    models = tmp_path_factory.mktemp("models")
    script = GOLDEN / "make_random_flux_tiny.py"
    subprocess.run([sys.executable, script, "--out", models], check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        yield open_runner([models], device="cpu", dtype="float32", rng="cpu")


def ran(job: RecordedJob, runner: Runner) -> tuple[Ran, Recorder]:
    seen, before = Recorder(), None
    if job.name == AFTER_ANOTHER:
        before = next(other for other in JOBS if other.name.startswith("15")).job().noise.seed
    return runner.run(job.job(), seen, after=before), seen


def deviation(job: RecordedJob, seen: Recorder) -> float:
    final = job.arrays["final"]
    return float(np.abs(seen.latents[-1].numpy() - final).max() / np.abs(final).max())


@pytest.mark.parametrize(
    "job", [pytest.param(job, id=job.name, marks=() if job.name in QUICK else pytest.mark.slow) for job in JOBS]
)
def test_the_picture_is_the_recorded_one(job: RecordedJob, runner: Runner) -> None:
    done, seen = ran(job, runner)
    share = [
        float((np.asarray(image) == picture).mean()) for image, picture in zip(done.images, job.pictures(), strict=True)
    ]
    assert min(share) >= SAME
    assert job.name == NO_NUMBERS or deviation(job, seen) <= LATENT
    np.testing.assert_allclose(seen.levels, job.arrays["sigma"], rtol=1e-6)


@pytest.mark.slow
def test_the_schedule_that_gives_no_picture_is_named_and_another_offered(runner: Runner) -> None:
    done, _ = ran(next(job for job in JOBS if job.name == NO_NUMBERS), runner)
    (said,) = (item for item in done.diagnostics if item.code == "PC581")
    assert "simple" in (said.help or "")
