"""The header of a model file: names, types, shapes and places of its tensors, read without the data."""

import json
import math
from pathlib import Path
from typing import BinaryIO, Final

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.contents import MOST_SIDES, Header, Json, TensorInfo
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.foreign import LOOKED_AT, why_foreign
from paramc.runtime.catalogue.gguf import MAGIC, read_gguf
from paramc.runtime.catalogue.scaled import told_apart
from paramc.runtime.catalogue.wrapped import unwrapped

__all__ = ["HEADED", "Header", "Json", "TensorInfo", "read_header"]

HEADED: Final = frozenset({".safetensors", ".sft", ".gguf"})  # files that a header tells all of

LENGTH: Final = 8  # bytes that say how long the header is, little-endian
AFTER: Final = (b"", b'"', b"}", b" ", b"\n", b"\r", b"\t")  # a first brace; it spares reading what is no header
LONGEST: Final = 100_000_000  # bytes that the format allows a header
BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip


def read_header(path: Path) -> Header:
    """The header of a safetensors or a GGUF file, checked against the size of the file.

    Raises ModelError for a file that is neither (PC521), cut short (PC522), unreadable (PC523), or of numbers that are
    not known (PC583).
    """
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            begins = stream.read(len(MAGIC))
            stream.seek(0)
            header = read_gguf(path, stream, size) if begins == MAGIC else _safetensors(path, stream, size)
    except OSError as error:
        raise ModelError(diagnose("PC523", file=path, reason=error.strerror or error)) from error
    placed = (*header.tensors.values(), *header.beside.values())
    if sum(info.end - info.start for info in placed) > size - header.data_start:
        raise _foreign(path, "its tensors lie over one another")
    return unwrapped(header)


def _safetensors(path: Path, stream: BinaryIO, size: int) -> Header:
    length = int.from_bytes(stream.read(LENGTH), "little")
    begins = stream.read(min(length, 2))
    if size < LENGTH or length > LONGEST or begins[:1] not in (b"{", b"") or begins[1:] not in AFTER:
        stream.seek(0)
        usual = "it does not begin with the length of a header, and a header"
        raise _foreign(path, why_foreign(stream.read(LOOKED_AT), usual))
    if LENGTH + length > size:
        raise _cut(path, LENGTH + length, size)
    text = begins + stream.read(length - len(begins))
    return told_apart(_checked(path, _table(path, text), LENGTH + length, size), stream)


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
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(start), int(end)]} if (
            len(shape) <= MOST_SIDES
        ):
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
