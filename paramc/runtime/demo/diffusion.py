"""The demo model's UNet and text encoder, trained together on the noise in latents."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol, cast

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from paramc.runtime.demo.autoencoder import GROUPS
from paramc.runtime.demo.examples import LENGTH, Examples, token_ids
from paramc.runtime.demo.learning import Course, Told, adam, descend
from paramc.runtime.demo.vocabulary import merges
from paramc.runtime.schedules.levels import sd_alphas
from paramc.runtime.text.bpe import vocabulary

WIDTHS: Final = (64, 64)
ATTENTION: Final = (True, False)  # of each level
HEADS: Final = 8
TEXT_WIDTH: Final = 64
TEXT_LAYERS: Final = 2
COURSE: Final = Course(5500, 6500, 1.2e-3, 1e-5, seed=1)
BATCH: Final = 32
UNSAID: Final = 0.1  # of all captions are left out, so that guidance has something to start from
SNR: Final = 5.0  # the weight of a level is no more than this over its signal-to-noise ratio
KEPT: Final = 0.998  # of the mean of all weights so far


class Denoises(Protocol):
    """Any model that learns from noise in latents."""

    def noise(self, x: Tensor, timesteps: Tensor, batch: Examples) -> Tensor:
        """The noise that the model sees in `x`, which is of the examples of a batch."""
        ...


class Diffusion(NamedTuple):
    """The two models, with the means of their weights or without."""

    unet: UNet2DConditionModel
    text: CLIPTextModel

    def states(self, tokens: Tensor) -> Tensor:
        """What the UNet attends to."""
        found: Tensor = self.text(input_ids=tokens).last_hidden_state
        return found

    def noise(self, x: Tensor, timesteps: Tensor, batch: Examples) -> Tensor:
        """The noise that the model sees in `x`."""
        found: Tensor = self.unet(x, timesteps, self.states(batch.tokens), return_dict=False)[0]
        return found

    def parameters(self) -> list[nn.Parameter]:
        """Those of both."""
        return [*self.unet.parameters(), *self.text.parameters()]

    def rest(self) -> None:
        """Let its weights learn no more."""
        for parameter in self.parameters():
            parameter.requires_grad_(False)


def new_diffusion(seed: int) -> Diffusion:
    """Untrained models."""
    torch.manual_seed(seed)
    words = vocabulary(merges())
    unet = UNet2DConditionModel(
        block_out_channels=WIDTHS,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=2,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=HEADS,
        norm_num_groups=GROUPS,
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words.end + 1,
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=TEXT_LAYERS,
            num_attention_heads=1,
            max_position_embeddings=LENGTH,
            hidden_act="quick_gelu",
            bos_token_id=0,
            eos_token_id=2,
            pad_token_id=1,
        )
    )
    nn.init.normal_(cast(Tensor, text.get_input_embeddings().weight), std=0.3)
    return Diffusion(unet.train(), text.train())


def train_diffusion(examples: Examples, course: Course, told: Told) -> Diffusion:
    """The means of the weights at the end of a course."""
    model, means = new_diffusion(course.seed), new_diffusion(course.seed)
    optimiser = adam(model.parameters(), decay=1e-2)
    for step, batch in zip(range(course.steps), batches(examples, course.seed), strict=False):
        loss = descend(optimiser, noise_loss(model, batch), course.rate(step))
        follow(means.parameters(), model.parameters(), step)
        told(step, loss)
    return means


def batches(examples: Examples, seed: int, *, unsaid: float = UNSAID) -> Iterator[Examples]:
    """Latents, each with one of its captions or none, without end."""
    random = torch.Generator().manual_seed(seed)
    nothing = torch.tensor(token_ids(""))
    count, captions = examples.tokens.shape[:2]
    while True:
        for rows in torch.split(torch.randperm(count, generator=random), BATCH):
            chosen = torch.randint(captions, (len(rows),), generator=random)
            tokens = examples.tokens[rows, chosen].long()
            tokens[torch.rand(len(rows), generator=random) < unsaid] = nothing
            yield Examples(examples.latents[rows], tokens, examples.hints[rows])


def noise_loss(model: Denoises, batch: Examples) -> Tensor:
    """The mean square error of the noise, levels of little noise weighed down (Hang et al. 2023)."""
    alphas = sd_alphas().float()
    timesteps = torch.randint(len(alphas), (len(batch.latents),))
    signal = alphas[timesteps].view(-1, 1, 1, 1)
    noise = torch.randn_like(batch.latents)
    x = signal.sqrt() * batch.latents + (1 - signal).sqrt() * noise
    error = (model.noise(x, timesteps, batch) - noise).square().mean((1, 2, 3))
    ratio = alphas[timesteps] / (1 - alphas[timesteps])
    return (error * (SNR / ratio).clamp(max=1)).mean()


@torch.no_grad()
def follow(means: Iterable[Tensor], weights: Iterable[Tensor], step: int) -> None:
    """Bring the means nearer to the weights; the first steps count for little."""
    share = 1 - min(KEPT, (step + 1) / (step + 10))
    for mean, weight in zip(means, weights, strict=True):
        mean.lerp_(weight, share)
