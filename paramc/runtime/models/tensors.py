"""Tensors out of a file, one after the other in the order of its bytes, in memory of their own.

Not through a memory map: a file that another program cuts short would then end the process, and every page read would
count beside the tensor made of it.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import torch
from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.foreign import ARCHIVE, LOOKED_AT, why_foreign
from paramc.runtime.catalogue.gguf import TYPES
from paramc.runtime.catalogue.header import Header, TensorInfo, read_header
from paramc.runtime.catalogue.scaled import FACTORS
from paramc.runtime.models.blocks import FORMATS, unpacked_blocks, unpacked_nibbles, unpacked_scales, unturned

PICKLES: Final = frozenset({".pt", ".pth", ".ckpt", ".bin"})
UNREAD: Final = frozenset(kind.name for kind in TYPES.values() if kind.values > 1) - FORMATS.keys()
PICKLED: Final = b"\x80"  # what a pickle file begins with that is no archive
CUT: Final = ("failed finding central directory", "unexpected EOF")  # torch's words for a file that ends too early
WEIGHT: Final = ".weight"
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


class HeadedFile:
    """An open file with a header."""

    def __init__(self, header: Header, stream: BinaryIO) -> None:
        self.header = header
        self._stream = stream

    def read(self, name: str) -> Tensor:
        """The tensor as it stands in the file; in float32 what is there in few bits or with a factor beside it.

        Raises ModelError when the file cannot be read to its end, or what belongs to the tensor is missing.
        """
        info = self.header.tensors[name]
        values = self._values(name, info)
        owner = name.removesuffix(WEIGHT)
        factor = next((owner + end for end in FACTORS if owner + end in self.header.beside), None)
        if factor is None or owner == name:
            return values
        scale = self._plain(factor, self.header.beside[factor]).float()
        if scale.numel() not in (1, *info.shape[:1]):
            raise self._damaged(f"`{factor}` does not fit the weight")
        return values.float() * scale.reshape(-1, *[1] * (values.dim() - 1))

    def _values(self, name: str, info: TensorInfo) -> Tensor:
        if name in self.header.quantised:
            return self._four_bits(name, info)
        try:
            values = self._unpacked(name, info)
            heads = self.header.turned.get(name)
            values = values if heads is None else unturned(values, heads)
        except RuntimeError as error:  # torch's words for sizes that do not go together
            raise self._damaged(f"`{name}` has another size than its shape") from error
        return values.float() - 1 if name in self.header.raised else values

    def _unpacked(self, name: str, info: TensorInfo) -> Tensor:
        if info.dtype not in FORMATS:
            return self._plain(name, info)
        return unpacked_blocks(self._bytes(info), info.dtype).view(info.shape)

    def _plain(self, name: str, info: TensorInfo) -> Tensor:
        if info.dtype not in DTYPES:
            raise ModelError(diagnose("PC583", file=self.header.path, format=info.dtype))
        return self._bytes(info).view(DTYPES[info.dtype]).reshape(info.shape)

    def _four_bits(self, name: str, info: TensorInfo) -> Tensor:
        """A weight as bitsandbytes has it."""
        how = self.header.quantised[name]
        codes, scales = self._part(name, "quant_map"), self._part(name, "absmax")
        try:
            if how.nested:
                outer = self._part(name, "nested_quant_map"), self._part(name, "nested_absmax")
                scales = unpacked_scales(scales, *outer, how.nested, how.offset)
            values = unpacked_nibbles(self._bytes(info), codes, scales, how.block)
            return values[: prod(info.shape)].view(info.shape)
        except (RuntimeError, IndexError) as error:  # the same, and for codes that are not there
            raise self._damaged(f"the parts of `{name}` do not go together") from error

    def _part(self, name: str, part: str) -> Tensor:
        info = self.header.beside.get(f"{name}.{part}")
        if info is None:
            raise self._damaged(f"`{name}` has no `{part}`")
        return self._plain(name, info).flatten()

    def _damaged(self, reason: str) -> ModelError:
        return ModelError(diagnose("PC521", file=self.header.path, reason=reason))

    def _bytes(self, info: TensorInfo) -> Tensor:
        data = torch.empty(info.end - info.start, dtype=torch.uint8)
        self._fill(memoryview(data.numpy().data), info)
        return data

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
    """The tensors of a safetensors or GGUF file, or of a pickle file that holds nothing else.

    Raises ModelError as `read_header` and `read_pickle` do.
    """
    if path.suffix.lower() in PICKLES:
        yield PickledTensors(path, _tensors_in(read_pickle(path)))
        return
    header = read_header(path)
    unread = next((info.dtype for info in header.tensors.values() if info.dtype in UNREAD), None)
    if unread:
        raise ModelError(diagnose("PC583", file=path, format=unread))
    with path.open("rb") as stream:
        yield HeadedFile(header, stream)


def _tensors_in(loaded: object) -> dict[str, Tensor]:
    """Named tensors, also where training tools put them under another name, or each part of a model under its own."""
    if not isinstance(loaded, dict):
        return {}
    inner = next((loaded[name] for name in WRAPPERS if name in loaded), loaded)
    pairs = list(inner.items()) if isinstance(inner, dict) else []
    parts = [
        (f"{part}.{name}", value) for part, all_ in pairs if isinstance(all_, dict) for name, value in all_.items()
    ]
    return {str(name): value for name, value in (*pairs, *parts) if isinstance(value, Tensor)}


def read_pickle(path: Path) -> object:
    """What a pickle file holds, as far as it is made of tensors and plain values.

    Raises ModelError for one that would run code (PC524), is cut short or is no such file (PC521).
    """
    from pickle import UnpicklingError

    try:
        with path.open("rb") as stream:
            begins = stream.read(LOOKED_AT)
            if not begins.startswith((ARCHIVE, PICKLED)):
                reason = why_foreign(begins, "it is no file that torch has saved")
                raise ModelError(diagnose("PC521", file=path, reason=reason))
        with warnings.catch_warnings(action="ignore"):  # of old formats
            loaded: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(diagnose("PC523", file=path, reason=error.strerror or error)) from error
    except EOFError as error:
        raise ModelError(diagnose("PC521", file=path, reason="it is cut short")) from error
    except (UnpicklingError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        if any(sign in str(error) for sign in CUT):
            raise ModelError(diagnose("PC521", file=path, reason="it is cut short")) from error
        reason = str(error).split("\n", 1)[0].split(". ", 1)[0][:200]
        raise ModelError(diagnose("PC524", file=path, reason=reason)) from error
    return loaded
