"""An upscaler for the demo model: a small ESRGAN that makes drawn scenes twice as large, with sharp edges."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final, cast

import torch
from PIL import Image
from torch import Tensor, nn

from paramc.runtime.demo.autoencoder import pixels
from paramc.runtime.demo.examples import scenes
from paramc.runtime.demo.halves import write_halves
from paramc.runtime.demo.learning import Course, Told, adam, descend
from paramc.runtime.demo.scenes import draw
from paramc.runtime.demo.shipped import SIDE
from paramc.runtime.models.esrgan import Esrgan

FEATURES: Final = 16
GROWTH: Final = 8
BLOCKS: Final = 1
COURSE: Final = Course(1200, 1200, 2e-3, 1e-5, seed=17)
BATCH: Final = 8
SCENES: Final = 1000
CROP: Final = 24  # pixels of the small picture, a side
RANDOM: Final = 0.2  # share of the usual random weights
OUTER: Final = {"first": "model.0", "trunk": f"model.1.sub.{BLOCKS}", "up.0": "model.3", "detail": "model.5"}
LAST: Final = "model.7"


@torch.no_grad()
def new_upscaler() -> Esrgan:
    """The untrained net, for twice the size: it doubles pixels, as nearly as its random part lets it."""
    model = Esrgan(features=FEATURES, growth=GROWTH, blocks=BLOCKS, doublings=1, shuffle=1)
    for layer in (model.first, *model.up, model.detail, model.last, model.trunk):
        convolution = cast(nn.Conv2d, layer)
        straight = nn.init.dirac_(torch.empty_like(convolution.weight))
        convolution.weight.mul_(RANDOM).add_(straight if layer is not model.trunk else 0)
        cast(Tensor, convolution.bias).zero_()
    return model


def train_upscaler(course: Course, told: Told) -> Esrgan:
    """The net at the end of a course."""
    torch.manual_seed(course.seed)
    model = new_upscaler()
    optimiser = adam(model.parameters())
    for step, (small, large) in zip(range(course.steps), _pairs(course.seed), strict=False):
        told(step, descend(optimiser, (model(small) - large).square().mean(), course.rate(step)))
    return model.eval()


def shrunk(picture: Image.Image) -> Image.Image:
    """The picture at the size that the demo model paints."""
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)


def write_upscaler(path: Path, model: Esrgan) -> None:
    """One file in the oldest layout of ESRGAN, which only has numbers."""
    write_halves(path, {_named(name): tensor for name, tensor in model.state_dict().items()})


def _named(name: str) -> str:
    """`body.0.1.2.weight`, the third convolution in the second dense block of the first block, and those around."""
    module, _, leaf = name.rpartition(".")
    if not module.startswith("body."):
        return f"{OUTER.get(module, LAST)}.{leaf}"
    _, block, dense, convolution = module.split(".")
    return f"model.1.sub.{block}.RDB{int(dense) + 1}.conv{int(convolution) + 1}.0.{leaf}"


def _pairs(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pieces of small pictures, and the same of large ones, numbers in [0, 1], without end."""
    random = Random(seed)
    large = [draw(scene, 2 * SIDE) for scene in scenes(SCENES, seed)]
    both = [((pixels([shrunk(picture)]) + 1) / 2, (pixels([picture]) + 1) / 2) for picture in large]
    while True:
        pieces = [_piece(*random.choice(both), random) for _ in range(BATCH)]
        yield torch.cat([small for small, _ in pieces]), torch.cat([large for _, large in pieces])


def _piece(small: Tensor, large: Tensor, random: Random) -> tuple[Tensor, Tensor]:
    left, top = random.randint(0, SIDE - CROP), random.randint(0, SIDE - CROP)
    across, down = slice(left, left + CROP), slice(top, top + CROP)
    wide, high = slice(2 * left, 2 * (left + CROP)), slice(2 * top, 2 * (top + CROP))
    return small[..., down, across], large[..., high, wide]
