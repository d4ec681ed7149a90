"""An upscaler for the demo model: a small ESRGAN that makes drawn scenes twice as large, with sharp edges."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final, cast

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from paramc.runtime.demo.autoencoder import pixels
from paramc.runtime.demo.examples import scenes
from paramc.runtime.demo.learning import Rate, warmed_cosine
from paramc.runtime.demo.scenes import SIDE, draw
from paramc.runtime.models.esrgan import Esrgan

FEATURES: Final = 16
GROWTH: Final = 8
BLOCKS: Final = 1
STEPS: Final = 1200
BATCH: Final = 8
SCENES: Final = 1000
CROP: Final = 24  # pixels of the small picture, a side
RATE: Final = Rate(2e-3, 1e-5)
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


def train_upscaler(steps: int, seed: int, told: Callable[[int, float, Esrgan], None]) -> Esrgan:
    """The net after so many steps."""
    torch.manual_seed(seed)
    model = new_upscaler()
    optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99), weight_decay=0.0)
    for step, (small, large) in zip(range(steps), _pairs(seed), strict=False):
        for group in optimiser.param_groups:
            group["lr"] = warmed_cosine(RATE, step, steps)
        loss = (model(small) - large).square().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        told(step, float(loss.detach()), model)
    return model.eval()


def shrunk(picture: Image.Image) -> Image.Image:
    """The picture at the size that the demo model paints."""
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)


def write_upscaler(path: Path, model: Esrgan) -> None:
    """One file of half-precision numbers in the oldest layout of ESRGAN, which only has numbers."""
    halves = {_named(name): tensor.detach().to(torch.float16) for name, tensor in model.state_dict().items()}
    save_file(halves, path, {"format": "pt"})


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
