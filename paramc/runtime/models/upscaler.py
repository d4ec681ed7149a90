"""Models that enlarge pictures: ESRGAN by ourselves, every other architecture through the extra `upscale`."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, cast

import torch
from torch import Tensor, nn

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.esrgan import esrgan_of
from paramc.runtime.models.tensors import open_tensors

LIBRARY: Final = "spandrel"


class Descriptor(Protocol):
    """A model of the library."""

    scale: int
    input_channels: int
    output_channels: int
    model: nn.Module

    def __call__(self, picture: Tensor) -> Tensor:
        """The picture enlarged."""
        ...


class Loader(Protocol):
    """The library's loader."""

    def load_from_state_dict(self, state_dict: Mapping[str, Tensor]) -> Descriptor:
        """The model of these weights."""
        ...


class Upscaler:
    """A loaded model; `scale`: how many times larger it makes each side."""

    def __init__(self, model: nn.Module, call: "Descriptor | nn.Module", scale: int) -> None:
        self.scale = scale
        self._call = call
        self._weight = next(model.parameters())

    @torch.inference_mode()
    def __call__(self, picture: Tensor) -> Tensor:
        """(1, 3, height, width) in [0, 1] to the same, `scale` times as large, float32; not clamped."""
        result: Tensor = self._call(picture.to(self._weight))
        return result.float()


def load_upscaler(path: Path, *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Upscaler:
    """The model of a file. Raises ModelError for one that is damaged, or of no known architecture."""
    with open_tensors(path) as file:
        tensors = {name: file.read(name) for name in file.header.tensors}
    model = esrgan_of(tensors)
    if model is not None:
        model.requires_grad_(False).eval().to(device, dtype)
        return Upscaler(model, model, model.scale)
    found = _described(path, tensors)
    found.model.requires_grad_(False).eval().to(device, dtype)
    return Upscaler(found.model, found, found.scale)


def _described(path: Path, tensors: Mapping[str, Tensor]) -> Descriptor:
    """The model as the library knows it."""
    try:
        loader = cast(Loader, import_module(LIBRARY).ModelLoader())
    except (ImportError, RuntimeError) as error:  # the latter where its own libraries do not fit torch
        raise ModelError(diagnose("PC535", file=path, reason=error)) from error
    try:
        found = loader.load_from_state_dict(tensors)
    except (ValueError, RuntimeError, LookupError) as error:
        raise ModelError(diagnose("PC525", file=path, found="no upscaler of a known kind", wanted="one")) from error
    if (found.input_channels, found.output_channels) != (3, 3):
        raise ModelError(diagnose("PC525", file=path, found="a model of other channels", wanted="an upscaler"))
    return found
