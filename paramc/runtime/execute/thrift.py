"""How memory and time are spent on models: where they lie, how they are laid out, whether they are compiled."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final, Literal, TypeAlias
from weakref import WeakSet

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from paramc.runtime.catalogue.header import HEADED, read_header
from paramc.runtime.models.dtypes import dtype_of

Offload: TypeAlias = Literal["auto", "none", "model", "layers"]
Stored: TypeAlias = Literal["same", "float8"]

ROOM: Final = 1.25  # times all weights that must be free for them to lie on a device together: the work needs some too
REST: Final = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Thrift:
    """What is saved, at which cost.

    offload: with `model`, the models of a checkpoint take turns on the device; with `layers`, those of the diffusion
    model do, too; `auto`, where they do not fit. tiles_vae: pictures go through the VAE in tiles, which shows in slow
    gradients. channels_last, compiles: layout and code of the diffusion model. stored: the number format in which its
    layers keep their weights, but for norms and the first and last ones, until they compute.
    """

    offload: Offload = "auto"
    tiles_vae: bool = False
    channels_last: bool = False
    compiles: bool = False
    stored: Stored = "same"


SPENDING: Final = Thrift()


class Turns:
    """Models that take turns on a device: those in use lie there, the others in main memory."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._taking = WeakSet[nn.Module]()
        self._there: tuple[nn.Module, ...] = ()

    def join(self, models: Iterable[nn.Module]) -> None:
        """Let models take turns from now on."""
        self._taking.update(models)

    def bring(self, *models: nn.Module) -> None:
        """Put models on the device, and those that were there before back; what takes no turns stays where it is."""
        called = tuple(model for model in models if model in self._taking)
        if called == self._there:
            return
        for model in self._there:
            if model not in called:
                model.to(REST)
        for model in called:
            model.to(self._device)
        self._there = called


def level_of(offload: Offload, device: torch.device, needed: int, largest: int, free: int | None) -> Offload:
    """What takes turns on a device with so many bytes free, None where nobody knows.

    needed: bytes of all models together; largest: of the diffusion model.
    """
    if device.type == REST.type:
        return "none"
    if offload != "auto":
        return offload
    if free is None or needed * ROOM <= free:
        return "none"
    return "model" if largest * ROOM <= free else "layers"


def free_bytes(device: torch.device) -> int | None:
    """Memory that is free on a graphics card."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def bytes_of(files: Iterable[Path], dtype: torch.dtype) -> int:
    """What the tensors of files take in memory as numbers of a type; of files without a header, their size."""
    return sum(_bytes(file, dtype) for file in files)


def _bytes(file: Path, dtype: torch.dtype) -> int:
    if file.suffix.lower() in HEADED:
        return sum(prod(info.shape) for info in read_header(file).tensors.values()) * dtype.itemsize
    parts = file.rglob("*.safetensors") if file.is_dir() else (file,)
    return sum(part.stat().st_size for part in parts if part.is_file())  # a link may lead nowhere


def prepare(model: ModelMixin, thrift: Thrift) -> None:
    """Lay a diffusion model out, store its weights in fewer bits, and compile it, as asked for."""
    if thrift.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-arg]  # its types leave it out
    if thrift.stored == "float8":
        computed = dtype_of(model)
        model.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=computed)
    if thrift.compiles:
        model.compile()


def bring_by_layers(model: ModelMixin, device: torch.device) -> None:
    """Let the layers of a model take turns on a device from now on, each while it computes."""
    model.enable_group_offload(device, REST, offload_type="leaf_level")
