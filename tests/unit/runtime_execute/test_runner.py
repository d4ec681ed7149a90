"""Jobs painted by a model of few weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import paramc
from paramc.diagnostics.model import RunError, UnknownName
from paramc.ir.job import Job
from paramc.runtime.execute.runner import Runner
from tests.conformance.e2e.recorder import Recorder

FIRST = "a cat\nNegative prompt: dog\n"
SETTINGS = (
    "Steps: 3, Sampler: Euler a, Schedule type: Karras, CFG scale: 5, Seed: 7, Size: 64x64, Model: tiny, RNG: CPU"
)


def job(more: str = "", settings: str = SETTINGS, prompt: str = FIRST) -> Job:
    return paramc.parse(f"{prompt}{settings}{more}, Version: 1.10.1")


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def codes(error: RunError) -> set[str]:
    return {item.code for item in error.diagnostics if item.severity == "error"}


def drawn(folder: Path, name: str, value: np.ndarray) -> str:
    Image.fromarray(value.astype(np.uint8)).save(folder / name)
    return str(folder / name)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    rows, columns = np.mgrid[0:64, 0:64]
    return drawn(tmp_path, "init.png", np.stack([rows * 4, columns * 4, rows + columns], axis=2))


@pytest.mark.parametrize("sampler", ["euler", "ddim", "dpmpp_2m_sde"])
def test_a_strength_of_nothing_with_exact_steps_gives_the_latent_back(
    runner: Runner, picture: str, sampler: str
) -> None:
    task = {"kind": "image_to_image", "init": {"path": picture}, "strength": 0.0, "exact_steps": True}
    seen = Recorder()
    runner.run(job().replace({"task": task, "sampling.sampler": sampler}), seen)
    assert seen.levels == []


@pytest.fixture
def mask(tmp_path: Path) -> str:
    values = np.zeros((64, 64))
    values[16:48, 16:48] = 255
    return drawn(tmp_path, "mask.png", values)


def test_the_same_job_gives_the_same_picture(runner: Runner) -> None:
    first, second = (runner.run(job()).images[0] for _ in range(2))
    assert (pixels(first) == pixels(second)).all()


def test_another_seed_gives_another_picture(runner: Runner) -> None:
    first, second = (runner.run(job().replace({"noise.seed": seed})).images[0] for seed in (7, 8))
    assert (pixels(first) != pixels(second)).any()


def test_images_of_a_batch_are_those_of_consecutive_seeds(runner: Runner) -> None:
    batch = runner.run(job().replace({"batch.size": 2}))
    alone = runner.run(job().replace({"noise.seed": 8}))
    assert np.abs(pixels(batch.images[1]) - pixels(alone.images[0])).max() <= 1
    assert [each.noise.seed for each in batch.jobs] == [7, 8]


def test_a_later_place_in_a_batch_is_the_same_batch(runner: Runner) -> None:
    batch = runner.run(job().replace({"batch.size": 2, "batch.position": 1, "noise.seed": 8}))
    assert [each.noise.seed for each in batch.jobs] == [7, 8]


@pytest.mark.parametrize(
    ("sampler", "calls", "draws"), [("Euler", 3, 4), ("Heun", 5, 4), ("DDIM", 3, 4), ("LMS", 3, 1)]
)
def test_samplers_call_and_draw_as_often_as_in_the_ui(runner: Runner, sampler: str, calls: int, draws: int) -> None:
    seen = Recorder()
    runner.run(job(settings=SETTINGS.replace("Euler a", sampler)), seen)
    assert (len(seen.levels), len(seen.noise)) == (calls, draws)


def test_a_second_pass_enlarges_the_picture(runner: Runner) -> None:
    ran = runner.run(job(", Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: Latent"))
    assert ran.images[0].size == (96, 96)


def test_a_second_pass_through_pixels_takes_its_own_steps(runner: Runner) -> None:
    seen = Recorder()
    more = ", Denoising strength: 0.5, Hires upscale: 2, Hires steps: 2, Hires upscaler: Lanczos"
    ran = runner.run(job(more), seen)
    assert (ran.images[0].size, len(seen.levels)) == ((128, 128), 5)


def test_what_a_mask_leaves_alone_stays(runner: Runner, picture: str, mask: str) -> None:
    asked = job(", Denoising strength: 0.9, Mask blur: 1")
    asked = asked.replace({"task.init.path": picture, "task.mask.path": mask})
    before, after = pixels(Image.open(picture)), pixels(runner.run(asked).images[0])
    assert (before[:8] == after[:8]).all()
    assert (before[24:40, 24:40] != after[24:40, 24:40]).any()


def test_only_the_masked_part_is_painted_at_full_size(runner: Runner, picture: str, mask: str) -> None:
    asked = job(", Denoising strength: 0.9, Mask blur: 1, Inpaint area: Only masked, Masked area padding: 4")
    asked = asked.replace({"task.init.path": picture, "task.mask.path": mask})
    before, after = pixels(Image.open(picture)), pixels(runner.run(asked).images[0])
    assert (before[:8] == after[:8]).all()


def test_soft_inpainting_keeps_the_far_parts(runner: Runner, picture: str, mask: str) -> None:
    asked = job(", Denoising strength: 0.9, Mask blur: 2, Soft inpainting enabled: True")
    asked = asked.replace({"task.init.path": picture, "task.mask.path": mask, "task.soft": {}})
    before, after = pixels(Image.open(picture)), pixels(runner.run(asked).images[0])
    assert np.abs(before[:4, :4] - after[:4, :4]).max() <= 1


def test_strength_decides_how_many_steps_are_taken(runner: Runner, picture: str) -> None:
    seen = Recorder()
    asked = job(", Denoising strength: 0.5", SETTINGS.replace("Steps: 3", "Steps: 8"))
    runner.run(asked.replace({"task.init.path": picture}), seen)
    assert len(seen.levels) == 5


def test_an_edited_prompt_changes_while_sampling(runner: Runner) -> None:
    seen = Recorder()
    runner.run(job(prompt="a [cat:bird:1] there\n"), seen)
    assert not np.array_equal(seen.probe(0), seen.probe(2))


def test_parts_joined_by_and_go_through_the_network_together(runner: Runner) -> None:
    seen = Recorder()
    runner.run(job(prompt="a cat AND a bird :0.5\n"), seen)
    assert {len(row) for row in seen.timesteps} == {3}


def test_prompts_of_different_length_run_apart(runner: Runner) -> None:
    seen = Recorder()
    runner.run(job(prompt=f"a cat BREAK {'cat ' * 5}\n"), seen)
    assert (len(seen.levels), len(seen.timesteps)) == (3, 6)


def test_a_tiled_picture_is_another(runner: Runner) -> None:
    plain, tiled = runner.run(job()).images[0], runner.run(job(", Tiling: True")).images[0]
    assert (pixels(plain) != pixels(tiled)).any()
    assert (pixels(runner.run(job()).images[0]) == pixels(plain)).all()


def test_merged_tokens_leave_no_trace_behind(runner: Runner) -> None:
    plain = runner.run(job()).images[0]
    merged = runner.run(job(", Token merging ratio: 0.5")).images[0]
    assert (pixels(plain) != pixels(merged)).any()
    assert (pixels(runner.run(job()).images[0]) == pixels(plain)).all()


def test_an_assumed_noise_source_is_reported(runner: Runner) -> None:
    silent = runner.run(job(settings=SETTINGS.replace(", RNG: CPU", "")))
    assert (pixels(silent.images[0]) == pixels(runner.run(job()).images[0])).all()  # the runner was told: cpu


def test_a_drawn_seed_is_reported_and_kept(runner: Runner) -> None:
    ran = runner.run(job().replace({"noise.seed": None}))
    assert "PC564" in {item.code for item in ran.diagnostics}
    assert ran.jobs[0].noise.seed is not None


def test_odd_sizes_are_cut_to_whole_cells(runner: Runner) -> None:
    ran = runner.run(job(settings=SETTINGS.replace("64x64", "70x64")))
    assert ran.images[0].size == (64, 64)
    assert "PC560" in {item.code for item in ran.diagnostics}


def test_a_missing_picture_is_named(runner: Runner) -> None:
    with pytest.raises(RunError) as caught:
        runner.run(job(", Denoising strength: 0.5"))
    assert codes(caught.value) == {"PC551"}


def test_a_broken_picture_is_named(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "init.png").write_bytes(b"no picture")
    with pytest.raises(RunError) as caught:
        runner.run(job(", Denoising strength: 0.5").replace({"task.init.path": str(tmp_path / "init.png")}))
    assert codes(caught.value) == {"PC552"}


def test_a_black_mask_is_reported(runner: Runner, picture: str, tmp_path: Path) -> None:
    black = drawn(tmp_path, "black.png", np.zeros((64, 64)))
    asked = job(", Denoising strength: 0.5, Mask blur: 1")
    ran = runner.run(asked.replace({"task.init.path": picture, "task.mask.path": black}))
    assert "PC567" in {item.code for item in ran.diagnostics}


def test_a_mask_of_another_size_is_reported(runner: Runner, picture: str, tmp_path: Path) -> None:
    small = drawn(tmp_path, "small.png", np.full((32, 64), 255))
    asked = job(", Denoising strength: 0.5, Mask blur: 1")
    ran = runner.run(asked.replace({"task.init.path": picture, "task.mask.path": small}))
    assert "PC563" in {item.code for item in ran.diagnostics}


def test_a_sampler_with_too_few_steps_is_refused(runner: Runner) -> None:
    with pytest.raises(RunError) as caught:
        runner.run(job(settings=SETTINGS.replace("Euler a", "UniPC").replace("Steps: 3", "Steps: 2")))
    assert codes(caught.value) == {"PC558"}


def test_an_unknown_sampler_is_refused(runner: Runner) -> None:
    with pytest.raises(RunError) as caught:
        runner.run(job(settings=SETTINGS.replace("Euler a", "Wobbly")))
    assert "PC559" in codes(caught.value)


def test_numbers_that_run_out_are_noticed(runner: Runner) -> None:
    with pytest.raises(RunError) as caught:
        runner.run(job(settings=SETTINGS.replace("Karras", "Exponential")).replace({"sampling.sigma_max": 1e38}))
    assert codes(caught.value) == {"PC554"}


def test_another_model_is_never_run_in_silence(runner: Runner) -> None:
    with pytest.raises(RunError) as caught:
        runner.run(job(settings=SETTINGS.replace("Model: tiny", "Model: nobody")))
    assert codes(caught.value) == {"PC520"}


def test_a_job_of_forge_is_the_same_picture_whatever_was_painted_before(runner: Runner, picture: str) -> None:
    settings = SETTINGS.replace("CFG", "Denoising strength: 0.5, CFG")
    asked = paramc.parse(f"{FIRST}{settings}, Version: f2.0.1v1.10.1").replace({"task.init.path": picture})
    first, second = runner.run(asked).images[0], runner.run(asked).images[0]
    assert first == second
    assert runner.run(asked, after=7).images[0] != first


@pytest.mark.parametrize(
    ("option", "offered"),
    [({"dtype": "float23"}, "float32"), ({"rng": "nvv"}, "nv"), ({"offload": "layer"}, "layers"), ({"weights": "float"}, "float8")],
)  # fmt: skip
def test_a_word_that_no_option_has_is_answered_with_the_closest(option: dict[str, Any], offered: str) -> None:
    with pytest.raises(UnknownName) as caught:
        paramc.run([], **option)
    assert caught.value.diagnostics[0].help == f"did you mean `{offered}`?"


def test_a_device_of_no_kind_is_told_in_a_few_words() -> None:
    with pytest.raises(RunError, match="there is no device `gpu` here: no kind of device is called so"):
        paramc.run([], device="gpu")
