"""A ControlNet for the demo model: it paints along the edges that it is shown, whatever the caption says of shapes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.controlnets.controlnet import ControlNetModel
from PIL import Image
from torch import Tensor

from paramc.runtime.control.canny import edges
from paramc.runtime.control.filters import HIGH, LOW
from paramc.runtime.control.hints import RESOLUTION
from paramc.runtime.control.words import words
from paramc.runtime.demo.autoencoder import GROUPS
from paramc.runtime.demo.captions import caption
from paramc.runtime.demo.diffusion import ATTENTION, BATCH, Diffusion, batches, follow, noise_loss
from paramc.runtime.demo.examples import Examples, make_examples, scenes
from paramc.runtime.demo.halves import write_halves
from paramc.runtime.demo.learning import Course, Told, adam, descend
from paramc.runtime.demo.scenes import Scene, draw, language
from paramc.runtime.demo.shipped import SIDE
from paramc.runtime.models.names import original_module
from paramc.runtime.models.own import GROUPS as GROUPS_KEY

HINTS: Final = (16, 16, 32, 64)  # channels of the hint's own encoder
COURSE: Final = Course(2500, 3000, 8e-4, 1e-5, seed=11)
SCENES: Final = 8000
UNSAID: Final = 0.3  # of all captions are left out, so that the edges have to be read
MISLED: Final = 0.4  # of the other captions name another shape, size and place than the edges show
ENLARGED: Final = 0.25  # of all edges are found in an enlarged picture, as by preprocessors that are told no resolution
ORIGINAL: Final = "control_model."


class Steered(NamedTuple):
    """The model as it is, and the net that learns."""

    model: Diffusion
    net: ControlNetModel

    def noise(self, x: Tensor, timesteps: Tensor, batch: Examples) -> Tensor:
        """The noise that the model sees in `x` when it is told of the edges."""
        with torch.no_grad():
            states = self.model.states(batch.tokens)
        picture = (batch.hints / 255)[:, None].expand(-1, 3, -1, -1)
        down, middle = self.net(x, timesteps, states, picture, return_dict=False)
        found: Tensor = self.model.unet(
            x,
            timesteps,
            states,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        return found


def new_net(model: Diffusion, seed: int) -> ControlNetModel:
    """The net before it has learned: the UNet's own encoder, which adds nothing."""
    torch.manual_seed(seed)
    net = cast(ControlNetModel, ControlNetModel.from_unet(model.unet, conditioning_embedding_out_channels=HINTS))
    return net.train()


def train_control(vae: AutoencoderKL, model: Diffusion, course: Course, told: Told) -> ControlNetModel:
    """The net with the means of its weights at the end of a course."""
    examples = control_examples(vae, min(SCENES, course.steps * BATCH), course.seed)
    model.rest()
    net, means = new_net(model, course.seed), new_net(model, course.seed)
    steered, optimiser = Steered(model, net), adam(net.parameters(), decay=1e-2)
    for step, batch in zip(range(course.steps), batches(examples, course.seed, unsaid=UNSAID), strict=False):
        loss = descend(optimiser, noise_loss(steered, batch), course.rate(step))
        follow(means.parameters(), net.parameters(), step)
        told(step, loss)
    return means


def control_examples(vae: AutoencoderKL, count: int, seed: int) -> Examples:
    """Scenes with their edges."""
    hints = _hints(scenes(count, seed), Random(seed))
    return make_examples(vae, count, seed, wording=wavering)._replace(hints=hints)


def wavering(scene: Scene, random: Random) -> str:
    """A caption of the scene, now and then with another shape, size and place."""
    if random.random() < MISLED:
        known = language()
        shape, size = random.choice(known.shapes), random.choice(list(known.sizes))
        scene = replace(scene, shape=shape, size=size, place=random.choice(list(known.places)))
    return caption(scene, random)


def edge_picture(picture: Image.Image, side: int) -> Image.Image:
    """White edges on black, in the picture's own size; `side`: pixels of the picture in which they are found."""
    sized = picture.resize((side, side), Image.Resampling.LANCZOS)
    return Image.fromarray(edges(np.asarray(sized), LOW, HIGH)).resize(picture.size, Image.Resampling.BOX)


def write_control(path: Path, net: ControlNetModel) -> None:
    """One file in the layout of the authors of ControlNet."""
    write_halves(path, dict(_named(net)), **{GROUPS_KEY: str(GROUPS)})


def _hints(found: Sequence[Scene], random: Random) -> Tensor:
    sides = [RESOLUTION if random.random() < ENLARGED else SIDE for _ in found]
    pictures = [np.asarray(edge_picture(draw(scene), side)) for scene, side in zip(found, sides, strict=True)]
    return torch.from_numpy(np.stack(pictures))


def _named(net: ControlNetModel) -> Iterator[tuple[str, Tensor]]:
    hints = {known: word for word, known in words("hint").items()}
    for name, tensor in net.state_dict().items():
        module, _, leaf = name.rpartition(".")
        pieces = module.split(".")
        zero = f"zero_convs.{pieces[1]}.0" if pieces[0] == "controlnet_down_blocks" else None
        yield f"{ORIGINAL}{zero or hints.get(module) or original_module(module, ATTENTION)}.{leaf}", tensor
