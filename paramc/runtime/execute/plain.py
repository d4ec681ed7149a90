"""What a run is measured against: the parts of a pipeline of plain diffusers, called one after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import CLIPTextModel, CLIPTextModelWithProjection, T5EncoderModel
from transformers.models.clip.modeling_clip import CLIPTextModelOutput

from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.runtime.denoise.patched import packed, positions, unpacked
from paramc.runtime.execute.transformer import UNGUIDED
from paramc.runtime.text.sizes import time_ids

CHUNK: Final = 77  # tokens of a text that CLIP sees at once
CELL: Final = 8  # pixels of a side that one number of a latent stands for
STATES: Final = -2  # layer of CLIP that SDXL and SD3 attend to

ClipModel: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection
Scheduler: TypeAlias = DDIMScheduler | FlowMatchEulerDiscreteScheduler
TextModel: TypeAlias = ClipModel | T5EncoderModel
Denoiser: TypeAlias = UNet2DConditionModel | SD3Transformer2DModel | FluxTransformer2DModel
Texts: TypeAlias = tuple[Tensor, Tensor | None]
"""Tokens (rows, words, width), and what is said of the whole texts (rows, width)."""
Call: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(rows of latents, timestep, 0-d) to what the network gives."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint as diffusers keeps it in a folder, and what a job asks of it.

    texts: the classes of its encoders. rows: that go through the network at once for each picture; words: tokens that
    it attends to in each.
    """

    folder: Path
    base: str
    texts: tuple[type[TextModel], ...]
    rows: int
    words: int


class Plain:
    """A pipeline's parts in memory."""

    def __init__(self, kept: Kept, dtype: torch.dtype, device: str) -> None:
        self._kept, self._dtype, self._device = kept, dtype, device
        self._model = WAYS[kept.base].model.from_pretrained(kept.folder / "model", torch_dtype=dtype)
        self._vae = cast(AutoencoderKL, AutoencoderKL.from_pretrained(kept.folder / "vae", torch_dtype=dtype))
        self._texts = [
            kind.from_pretrained(kept.folder / f"text_{number}", dtype=dtype) for number, kind in enumerate(kept.texts)
        ]
        for model in cast("list[nn.Module]", [self._model, self._vae, *self._texts]):
            model.to(device).requires_grad_(False).eval()

    def paint(self, job: Job, steps: int, starts: Callable[[], None]) -> None:
        """A picture of no certain text; `starts` is called before each step."""
        count, size = job.batch.size, job.size or (512, 512)
        texts = self._encoded(count)
        scheduler = _scheduler(self._kept.base)
        scheduler.set_timesteps(steps, device=self._device)
        channels = int(self._vae.config["latent_channels"])
        x = torch.randn(count, channels, size[1] // CELL, size[0] // CELL).to(self._device, self._dtype)
        call = self._call(texts, Size(*size))
        step = cast("Callable[..., tuple[Tensor]]", scheduler.step)  # whose types leave out most devices
        for time in cast(Tensor, scheduler.timesteps):
            starts()
            output = call(torch.cat([x] * self._kept.rows), time)
            if self._kept.rows > 1:
                without, towards = output[:count], output[-count:]
                output = without + (job.sampling.cfg_scale or 1.0) * (towards - without)
            [x] = step(output, time, x, return_dict=False)[:1]
        scaled = x / float(self._vae.config["scaling_factor"]) + float(self._vae.config["shift_factor"] or 0.0)
        self._vae.decode(cast(torch.FloatTensor, scaled), return_dict=False)

    def _encoded(self, count: int) -> Texts:
        """The texts of all rows; those of one kind are encoded once."""
        tokens, pooled = WAYS[self._kept.base].encode(self._texts, self._kept.rows, self._kept.words)
        return tokens.repeat_interleave(count, dim=0), None if pooled is None else pooled.repeat_interleave(count, 0)

    def _call(self, texts: Texts, size: Size) -> Call:
        match self._model:
            case UNet2DConditionModel() as unet:
                return _unet_call(unet, texts, size)
            case SD3Transformer2DModel() as model:
                return _sd3_call(model, texts)
            case FluxTransformer2DModel() as model:
                return _flux_call(model, texts)
            case _:
                raise TypeError(type(self._model).__name__)


def _scheduler(base: str) -> Scheduler:
    if WAYS[base].model is UNet2DConditionModel:
        return cast(Scheduler, DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"))
    return cast(Scheduler, FlowMatchEulerDiscreteScheduler(shift=3.0))


def _unet_call(unet: UNet2DConditionModel, texts: Texts, size: Size) -> Call:
    tokens, pooled = texts
    added = None
    if pooled is not None:
        ids = time_ids(size).to(pooled).expand(len(tokens), -1)
        added = {"text_embeds": pooled, "time_ids": ids}

    def call(rows: Tensor, time: Tensor) -> Tensor:
        output = unet(rows, time, encoder_hidden_states=tokens, added_cond_kwargs=added, return_dict=False)
        return cast(Tensor, output[0])

    return call


def _sd3_call(model: SD3Transformer2DModel, texts: Texts) -> Call:
    tokens, pooled = texts

    def call(rows: Tensor, time: Tensor) -> Tensor:
        times = cast(torch.LongTensor, time.expand(len(rows)))
        output = model(cast(torch.FloatTensor, rows), tokens, pooled, times, return_dict=False)
        return cast(Tensor, output[0])

    return call


def _flux_call(model: FluxTransformer2DModel, texts: Texts) -> Call:
    tokens, pooled = texts
    words = tokens.new_zeros(tokens.shape[1], 3)
    guidance = tokens.new_full((len(tokens),), UNGUIDED) if model.config["guidance_embeds"] else None

    def call(rows: Tensor, time: Tensor) -> Tensor:
        height, width = rows.shape[-2:]
        places, times = positions(height, width).to(rows), time.expand(len(rows)).to(rows) / 1000
        output = model(packed(rows), tokens, pooled, times, places, words, guidance, return_dict=False)
        return unpacked(cast(Tensor, output[0]), height, width)

    return call


def _ids(model: TextModel, rows: int, words: int) -> Tensor:
    """Tokens of texts that say nothing, ended as the model wants it; (rows, words)."""
    last = model.config.vocab_size - 1 if isinstance(model, ClipModel) else 1  # where a text ends, which CLIP looks for
    ids = torch.zeros(rows, words, dtype=torch.long, device=model.device)
    ids[:, -1] = last
    return ids


def _one(models: Sequence[TextModel], rows: int, words: int) -> Texts:
    """Stable Diffusion 1 and 2: the last states of the one encoder, chunk after chunk."""
    [model] = models
    states = model(_ids(model, rows * (words // CHUNK), CHUNK))[0]
    return states.reshape(rows, words, -1), None


def _clip(model: TextModel, rows: int, words: int) -> tuple[Tensor, Tensor]:
    """The states of CLIP that later models attend to, chunk after chunk, and what it says of the whole."""
    output = model(_ids(model, rows * (words // CHUNK), CHUNK), output_hidden_states=True)
    said = output.text_embeds if isinstance(output, CLIPTextModelOutput) else output.pooler_output
    states = cast("Sequence[Tensor]", output.hidden_states)[STATES]
    return states.reshape(rows, words, -1), cast(Tensor, said)[:: words // CHUNK]


def _two(models: Sequence[TextModel], rows: int, words: int) -> Texts:
    """SDXL: states of both encoders side by side, and what the second says of the whole."""
    states, said = zip(*(_clip(model, rows, words) for model in models), strict=True)
    return torch.cat(states, dim=-1), said[-1]


def _three(models: Sequence[TextModel], rows: int, words: int) -> Texts:
    """SD3: the two of SDXL, behind them the states of T5, where there is one."""
    clips = [_clip(model, rows, CHUNK) for model in models if isinstance(model, ClipModel)]
    states = torch.cat([tokens for tokens, _ in clips], dim=-1)
    for model in models[len(clips) :]:
        behind = model(_ids(model, rows, words - CHUNK))[0]
        states = torch.cat([pad(states, (0, behind.shape[-1] - states.shape[-1])), behind], dim=1)
    return states, torch.cat([said for _, said in clips], dim=-1)


def _apart(models: Sequence[TextModel], rows: int, words: int) -> Texts:
    """FLUX.1: the states of T5, and what CLIP says of the whole."""
    clip, t5 = models
    return t5(_ids(t5, rows, words))[0], _clip(clip, rows, CHUNK)[1]


class Way(NamedTuple):
    """How models of a base are called: the class of the diffusion model, its texts, how many encoders there may be."""

    model: type[Denoiser]
    encode: Callable[[Sequence[TextModel], int, int], Texts]
    encoders: tuple[int, ...]


WAYS: Final[Mapping[str, Way]] = MappingProxyType(
    {
        "sd1": Way(UNet2DConditionModel, _one, (1,)),
        "sd2": Way(UNet2DConditionModel, _one, (1,)),
        "sdxl": Way(UNet2DConditionModel, _two, (2,)),
        "sd3": Way(SD3Transformer2DModel, _three, (2, 3)),
        "flux": Way(FluxTransformer2DModel, _apart, (2,)),
    }
)
"""By base, those that are measured."""
