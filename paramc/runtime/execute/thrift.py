"""How memory and time are spent on models: where they lie, how they are laid out, whether they are compiled."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final, Literal, TypeAlias
from weakref import WeakSet

import torch
from torch import nn

from paramc.runtime.catalogue.header import read_header

Offload: TypeAlias = Literal["auto", "none", "model"]

ROOM: Final = 1.25  # times all weights that must be free for them to lie on a device together: the work needs some too
REST: Final = torch.device("cpu")
HEADED: Final = (".safetensors", ".sft")  # files that a header tells all of


@dataclass(frozen=True, slots=True)
class Thrift:
    """What is saved, at which cost.

    offload: with `model`, the models of a checkpoint take turns on the device; `auto`, where they do not fit together.
    tiles_vae: pictures go through the VAE in tiles, which shows in slow gradients. channels_last, compiles: layout and
    code of the diffusion model.
    """

    offload: Offload = "auto"
    tiles_vae: bool = False
    channels_last: bool = False
    compiles: bool = False


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
        """Put models on the device, and those that were there before back; those that take none stay as they are."""
        called = tuple(model for model in models if model in self._taking)
        if not called or called == self._there:
            return
        for model in self._there:
            if model not in called:
                model.to(REST)
        for model in called:
            model.to(self._device)
        self._there = called


def take_turns(offload: Offload, device: torch.device, needed: int, free: int | None) -> bool:
    """Whether models of `needed` bytes take turns on a device with so many free, None where nobody knows."""
    if device.type == REST.type or offload == "none":
        return False
    return offload == "model" or (free is not None and needed * ROOM > free)


def free_bytes(device: torch.device) -> int | None:
    """Memory that is free on a graphics card."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def bytes_of(files: Iterable[Path], dtype: torch.dtype) -> int:
    """What the tensors of files take in memory as numbers of a type; of files without a header, their size."""
    return sum(_bytes(file, dtype) for file in files)


def _bytes(file: Path, dtype: torch.dtype) -> int:
    if file.suffix in HEADED:
        return sum(prod(info.shape) for info in read_header(file).tensors.values()) * dtype.itemsize
    parts = file.rglob("*.safetensors") if file.is_dir() else (file,)
    return sum(part.stat().st_size for part in parts)


def prepare(model: nn.Module, thrift: Thrift) -> None:
    """Lay a diffusion model out, and compile it, as asked for."""
    if thrift.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own types leave it out
    if thrift.compiles:
        model.compile()
