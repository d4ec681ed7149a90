"""Latent consistency models that are told the guidance scale in place of a negative."""

from pathlib import Path
from typing import cast

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.latent_consistency_models import LatentConsistencyModelPipeline
from torch import Tensor

import paramc
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.guidance import embedded
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.watch import Progress, Unwatched
from tests.unit.runtime_execute.tiny import write_tiny_model

pytestmark = [pytest.mark.sdk, pytest.mark.usefixtures("own_home")]

WIDTH = 256
TEXT = "a cat\nNegative prompt: dog\nSteps: 1, Sampler: Euler, CFG scale: 8, Seed: 7, Size: 64x64, Model: {model}, RNG: CPU"


class Seen(Unwatched):
    """What the network was asked, and what came of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Tensor, Tensor]] = []

    def evaluates(self, x: Tensor, level: Tensor, progress: Progress) -> None:
        self.x, self.level = x, level

    def networks(self, timesteps: Tensor, conditioning: Conditioning) -> None:
        self.asked.append((timesteps, conditioning.tokens))

    def decodes(self, latent: Tensor) -> None:
        self.latent = latent


@pytest.mark.parametrize("width", [256, 7])
def test_the_scale_is_embedded_as_diffusers_does(width: int) -> None:
    theirs = LatentConsistencyModelPipeline.get_guidance_scale_embedding(
        cast(LatentConsistencyModelPipeline, None), torch.tensor([7.0]), embedding_dim=width
    )
    assert torch.equal(embedded(8.0, width), theirs)


def test_a_model_that_is_told_the_scale_goes_without_the_negative(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "lcm.safetensors", told=WIDTH)
    runner = Runner([tmp_path], device="cpu", dtype="float32")
    job, seen = paramc.parse(TEXT.format(model="lcm")), Seen()
    runner.run(job, seen)
    assert job.assets.checkpoint is not None
    unet = cast(UNet2DConditionModel, runner.shelf.weights(job.assets.checkpoint).checkpoint.unet)
    [(times, tokens)] = seen.asked
    assert len(tokens) == 1
    with torch.inference_mode():
        noise = unet(
            seen.x / (seen.level**2 + 1) ** 0.5,
            times,
            encoder_hidden_states=tokens,
            timestep_cond=embedded(8.0, WIDTH),
            return_dict=False,
        )[0]
    assert (seen.x - seen.level * noise - seen.latent).abs().max() <= 1e-5 * seen.latent.abs().max()


@pytest.mark.parametrize(("line", "told"), [("Negative prompt: dog\n", True), ("", False)])
def test_a_negative_that_is_not_looked_at_is_named_once(tmp_path: Path, line: str, told: bool) -> None:
    write_tiny_model(tmp_path / "lcm.safetensors", told=WIDTH)
    settings = TEXT.partition("\n")[2].partition("\n")[2].format(model="lcm")
    later = "Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: Latent"
    ran = Runner([tmp_path], device="cpu", dtype="float32").run(paramc.parse(f"a cat\n{line}{settings}, {later}"))
    assert [item.code for item in ran.diagnostics].count("PC544") == told
