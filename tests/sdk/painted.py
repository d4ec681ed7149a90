"""What the runner makes of a job with the parts of a tiny pipeline: the latent before it becomes a picture."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import pytest
import torch
from diffusers import (
    ControlNetModel,
    DiffusionPipeline,
    FluxControlNetModel,
    SD3ControlNetModel,
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

    @property
    def folders(self) -> list[Path]:
        return []

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
        _lend(_unet_net(folder), monkeypatch)
    elif folder.name in FLOW_NETS:
        _lend(_flow_net(folder), monkeypatch)
    if folder.name == "sdxl":
        refiner = folder.parent / REFINER
        if not refiner.is_dir():
            save(REFINER, folder.parent, whole=True)
        monkeypatch.setattr(StableDiffusionXLImg2ImgPipeline, "from_single_file", lambda file, **rest: copied(refiner))


def _lend(net: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the runner and the library take it for any file of a net."""
    for loader in ("from_single_file", "from_pretrained"):
        monkeypatch.setattr(type(net), loader, lambda file, **rest: net, raising=False)
    monkeypatch.setattr("paramc.runtime.execute.shelf.load_net", lambda path, base, **rest: net)
    monkeypatch.setattr("paramc.runtime.execute.shelf.lies_on_model", lambda path: False)


@cache
def _unet_net(folder: Path) -> ControlNetModel:
    """The same one each time: the runner remembers what it loaded."""
    net = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(folder / "unet"))
    generator = torch.Generator().manual_seed(1)
    for part in (*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out):
        torch.nn.init.normal_(part.weight, generator=generator)  # zeros as they are made: nothing would steer
    return net


@cache
def _flow_net(folder: Path) -> FluxControlNetModel | SD3ControlNetModel:
    with catch_warnings():
        simplefilter("ignore", FutureWarning)  # diffusers warns of a class that it still uses itself
        net = FLOW_NETS[folder.name]()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in net.parameters():
            torch.nn.init.normal_(weight, std=0.2, generator=generator)
    return net


def _flux_net() -> FluxControlNetModel:
    return FluxControlNetModel(
        in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip


def _sd3_net() -> SD3ControlNetModel:
    return SD3ControlNetModel(
        sample_size=32, patch_size=2, in_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=4,
        joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=64, out_channels=16,
    )  # fmt: skip


FLOW_NETS: dict[str, Callable[[], FluxControlNetModel | SD3ControlNetModel]] = {
    "flux": _flux_net, "flux-schnell": _flux_net, "sd3": _sd3_net,
}  # fmt: skip


def copied(folder: Path) -> Any:
    """The pipeline of a folder, whose parts a script may change; only its tokenisers, slow to copy, are shared."""
    pipe = _pipe(folder)
    kept = [part for name, part in pipe.components.items() if name.startswith("tokenizer")]
    return deepcopy(pipe, {id(part): part for part in kept})


@cache
def _pipe(folder: Path) -> Any:
    return DiffusionPipeline.from_pretrained(folder, local_files_only=True)
