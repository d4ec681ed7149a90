"""The header of a safetensors file: names, types, shapes and places of its tensors, read without the data."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError

LENGTH: Final = 8  # bytes that say how long the header is, little-endian
LONGEST: Final = 100_000_000  # bytes; the format allows no longer header
GGUF: Final = int.from_bytes(b"GGUF", "little")  # what another format begins with
MAGIC_MASK: Final = 0xFFFFFFFF
BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class TensorInfo(NamedTuple):
    """One tensor: its bytes are [start, end) of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file holds; `data_start` is the offset of the first byte behind the header."""

    path: Path
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    data_start: int

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a tensor, or None where the file has none of that name."""
        info = self.tensors.get(name)
        return info.shape if info else None


def read_header(path: Path) -> Header:
    """The header, checked against the size of the file.

    Raises ModelError for a file that is no safetensors file (PC521), cut short (PC522), or unreadable (PC523).
    """
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            length = int.from_bytes(stream.read(LENGTH), "little")
            brace = stream.read(1)
            if length & MAGIC_MASK == GGUF:
                raise ModelError(diagnose("PC583", file=path, format="GGUF"))
            if size < LENGTH or length > LONGEST or brace not in (b"{", b""):
                raise _foreign(path, "it does not begin with the length of a header, and a header")
            if LENGTH + length > size:
                raise _cut(path, LENGTH + length, size)
            text = (brace + stream.read(length - 1)) if length else b""
    except OSError as error:
        raise ModelError(diagnose("PC523", file=path, reason=error.strerror or error)) from error
    return _checked(path, _table(path, text), LENGTH + length, size)


def _table(path: Path, text: bytes) -> dict[str, Json]:
    try:
        table: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _foreign(path, "its header is not JSON") from error
    if not isinstance(table, dict):
        raise _foreign(path, "its header is not a table")
    return table


def _checked(path: Path, table: dict[str, Json], data_start: int, size: int) -> Header:
    metadata = table.pop("__metadata__", None)
    tensors = {name: _tensor(path, name, entry, data_start) for name, entry in table.items()}
    needed = max((info.end for info in tensors.values()), default=data_start)
    if needed > size:
        raise _cut(path, needed, size)
    texts = metadata.items() if isinstance(metadata, dict) else ()
    return Header(path, tensors, {key: value for key, value in texts if isinstance(value, str)}, data_start)


def _tensor(path: Path, name: str, entry: Json, data_start: int) -> TensorInfo:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
            sizes = tuple(size for size in shape if isinstance(size, int) and size >= 0)
            bits = BITS.get(dtype)
            fits = bits is None or (end - start) * 8 == math.prod(sizes) * bits
            if len(sizes) == len(shape) and 0 <= start <= end and fits:
                return TensorInfo(dtype, sizes, data_start + start, data_start + end)
    raise _foreign(path, f"its header describes `{name[:80]}` wrongly")


def _foreign(path: Path, reason: str) -> ModelError:
    return ModelError(diagnose("PC521", file=path, reason=reason))


def _cut(path: Path, needed: int, size: int) -> ModelError:
    return ModelError(diagnose("PC522", file=path, needed=needed, size=size))
