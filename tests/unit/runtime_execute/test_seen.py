"""What a run shows on its way, and what models are like whose convolutions wrap around."""

import pytest
import torch
from torch import Tensor

import paramc
from paramc.ir.job import Job
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.tiling import wrap_around
from paramc.runtime.execute.watch import Progress, Unwatched


def job(sampler: str = "Euler", steps: int = 20) -> Job:
    return paramc.parse(
        f"a cat\nSteps: {steps}, Sampler: {sampler}, CFG scale: 1, Seed: 7, Size: 64x64, Model: tiny, RNG: CPU, "
        "Version: 1.10.1"
    )


class Guesses(Unwatched):
    """The models' bases, the last guess at a clean latent, and the latent that became a picture."""

    def __init__(self) -> None:
        self.bases: set[str] = set()
        self.last = self.finished = torch.empty(0)

    def predicted(self, clean: Tensor, progress: Progress) -> None:
        self.bases.add(progress.base)
        self.last = clean

    def decodes(self, latent: Tensor) -> None:
        self.finished = latent


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "UniPC"])
def test_a_preview_shows_where_a_pass_is_going(runner: Runner, sampler: str) -> None:
    seen = Guesses()
    runner.run(job(sampler), seen)
    assert seen.bases == {"sd1"}
    assert (seen.last - seen.finished).abs().max() <= 0.1 * seen.finished.abs().max()


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_a_model_that_wraps_around_does_not_know_where_the_edge_is(runner: Runner, part: str) -> None:
    checkpoint = runner.shelf.weights(job().assets.checkpoint).checkpoint
    model = checkpoint.unet if part == "unet" else checkpoint.vae
    latent = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))

    def answer(x: Tensor) -> Tensor:
        if part == "vae":
            return checkpoint.vae.decode(x).sample
        return checkpoint.unet(x, 500, encoder_hidden_states=torch.ones(1, 77, 768)).sample

    def moved(x: Tensor, cells: int) -> Tensor:
        by = cells * x.shape[-1] // latent.shape[-1]
        return x.roll((by, -by), (-2, -1))

    with torch.inference_mode():
        edged = (moved(answer(latent), 8) - answer(moved(latent, 8))).abs().max()
        wrap_around(model, wraps=True)
        tiled = (moved(answer(latent), 8) - answer(moved(latent, 8))).abs().max()
        wrap_around(model, wraps=False)
    assert tiled <= 1e-4
    assert edged > 1e-2
