"""A job beside plain diffusers, for families with several encoders and for flows."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import paramc
from paramc.diagnostics.model import RunError
from paramc.runtime.execute.measuring import measured
from tests.unit.runtime_execute.families import flux_file, sd3_file, sdxl_file
from tests.unit.runtime_execute.newest import chroma_file

pytestmark = [pytest.mark.sdk, pytest.mark.slow, pytest.mark.usefixtures("own_home")]

TEXT = (
    "{prompt}\nNegative prompt: dog\nSteps: 3, Sampler: Euler, Schedule type: Simple, CFG scale: {cfg}, Seed: 7, "
    "Size: 64x64, Batch size: 2, Model: model, RNG: CPU, Version: f2.0.1v1.10.1"
)


@pytest.mark.parametrize(
    ("write", "cfg", "prompt"),
    [(sdxl_file, 5, "cat"), (sdxl_file, 5, "cat AND dog"), (sd3_file, 5, "cat"), (flux_file, 1, "cat")],
    ids=["sdxl", "several prompts", "sd3", "flux"],
)
def test_a_family_is_measured_on_both_sides(
    write: Callable[[Path], Path], cfg: int, prompt: str, tmp_path: Path
) -> None:
    write(tmp_path / "model.safetensors")
    job = paramc.parse(TEXT.format(cfg=cfg, prompt=prompt))
    [ours], [theirs] = measured(job, [tmp_path], device="cpu", dtype="float32", rounds=1)
    assert min(ours.load, ours.again, ours.step, ours.call, ours.image) > 0
    assert min(theirs.load, theirs.again, theirs.step, theirs.image) > 0


def test_a_family_that_is_not_measured_is_named(tmp_path: Path) -> None:
    chroma_file(tmp_path / "model.safetensors")
    with pytest.raises(RunError, match="chroma"):
        measured(paramc.parse(TEXT.format(cfg=5, prompt="cat")), [tmp_path], device="cpu", dtype="float32", rounds=1)
