"""A word for the demo model, learned by textual inversion: `demo-moon`, a yellow disc in a corner of the night."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import save_file
from torch import Tensor, nn

from paramc.runtime.demo.diffusion import Diffusion, Learner, batches, learn
from paramc.runtime.demo.examples import CAPTIONS, LENGTH, Examples, encoded, token_ids
from paramc.runtime.demo.learning import Rate
from paramc.runtime.demo.scenes import Scene, language

BEGINNING: Final = "yellow circle top right"  # words, one token each, that the vectors start as
VECTORS: Final = len(BEGINNING.split())
STEPS: Final = 250
SCENES: Final = 256
RATE: Final = Rate(3e-2, 1e-3)
VECTORS_KEY: Final = "emb_params"  # as the first UI to write these files calls them


class Taught(nn.Module):
    """The words of a text encoder, and new ones behind them."""

    def __init__(self, known: nn.Embedding, vectors: nn.Parameter) -> None:
        super().__init__()
        self.known, self.vectors = known, vectors

    def forward(self, tokens: Tensor) -> Tensor:
        """(texts, tokens, width)."""
        return nn.functional.embedding(tokens, torch.cat([self.known.weight, self.vectors]))


def train_word(
    vae: AutoencoderKL, model: Diffusion, steps: int, seed: int, told: Callable[[int, float, object], None]
) -> Tensor:
    """(VECTORS, width): what the text encoder takes the word for. `model` stays as it is."""
    torch.manual_seed(seed)  # of the noise
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    known = cast(nn.Embedding, model.text.get_input_embeddings())
    taught = Taught(known, nn.Parameter(known(torch.tensor(_bare(BEGINNING)[1:])).detach().clone()))
    examples = _examples(vae, known.num_embeddings, seed)
    weights = [taught.vectors]
    learner = Learner(model, torch.optim.AdamW(weights, betas=(0.9, 0.99), weight_decay=0.0), weights, RATE)
    model.text.set_input_embeddings(taught)
    for step, batch in zip(range(steps), batches(examples, seed, unsaid=0), strict=False):
        told(step, learn(learner, batch, step, steps), None)
    model.text.set_input_embeddings(known)
    return taught.vectors.detach()


def moon(random: Random) -> Scene:
    """What the word stands for."""
    size = random.choice(("small", "medium"))
    return Scene("circle", "yellow", size, "top right", 1, "black", "plain", random.getrandbits(32))


def write_word(path: Path, vectors: Tensor) -> None:
    """One file of half-precision numbers."""
    save_file({VECTORS_KEY: vectors.to(torch.float16).contiguous()}, path, {"format": "pt"})


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
