"""The header of a GGUF file, version 2 and 3: metadata, and names, types, shapes and places of its tensors.

Sizes are little-endian, those of a shape the innermost first; tensors begin at multiples of an alignment.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.contents import MOST_SIDES, Header, TensorInfo
from paramc.runtime.catalogue.errors import ModelError
from paramc.tables import read_table, section

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
MOST: Final = 1_000_000  # tensors, entries, or characters of a text; above it, the file is damaged
ALIGNMENT: Final = "general.alignment"
PROGRAM: Final = "general.architecture"
HEADS: Final = "attention.head_count"
SHAPED: Final = "comfy.gguf.orig_shape."  # before the name of a tensor that was stored in another shape
NUMBERS: Final = {
    0: Struct("<B"), 1: Struct("<b"), 2: Struct("<H"), 3: Struct("<h"), 4: Struct("<I"), 5: Struct("<i"),
    6: Struct("<f"), 7: Struct("<?"), 10: Struct("<Q"), 11: Struct("<q"), 12: Struct("<d"),
}  # fmt: skip
TEXT, LIST = 8, 9
BLOCK: Final = re.compile(r"\.(\d+)\.")  # the number of a block, inside a name
Plain: TypeAlias = "int | float | str | tuple[int | float, ...]"


class Blocks(NamedTuple):
    """How a type is stored: so many values in so many bytes."""

    name: str
    values: int
    bytes: int


TYPES: Final[Mapping[int, Blocks]] = {
    0: Blocks("F32", 1, 4), 1: Blocks("F16", 1, 2), 2: Blocks("Q4_0", 32, 18), 3: Blocks("Q4_1", 32, 20),
    6: Blocks("Q5_0", 32, 22), 7: Blocks("Q5_1", 32, 24), 8: Blocks("Q8_0", 32, 34), 10: Blocks("Q2_K", 256, 84),
    11: Blocks("Q3_K", 256, 110), 12: Blocks("Q4_K", 256, 144), 13: Blocks("Q5_K", 256, 176),
    14: Blocks("Q6_K", 256, 210), 16: Blocks("IQ2_XXS", 256, 66), 17: Blocks("IQ2_XS", 256, 74),
    18: Blocks("IQ3_XXS", 256, 98), 19: Blocks("IQ1_S", 256, 50), 20: Blocks("IQ4_NL", 32, 18),
    21: Blocks("IQ3_S", 256, 110), 22: Blocks("IQ2_S", 256, 82), 23: Blocks("IQ4_XS", 256, 136),
    24: Blocks("I8", 1, 1), 25: Blocks("I16", 1, 2), 26: Blocks("I32", 1, 4), 27: Blocks("I64", 1, 8),
    28: Blocks("F64", 1, 8), 29: Blocks("IQ1_M", 256, 56), 30: Blocks("BF16", 1, 2),
}  # fmt: skip


@dataclass(slots=True)
class _Reader:
    """A file read from front to back, never beyond its end."""

    path: Path
    stream: BinaryIO
    size: int
    place: int = 0

    def take(self, count: int) -> bytes:
        found = self.stream.read(count)
        self.place += count
        if len(found) < count:
            raise ModelError(diagnose("PC522", file=self.path, needed=self.place, size=self.size))
        return found

    def number(self, kind: int) -> int | float:
        form = NUMBERS[kind]
        found: int | float = form.unpack(self.take(form.size))[0]
        return found

    def count(self, kind: int = 10) -> int:
        """A size that a sound file may have."""
        found = int(self.number(kind))
        if found > MOST:
            raise self.damaged(f"it states a size of {found}")
        return found

    def text(self) -> str:
        return self.take(self.count()).decode("utf-8", "replace")

    def value(self, kind: int) -> Plain:
        """A value of the metadata; of lists those that may be shapes, others are passed over."""
        if kind == TEXT:
            return self.text()
        if kind in NUMBERS:
            return self.number(kind)
        if kind != LIST:
            raise self.damaged(f"its metadata has a value of type {kind}")
        inner, length = self.count(4), self.count()
        if inner == TEXT:
            for _ in range(length):
                self.take(self.count())
            return ()
        if inner not in NUMBERS:
            raise self.damaged(f"its metadata has a list of type {inner}")
        if length > MOST_SIDES:
            self.take(length * NUMBERS[inner].size)
            return ()
        return tuple(self.number(inner) for _ in range(length))

    def damaged(self, reason: str) -> ModelError:
        return ModelError(diagnose("PC521", file=self.path, reason=reason))


def read_gguf(path: Path, stream: BinaryIO, size: int) -> Header:
    """The header, checked against the size of the file.

    Raises ModelError for one that is damaged (PC521), cut short (PC522), or of a type of numbers unknown here (PC583).
    """
    reader = _Reader(path, stream, size)
    reader.take(len(MAGIC))
    version = int(reader.number(4))
    if version not in VERSIONS:
        raise reader.damaged(f"it is GGUF of version {version}")
    count, entries = reader.count(), reader.count()
    metadata = {reader.text(): reader.value(reader.count(4)) for _ in range(entries)}
    found = list(_tensors(reader, count))
    alignment = metadata.get(ALIGNMENT, 32)
    if not isinstance(alignment, int) or alignment < 1:
        raise reader.damaged("its alignment is no number")
    start = math.ceil(reader.place / alignment) * alignment
    placed = {name: info._replace(start=start + info.start, end=start + info.end) for name, info in found}
    needed = max((info.end for info in placed.values()), default=start)
    if needed > size:
        raise ModelError(diagnose("PC522", file=path, needed=needed, size=size))
    program = str(metadata.get(PROGRAM, ""))
    names = _names(program)
    tensors = {_known(name, names): _shaped(name, info, metadata) for name, info in placed.items()}
    texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
    turned = {_known(name, names): _heads(reader, program, key, metadata) for name, key in _turned(program, placed)}
    end = section(read_table(_PATH), "raised", _PATH).get(program)
    raised = frozenset(_known(name, names) for name in placed if isinstance(end, str) and name.endswith(end))
    return Header(path, tensors, texts, start, turned=turned, raised=raised)


def _turned(program: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The tensors of a program whose rows lie in pairs, and what its metadata call the number of heads of each."""
    keys = section(read_table(_PATH), "turned", _PATH).get(program)
    if not isinstance(keys, dict):
        return
    for name in names:
        key = keys.get(BLOCK.sub(".{}.", name.rpartition(".")[0], count=1))
        if isinstance(key, str):
            yield name, key


def _heads(reader: _Reader, program: str, key: str, metadata: Mapping[str, Plain]) -> int:
    """The number of heads under a key; where that of keys and values is left out, they have as many as the rest."""
    found = metadata.get(f"{program}.{key}", metadata.get(f"{program}.{HEADS}"))
    if not isinstance(found, int) or found < 1:
        raise reader.damaged("its metadata do not say how many heads the model has")
    return found


def _known(name: str, names: Mapping[str, str]) -> str:
    """What the authors of a text encoder call a tensor; that of a diffusion model keeps its name."""
    module, dot, leaf = name.rpartition(".")
    number = BLOCK.search(module)
    found = names.get(BLOCK.sub(".{}.", module, count=1))
    return name if found is None else found.format(number[1] if number else "") + dot + leaf


@cache
def _names(program: str) -> Mapping[str, str]:
    """The modules of a text encoder by their names in GGUF files."""
    table = read_table(_PATH)
    names = section(table, "names", _PATH)
    found = names.get(str(section(table, "programs", _PATH).get(program)), {})
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


_PATH = Path(__file__).with_name("gguf.toml")


def _tensors(reader: _Reader, count: int) -> Iterator[tuple[str, TensorInfo]]:
    """The tensors, their places counted from where the data begin."""
    for _ in range(count):
        name = reader.text()
        sides = reader.count(4)
        if sides > MOST_SIDES:
            raise reader.damaged(f"its header describes `{name[:80]}` wrongly")
        shape = tuple(reader.count() for _ in range(sides))[::-1]
        kind, start = reader.count(4), int(reader.number(10))
        if kind not in TYPES:
            raise ModelError(diagnose("PC583", file=reader.path, format=f"GGUF's type {kind}"))
        blocks = TYPES[kind]
        values = math.prod(shape)
        if values % blocks.values:
            raise reader.damaged(f"its header describes `{name[:80]}` wrongly")
        yield name, TensorInfo(blocks.name, shape, start, start + values // blocks.values * blocks.bytes)


def _shaped(name: str, info: TensorInfo, metadata: Mapping[str, Plain]) -> TensorInfo:
    """The tensor in the shape that it had before it was stored."""
    stated = metadata.get(SHAPED + name)
    shape = tuple(side for side in stated if isinstance(side, int) and side >= 0) if isinstance(stated, tuple) else ()
    fits = stated == shape and math.prod(shape) == math.prod(info.shape)
    return info._replace(shape=shape) if fits else info
