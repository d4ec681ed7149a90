"""A style for the demo model: a small network, in the layout of kohya's trainers, that takes the colours away."""

from pathlib import Path
from typing import Final

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from PIL import Image
from torch import Tensor, nn

from paramc.runtime.demo.diffusion import BATCH, Diffusion, batches, noise_loss
from paramc.runtime.demo.examples import make_examples
from paramc.runtime.demo.halves import write_halves
from paramc.runtime.demo.learning import Course, Told, adam, descend

RANK: Final = 4
COURSE: Final = Course(300, 300, 3e-3, 1e-4, seed=5)
SCENES: Final = 4000
LAYERS: Final = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2")  # of every attention


class Low(nn.Module):
    """A layer with a change of low rank beside it, none at first."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(layer.in_features, RANK, bias=False)
        self.up = nn.Linear(RANK, layer.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """What the layer gives, and the change."""
        changed: Tensor = self.layer(x) + self.up(self.down(x))
        return changed


def without_colours(picture: Image.Image) -> Image.Image:
    """The style: every colour as the grey of its brightness."""
    return picture.convert("L").convert("RGB")


def train_style(vae: AutoencoderKL, model: Diffusion, course: Course, told: Told) -> dict[str, Tensor]:
    """The tensors of the network. `model` keeps its weights, and has the changes beside them."""
    torch.manual_seed(course.seed)
    examples = make_examples(vae, min(SCENES, course.steps * BATCH), course.seed, style=without_colours)
    model.rest()
    lows = _inserted(model.unet)
    weights = [parameter for low in lows.values() for part in (low.down, low.up) for parameter in part.parameters()]
    optimiser = adam(weights)
    for step, batch in zip(range(course.steps), batches(examples, course.seed), strict=False):
        told(step, descend(optimiser, noise_loss(model, batch), course.rate(step)))
    return {name: tensor for module, low in lows.items() for name, tensor in _named(module, low)}


def write_style(path: Path, tensors: dict[str, Tensor]) -> None:
    """One file, with what trainers write into it."""
    write_halves(path, tensors, ss_output_name=path.stem, ss_network_dim=str(RANK))


def _inserted(unet: UNet2DConditionModel) -> dict[str, Low]:
    """Changes beside the layers of all attentions, by the names of these."""
    found = {
        name: layer
        for name, layer in unet.named_modules()
        if isinstance(layer, nn.Linear) and ".transformer_blocks." in name and name.endswith(LAYERS)
    }
    lows = {name: Low(layer) for name, layer in found.items()}
    for name, low in lows.items():
        unet.set_submodule(name, low)
    return lows


def _named(module: str, low: Low) -> list[tuple[str, Tensor]]:
    name = "lora_unet_" + module.replace(".", "_")
    return [
        (f"{name}.lora_down.weight", low.down.weight),
        (f"{name}.lora_up.weight", low.up.weight),
        (f"{name}.alpha", torch.tensor(float(RANK))),
    ]
