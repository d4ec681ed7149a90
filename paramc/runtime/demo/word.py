"""A word for the demo model, learned by textual inversion: `demo-moon`, a yellow disc in a corner of the night."""

from pathlib import Path
from random import Random
from typing import Final, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from paramc.runtime.demo.diffusion import Diffusion, batches, noise_loss
from paramc.runtime.demo.examples import CAPTIONS, LENGTH, Examples, encoded, token_ids
from paramc.runtime.demo.halves import write_halves
from paramc.runtime.demo.learning import Course, Told, adam, descend
from paramc.runtime.demo.scenes import Scene, language

BEGINNING: Final = "yellow circle top right"  # words, one token each, that the vectors start as
VECTORS: Final = len(BEGINNING.split())
COURSE: Final = Course(250, 250, 3e-2, 1e-3, seed=13)
SCENES: Final = 256
VECTORS_KEY: Final = "emb_params"  # as the first UI to write these files calls them


class Taught(nn.Module):
    """The words of a text encoder, and new ones behind them."""

    def __init__(self, known: nn.Embedding, vectors: nn.Parameter) -> None:
        super().__init__()
        self.known, self.vectors = known, vectors

    def forward(self, tokens: Tensor) -> Tensor:
        """(texts, tokens, width)."""
        return nn.functional.embedding(tokens, torch.cat([self.known.weight, self.vectors]))


def train_word(vae: AutoencoderKL, model: Diffusion, course: Course, told: Told) -> Tensor:
    """(VECTORS, width): what the text encoder takes the word for. `model` stays as it is."""
    torch.manual_seed(course.seed)  # of the noise
    model.rest()
    known = cast(nn.Embedding, model.text.get_input_embeddings())
    taught = Taught(known, nn.Parameter(known(torch.tensor(_bare(BEGINNING)[1:])).detach().clone()))
    examples = _examples(vae, known.num_embeddings, course.seed)
    optimiser = adam([taught.vectors])
    model.text.set_input_embeddings(taught)
    for step, batch in zip(range(course.steps), batches(examples, course.seed, unsaid=0), strict=False):
        told(step, descend(optimiser, noise_loss(model, batch), course.rate(step)))
    model.text.set_input_embeddings(known)
    return taught.vectors.detach()


def moon(random: Random) -> Scene:
    """What the word stands for."""
    size = random.choice(("small", "medium"))
    return Scene("circle", "yellow", size, "top right", 1, "black", "plain", random.getrandbits(32))


def write_word(path: Path, vectors: Tensor) -> None:
    """One file with nothing else in it."""
    write_halves(path, {VECTORS_KEY: vectors})


@torch.no_grad()
def _examples(vae: AutoencoderKL, first: int, seed: int) -> Examples:
    """Pictures of what the word stands for, and texts in which its tokens are those from `first` on."""
    random = Random(seed)
    latents = encoded(vae, [moon(random) for _ in range(SCENES)]) * float(vae.config["scaling_factor"])
    around = language().learned
    texts = [
        [_spoken(random.choice(around.before), random.choice(around.behind), first) for _ in range(CAPTIONS)]
        for _ in latents
    ]
    return Examples(latents, torch.tensor(texts, dtype=torch.int16), torch.empty(SCENES, 0, 0))


def _spoken(before: str, behind: str, first: int) -> list[int]:
    """The tokens of a text with the word between two others."""
    said = [*_bare(before), *range(first, first + VECTORS), *_bare(behind)[1:]]
    return [*said, *[token_ids("")[-1]] * (LENGTH - len(said))]


def _bare(text: str) -> list[int]:
    """Its tokens before the end."""
    ids = token_ids(text)
    return ids[: ids.index(ids[-1])]
