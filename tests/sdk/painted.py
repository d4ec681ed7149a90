"""What the runner makes of a job with the parts of a tiny pipeline: the latent before it becomes a picture."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    ControlNetModel,
    DiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from safetensors.torch import save_file

from paramc.ir.assets import AssetRef
from paramc.ir.job import Job
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.shelf import Loaded, Shelf
from paramc.runtime.execute.watch import Unwatched
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.networks import Networks
from paramc.runtime.schedules.levels import sd_alphas
from paramc.runtime.text.stack import TextStack, text_stack
from tests.sdk.tiny import save

REFINER = "refiner"
ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")


class OneFolder:
    """A finder that knows one model, whatever it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[Any] = []

    def find(self, asset: AssetRef, kind: str) -> Path:
        if kind == "embedding":
            return Path(f"{asset.name}.safetensors")
        return self.folder.parent / REFINER if asset.name == REFINER else self.folder

    def of_kind(self, kind: str) -> list[Path]:
        return []

    def words(self) -> list[tuple[str, Path]]:
        return []


class TinyShelf(Shelf):
    """Models of any width, out of the folder of a pipeline."""

    def _load(self, path: Path, modules: tuple[Path, ...]) -> Loaded:
        pipe = DiffusionPipeline.from_pretrained(path, local_files_only=True)
        encoders = tuple(pipe.components[name] for name in ENCODERS if pipe.components.get(name) is not None)
        base = "sdxl" if path.name == REFINER else path.name.partition("-")[0]
        is_flow = hasattr(pipe, "transformer")
        checkpoint = Checkpoint(
            path=path,
            family=path.name,
            base=base,
            unet=pipe.transformer if is_flow else pipe.unet,
            vae=pipe.vae,
            text_encoders=encoders,
            prediction="flow" if is_flow else "epsilon",
            zero_terminal_snr=False,
            alphas_cumprod=sd_alphas().float(),
        )
        for part in (checkpoint.unet, pipe.vae, *encoders):
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


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures, a learned word and a net for a tiny pipeline, in the working folder."""
    Image.radial_gradient("L").resize((96, 80)).convert("RGB").save("input.png")
    mask = Image.new("L", (96, 80))
    mask.paste(255, (20, 10, 60, 50))
    mask.save("mask.png")
    generator = torch.Generator().manual_seed(1)
    names = ("clip_l", "clip_g") if folder.name == "sdxl" else ("emb_params",)
    save_file({name: torch.randn(3, 32, generator=generator) for name in names}, "bad_hand.safetensors")
    if (folder / "unet").is_dir():
        net = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(folder / "unet"))
        for part in (*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out):
            torch.nn.init.normal_(part.weight, generator=generator)  # zeros as they are made: nothing would steer
        monkeypatch.setattr("paramc.runtime.execute.shelf.load_net", lambda path, base, **rest: net)
        monkeypatch.setattr("paramc.runtime.execute.shelf.lies_on_model", lambda path: False)
        monkeypatch.setattr(ControlNetModel, "from_single_file", lambda file, **rest: net)
    if folder.name == "sdxl":
        refiner = folder.parent / REFINER
        place = refiner if refiner.is_dir() else save(REFINER, folder.parent, whole=True)
        pipe = StableDiffusionXLImg2ImgPipeline.from_pretrained(place, local_files_only=True)
        monkeypatch.setattr(StableDiffusionXLImg2ImgPipeline, "from_single_file", lambda file, **rest: pipe)
