"""Tensors out of a file, one after the other in the order of its bytes, in memory of their own.

Not through a memory map: a file that another program cuts short would then end the process, and every page read would
count beside the tensor made of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import torch
from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header, TensorInfo, read_header

PICKLES: Final = frozenset({".pt", ".pth", ".ckpt", ".bin"})
WRAPPERS: Final = ("state_dict", "params_ema", "params-ema", "params", "model_state_dict")
DTYPES: Final = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64,
    "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}  # fmt: skip


class Tensors(Protocol):
    """An open file of tensors."""

    @property
    def header(self) -> Header:
        """What it holds."""
        ...

    def read(self, name: str) -> Tensor:
        """A tensor as it stands in the file."""
        ...


class SafetensorsFile:
    """An open safetensors file."""

    def __init__(self, header: Header, stream: BinaryIO) -> None:
        self.header = header
        self._stream = stream

    def read(self, name: str) -> Tensor:
        """The tensor as it stands in the file. Raises ModelError when the file cannot be read to its end."""
        info = self.header.tensors[name]
        if info.dtype not in DTYPES:
            raise ModelError(diagnose("PC521", file=self.header.path, reason=f"`{name}` is of type {info.dtype}"))
        data = torch.empty(info.end - info.start, dtype=torch.uint8)
        self._fill(memoryview(data.numpy().data), info)
        return data.view(DTYPES[info.dtype]).reshape(info.shape)

    def _fill(self, window: memoryview, info: TensorInfo) -> None:
        path = self.header.path
        try:
            self._stream.seek(info.start)
            read = self._stream.readinto(window)  # type: ignore[attr-defined]  # BinaryIO leaves it out
        except OSError as error:
            raise ModelError(diagnose("PC523", file=path, reason=error.strerror or error)) from error
        if read < len(window):
            raise ModelError(diagnose("PC522", file=path, needed=info.end, size=info.start + read))


class PickledTensors:
    """The tensors of a pickle file, all in memory."""

    def __init__(self, path: Path, tensors: Mapping[str, Tensor]) -> None:
        infos = {name: TensorInfo("", tuple(item.shape), 0, 0) for name, item in tensors.items()}
        self.header = Header(path, infos, {}, 0)
        self._tensors = tensors

    def read(self, name: str) -> Tensor:
        """One of the tensors."""
        return self._tensors[name]


@contextmanager
def open_tensors(path: Path) -> Iterator[Tensors]:
    """The tensors of a safetensors file, or of a pickle file that holds nothing else.

    Raises ModelError as `read_header` and `read_pickle` do.
    """
    if path.suffix.lower() in PICKLES:
        yield PickledTensors(path, _tensors_in(read_pickle(path)))
        return
    header = read_header(path)
    with path.open("rb") as stream:
        yield SafetensorsFile(header, stream)


def _tensors_in(loaded: object) -> dict[str, Tensor]:
    """Named tensors, also where training tools put them under another name."""
    if not isinstance(loaded, dict):
        return {}
    inner = next((loaded[name] for name in WRAPPERS if name in loaded), loaded)
    pairs = inner.items() if isinstance(inner, dict) else ()
    return {str(name): value for name, value in pairs if isinstance(value, Tensor)}


def read_pickle(path: Path) -> object:
    """What a pickle file holds, as far as it is made of tensors and plain values.

    Raises ModelError (PC524) for one that would run code, or is no such file.
    """
    from pickle import UnpicklingError

    try:
        loaded: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(diagnose("PC523", file=path, reason=error.strerror or error)) from error
    except (UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).split("\n", 1)[0].split(". ", 1)[0][:200]
        raise ModelError(diagnose("PC524", file=path, reason=reason)) from error
    return loaded
