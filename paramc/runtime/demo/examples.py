"""What the diffusion model learns from: latents of scenes, and their captions as tokens."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, TypeAlias, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image
from torch import Tensor

from paramc.runtime.demo.autoencoder import pixels
from paramc.runtime.demo.captions import caption
from paramc.runtime.demo.scenes import Scene, draw, drawn_at_random
from paramc.runtime.demo.vocabulary import merges
from paramc.runtime.text.bpe import tokeniser

SCENES: Final = 32_000
SEED: Final = 7  # of all scenes
CAPTIONS: Final = 4  # of each scene
LENGTH: Final = 77  # tokens of a text, start and end among them
AT_ONCE: Final = 64
Style: TypeAlias = Callable[[Image.Image], Image.Image]
Wording: TypeAlias = Callable[[Scene, Random], str]


class Examples(NamedTuple):
    """latents: (scenes, 4, height, width) of unit variance. tokens: (scenes, CAPTIONS, 77).

    hints: (scenes, 64, 64), bytes of control pictures; without them (scenes, 0, 0).
    """

    latents: Tensor
    tokens: Tensor
    hints: Tensor

    def save(self, path: Path) -> None:
        """Keep them for later runs."""
        torch.save(tuple(self), path)


def load_examples(path: Path) -> Examples:
    """What was kept."""
    return Examples(*torch.load(path, weights_only=True))


def scenes(count: int, seed: int) -> list[Scene]:
    """So many scenes, none of them held out."""
    random = Random(seed)
    found: list[Scene] = []
    while len(found) < count:
        scene = drawn_at_random(random)
        if not scene.held_out:
            found.append(scene)
    return found


def token_ids(text: str) -> list[int]:
    """The 77 tokens of a text as the runner gives them to the text encoder."""
    tokens = tokeniser("composed", merges())
    ids = tokens.ids(text)[: LENGTH - 2]
    return [tokens.words.begin, *ids, *[tokens.words.end] * (LENGTH - 1 - len(ids))]


def as_drawn(picture: Image.Image) -> Image.Image:
    """No style at all."""
    return picture


@torch.no_grad()
def make_examples(
    vae: AutoencoderKL, count: int, seed: int, *, style: Style = as_drawn, wording: Wording = caption
) -> Examples:
    """Latents are the means that the encoder gives, times the scale of the autoencoder."""
    random = Random(seed)
    found = scenes(count, seed)
    scale = float(vae.config["scaling_factor"])
    parts = [encoded(vae, found[start : start + AT_ONCE], style) * scale for start in range(0, count, AT_ONCE)]
    tokens = [[token_ids(wording(scene, random)) for _ in range(CAPTIONS)] for scene in found]
    return Examples(torch.cat(parts), torch.tensor(tokens, dtype=torch.int16), torch.empty(count, 0, 0))


def encoded(vae: AutoencoderKL, found: list[Scene], style: Style = as_drawn) -> Tensor:
    """The means of unscaled latents."""
    batch = pixels([style(draw(scene)) for scene in found])
    mean: Tensor = vae.encode(cast(torch.FloatTensor, batch), return_dict=False)[0].mean
    return mean
