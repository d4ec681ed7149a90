"""The demo model's autoencoder, trained to paint scenes again from an eighth of their width and height."""

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple, cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from paramc.runtime.demo.learning import Course, Told, adam, descend
from paramc.runtime.demo.scenes import draw, drawn_at_random

WIDTHS: Final = (16, 32, 48, 48)
SEED: Final = 0  # of the weights at first
GROUPS: Final = 4  # of channels that are normed together; with one or two channels in a group colours get lost
BATCH: Final = 8
BLUR: Final = 9  # pixels over which a place is compared with its surroundings
KL: Final = 1e-4  # weight of the mean divergence of a number of the latent, beside the mean error of a colour
LATENT: Final = 4  # channels
QUIET: Final = -6.0  # logarithm of the variance of a latent at the start
# Blocks at full and half width that stay what they are at the start, the identity: they would take most of the time.
RESTING: Final = (
    "encoder.down_blocks.0.resnets.0", "encoder.down_blocks.0.resnets.1", "encoder.down_blocks.1.resnets.1",
    "decoder.up_blocks.3.resnets.1", "decoder.up_blocks.3.resnets.2",
    "decoder.up_blocks.2.resnets.1", "decoder.up_blocks.2.resnets.2",
)  # fmt: skip


class Resting(nn.Module):
    """Stands for a block that adds nothing."""

    def forward(self, x: Tensor, temb: Tensor | None = None) -> Tensor:  # as of a block
        """`x` as it is."""
        return x


def new_autoencoder() -> AutoencoderKL:
    """The untrained autoencoder, its resting blocks adding nothing; always the same."""
    torch.manual_seed(SEED)
    config = {
        "block_out_channels": WIDTHS,
        "down_block_types": ("DownEncoderBlock2D",) * len(WIDTHS),
        "up_block_types": ("UpDecoderBlock2D",) * len(WIDTHS),
        "layers_per_block": 2,
        "norm_num_groups": GROUPS,
    }
    model = cast(AutoencoderKL, AutoencoderKL.from_config(config))
    for name in RESTING:
        last = model.get_submodule(f"{name}.conv2")
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
    with torch.no_grad():
        quiet = cast(nn.Conv2d, model.quant_conv)
        quiet.weight[LATENT:] *= 0.1  # at first the noise of a latent is small beside it
        cast(Tensor, quiet.bias)[LATENT:] = QUIET
    return model


def rested(model: AutoencoderKL) -> AutoencoderKL:
    """The same without the work of the resting blocks; their weights are gone."""
    for name in RESTING:
        model.set_submodule(name, Resting())
    return model


def pixels(pictures: list[Image.Image]) -> Tensor:
    """(pictures, 3, height, width) between -1 and 1."""
    arrays = np.stack([np.asarray(picture, dtype=np.float32) for picture in pictures])
    return torch.from_numpy(arrays).permute(0, 3, 1, 2) / 127.5 - 1


class Stage(NamedTuple):
    """`detail`: how much more edges count than plain places.

    noise: where it is not 0 the decoder alone learns, from latents with so much noise on their unit variance.
    """

    course: Course
    detail: float = 8.0
    noise: float = 0.0

    def shortened(self, share: int) -> "Stage":
        """One `share`th of it."""
        return self._replace(course=self.course.shortened(share))


STAGES: Final = (
    Stage(Course(2600, 3200, 1.5e-3, 5e-5, seed=1), detail=0.0),
    Stage(Course(3600, 3600, 1.2e-3, 2e-5, seed=2)),
)
SHARPENING: Final = Stage(Course(3500, 3500, 1e-3, 1e-5, seed=9), noise=0.04)  # once the latents have their scale


def train_autoencoder(model: AutoencoderKL, stage: Stage, told: Told) -> None:
    """Train an autoencoder without resting blocks."""
    course = stage.course
    torch.manual_seed(course.seed)
    model.train()
    optimiser = adam(model.parameters(), decay=1e-3)
    for step, batch in zip(range(course.steps), batches(course.seed), strict=False):
        told(step, descend(optimiser, _loss(model, batch, stage), course.rate(step)))
    model.eval()


def batches(seed: int) -> Iterator[Tensor]:
    """Pictures without end."""
    random = Random(seed)
    while True:
        yield pixels([draw(drawn_at_random(random)) for _ in range(BATCH)])


def _loss(model: AutoencoderKL, batch: Tensor, stage: Stage) -> Tensor:
    """The mean error of a colour, edges weighed up, and a little of how far latents are from unit variance."""
    with torch.set_grad_enabled(not stage.noise):
        spread = model.encode(cast(torch.FloatTensor, batch), return_dict=False)[0]
        latent = spread.sample() if not stage.noise else spread.mean + _noise(spread.mean, model) * stage.noise
    painted = model.decode(cast(torch.FloatTensor, latent), return_dict=False)[0]
    errors = (painted - batch).abs().mean(1)
    divergence: Tensor = spread.kl().mean() / spread.mean[0].numel()
    weighted: Tensor = (errors * (1 + stage.detail * _edges(batch))).mean()
    return weighted + KL * divergence


def _noise(latent: Tensor, model: AutoencoderKL) -> Tensor:
    return torch.randn_like(latent) / float(model.config["scaling_factor"])


def _edges(batch: Tensor) -> Tensor:
    """(pictures, height, width): how far each place is from its surroundings."""
    around = avg_pool2d(batch, BLUR, stride=1, padding=BLUR // 2, count_include_pad=False)
    return (batch - around).abs().mean(1)
