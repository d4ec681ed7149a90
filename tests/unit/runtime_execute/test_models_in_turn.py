"""Several checkpoints in one job, checkpoints of several kinds, and programs with habits of their own."""

from pathlib import Path

import numpy as np
import pytest
import torch

import paramc
from paramc.ir.job import Job
from paramc.runtime.execute.runner import Runner
from tests.conformance.e2e.recorder import Recorder

SETTINGS = "Steps: 4, Sampler: Euler, Schedule type: Uniform, CFG scale: 5, Seed: 7, Size: 64x64, RNG: CPU"


def job(more: str = "", model: str = "tiny", version: str = "1.10.1") -> Job:
    return paramc.parse(f"a cat\nNegative prompt: dog\n{SETTINGS}, Model: {model}{more}, Version: {version}")


def changes(seen: Recorder) -> list[int]:
    """The network calls that see another conditioning than the one before."""
    return [call for call in range(1, len(seen.tokens)) if not np.array_equal(seen.probe(call - 1), seen.probe(call))]


def test_a_refiner_takes_over_with_its_own_text_encoder(runner: Runner) -> None:
    seen = Recorder()
    runner.run(job(", Refiner: other, Refiner switch at: 0.3"), seen)
    assert changes(seen) == [1]  # at timestep 666 of 999 a third is done


def test_a_refiner_may_count_steps(runner: Runner) -> None:
    seen = Recorder()
    asked = job(", Refiner: other, Refiner switch at: 0.3").replace({"stages.refiner.counts_steps": True})
    runner.run(asked, seen)
    assert changes(seen) == [2]


def test_a_second_pass_may_have_a_checkpoint_of_its_own(runner: Runner) -> None:
    seen = Recorder()
    more = ", Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: Latent, Hires checkpoint: other"
    runner.run(job(more), seen)
    assert changes(seen) == [4]


def test_an_inpainting_model_paints_whole_pictures(runner: Runner) -> None:
    assert runner.run(job(model="painter")).images[0].size == (64, 64)


def test_one_program_hands_fractions_of_timesteps_on(runner: Runner) -> None:
    seen = Recorder()
    runner.run(job().replace({"sampling.schedule": "karras"}), seen)
    assert any(time != int(time) for row in seen.timesteps for time in row)


def test_another_program_rounds_timesteps(runner: Runner) -> None:
    seen = Recorder()
    asked = job(version="f2.0.1v1.10.1-previous-669-gdfdcbab6").replace({"sampling.schedule": "karras"})
    runner.run(asked, seen)
    assert all(time == int(time) for row in seen.timesteps for time in row)


@pytest.mark.parametrize(("batch", "fits"), [(1, 1), (4, 4), (4, 1), (3, 1)])
def test_memory_that_is_short_sends_fewer_rows_at_a_time(
    models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, batch: int, fits: int
) -> None:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path))
    runner = Runner([models], device="cpu", rng="cpu")
    asked = job().replace({"batch.size": batch, "sampling.steps": 2})
    whole = runner.run(asked).images
    unet = runner.shelf.weights(job().assets.checkpoint).checkpoint.unet

    def refuse(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > fits:
            raise torch.OutOfMemoryError

    handle = unet.register_forward_pre_hook(refuse)
    ran = runner.run(asked)
    handle.remove()
    (said,) = [item.message for item in ran.diagnostics if item.code == "PC556"]
    assert f"at most {fits} rows" in said
    for before, after in zip(whole, ran.images, strict=True):
        assert np.abs(np.asarray(before).astype(int) - np.asarray(after).astype(int)).max() <= 1


def test_short_memory_sends_fewer_rows_at_once_where_no_negative_is_looked_at(
    models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path))
    runner = Runner([models], device="cpu", rng="cpu")
    asked = job(version="f2.0.1v1.10.1-previous-669-gdfdcbab6").replace(
        {"batch.size": 4, "sampling.steps": 1, "sampling.cfg_scale": 1.0}
    )
    tried: list[int] = []

    def refuse(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        tried.append(len(inputs[0]))
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError

    runner.shelf.weights(job().assets.checkpoint).checkpoint.unet.register_forward_pre_hook(refuse)
    runner.run(asked)
    assert tried == [4, 2, 2]
