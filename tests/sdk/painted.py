"""What the runner makes of a job with the parts of a tiny pipeline: the latent before it becomes a picture."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

from paramc.ir.assets import AssetRef
from paramc.ir.job import Job
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.shelf import Loaded, Shelf
from paramc.runtime.execute.watch import Unwatched
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.networks import Networks
from paramc.runtime.schedules.levels import sd_alphas
from paramc.runtime.text.stack import TextStack, text_stack


class OneFolder:
    """A finder that knows one model, whatever it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[Any] = []

    def find(self, asset: AssetRef, kind: str) -> Path:
        return self.folder

    def of_kind(self, kind: str) -> list[Path]:
        return []

    def words(self) -> list[tuple[str, Path]]:
        return []


class TinyShelf(Shelf):
    """Models of any width, out of the folder of a pipeline."""

    def _load(self, path: Path, modules: tuple[Path, ...]) -> Loaded:
        pipe = DiffusionPipeline.from_pretrained(path, local_files_only=True)
        encoders = tuple(getattr(pipe, name) for name in ("text_encoder", "text_encoder_2") if hasattr(pipe, name))
        base = path.name
        checkpoint = Checkpoint(
            path=path,
            family=base,
            base=base,
            unet=pipe.unet,
            vae=pipe.vae,
            text_encoders=encoders,
            prediction="epsilon",
            zero_terminal_snr=False,
            alphas_cumprod=sd_alphas().float(),
        )
        for part in (pipe.unet, pipe.vae, *encoders):
            part.requires_grad_(False)
        return Loaded(checkpoint, Networks(checkpoint), _stack(base, encoders))


def _stack(base: str, encoders: tuple[Any, ...]) -> TextStack:
    """Stable Diffusion 2 is stored without the encoder's last layer; nothing tells it of a tiny one."""
    stack = text_stack(base, encoders)
    shortened = tuple(replace(encoder, left_out=1) for encoder in stack.encoders)
    return replace(stack, encoders=shortened) if base == "sd2" else stack


class Keeps(Unwatched):
    """Keeps the last latent that becomes a picture."""

    latent: torch.Tensor

    def decodes(self, latent: torch.Tensor) -> None:
        self.latent = latent.clone()


def painted(job: Job, folder: Path) -> torch.Tensor:
    """The latent of a job, by the runner."""
    finder = OneFolder(folder)
    runner = Runner([], device="cpu", rng="nv", finder=finder)
    runner.shelf = TinyShelf(finder, device=torch.device("cpu"))
    watch = Keeps()
    runner.run(job, watch)
    return watch.latent
