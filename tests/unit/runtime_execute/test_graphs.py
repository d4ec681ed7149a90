"""Graphs painted by a model of few weights, in the ways of the program that runs them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import paramc
from paramc.ir.job import Job
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.shading import grown, shares_of
from tests.conformance.e2e.recorder import Recorder


def node(kind: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def job(*, size: int = 1, masks: str = "", picture: str = "", **changed: object) -> Job:
    """A pass with one sampler node; over a picture where there is one."""
    start = node("EmptyLatentImage", width=64, height=64, batch_size=size)
    seen = {"pixels": ["picture", 0], "vae": ["file", 2]}
    if picture:
        start = node("VAEEncode", **seen)
    if masks == "VAEEncodeForInpaint":
        start = node(masks, **seen, mask=["mask", 0], grow_mask_by=6)
    elif masks:
        start = node(masks, samples=["encoded", 0], mask=["mask", 0])
    settings = {"seed": 7, "steps": 4, "cfg": 5.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0}
    wires = {"model": ["file", 0], "positive": ["good", 0], "negative": ["bad", 0], "latent_image": ["start", 0]}
    graph = {
        "file": node("CheckpointLoaderSimple", ckpt_name="tiny.safetensors"),
        "picture": node("LoadImage", image=picture),
        "mask": node("LoadImageMask", image=picture.replace("init", "mask"), channel="red"),
        "encoded": node("VAEEncode", **seen),
        "start": start,
        "good": node("CLIPTextEncode", text="a (cat:1.2)", clip=["file", 1]),
        "bad": node("CLIPTextEncode", text="dog", clip=["file", 1]),
        "pass": node("KSampler", **(settings | changed), **wires),
        "decoded": node("VAEDecode", samples=["pass", 0], vae=["file", 2]),
        "saved": node("SaveImage", images=["decoded", 0], filename_prefix="x"),
    }
    return paramc.parse(json.dumps(graph))


@pytest.fixture
def picture(tmp_path: Path) -> str:
    rows, columns = np.mgrid[0:64, 0:64]
    colours = np.stack([rows * 4, columns * 4, rows + columns], axis=2).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "init.png")
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return str(tmp_path / "init.png")


def test_one_stream_draws_for_the_whole_batch(runner: Runner) -> None:
    seen = Recorder()
    ran = runner.run(job(size=2), seen)
    stream = torch.Generator().manual_seed(7)
    assert torch.equal(seen.noise[0], torch.randn((2, 4, 8, 8), generator=stream))
    assert [(each.noise.seed, each.batch.position) for each in ran.jobs] == [(7, 0), (7, 1)]


def test_an_image_of_a_batch_paints_its_batch_again(runner: Runner) -> None:
    batch = runner.run(job(size=2))
    again = runner.run(batch.jobs[1])
    assert [image.tobytes() for image in again.images] == [image.tobytes() for image in batch.images]


def test_the_noise_of_the_steps_begins_with_the_seed_anew(runner: Runner) -> None:
    seen = Recorder()
    runner.run(job(sampler_name="euler_ancestral"), seen)
    assert torch.equal(seen.noise[0], seen.noise[1])


def test_timesteps_are_whole(runner: Runner) -> None:
    seen = Recorder()
    runner.run(job(), seen)
    assert all(time == int(time) for row in seen.timesteps for time in row)


def test_a_pass_over_a_picture_takes_all_steps_of_a_longer_schedule(runner: Runner, picture: str) -> None:
    seen = Recorder()
    runner.run(job(picture=picture, denoise=0.5), seen)
    longer = Recorder()
    runner.run(job(steps=8), longer)
    assert seen.levels == longer.levels[4:]


def test_a_pass_without_strength_gives_the_picture_back(runner: Runner, picture: str) -> None:
    seen = Recorder()
    runner.run(job(picture=picture, denoise=0.0), seen)
    assert seen.levels == []


def test_without_guidance_the_negative_text_is_left_out(runner: Runner) -> None:
    seen = Recorder()
    runner.run(job(cfg=1.0), seen)
    assert {len(row) for row in seen.timesteps} == {1}


def test_what_a_mask_leaves_alone_ends_as_it_was_encoded(runner: Runner, picture: str) -> None:
    seen, plain = Recorder(), Recorder()
    runner.run(job(picture=picture, masks="SetLatentNoiseMask", denoise=0.9), seen)
    runner.run(job(picture=picture, denoise=0.0), plain)
    kept, known = seen.latents[-1], plain.latents[-1]
    assert torch.allclose(kept[..., :2, :], known[..., :2, :], atol=1e-5 * float(known.abs().max()))
    assert not torch.allclose(kept[..., 3:5, 3:5], known[..., 3:5, 3:5], atol=1e-3 * float(known.abs().max()))


def test_a_part_that_is_to_be_filled_is_grey_to_the_encoder(runner: Runner, picture: str) -> None:
    seen = Recorder()
    runner.run(job(picture=picture, masks="VAEEncodeForInpaint"), seen)
    plain = Recorder()
    runner.run(job(picture=picture, denoise=0.0), plain)
    assert torch.allclose(seen.latents[-1][..., 0, :], plain.latents[-1][..., 0, :], atol=0.05)
    assert not torch.equal(seen.latents[-1], plain.latents[-1])


def test_a_mask_grows_by_a_square() -> None:
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8, 8] = 1.0
    assert grown(mask, 6).sum() == 36


@pytest.mark.parametrize(("level", "alpha", "share"), [(51, 255, 0.2), (51, 0, 1.0)])
def test_greys_are_shares_and_what_is_transparent_is_masked(level: int, alpha: int, share: float) -> None:
    drawn = Image.new("RGBA", (2, 1), (level, level, level, alpha))
    drawn.putpixel((1, 0), (level, level, level, 255))
    assert float(shares_of(drawn, 0.0, inverts=False)[0, 0, 0, 0]) == pytest.approx(share)
