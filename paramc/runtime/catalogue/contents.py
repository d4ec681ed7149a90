"""What a model file holds, as its header tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

MOST_SIDES: Final = 8  # dimensions of a tensor; above it, the file is damaged
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class TensorInfo(NamedTuple):
    """One tensor: its bytes are [start, end) of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class Quantised(NamedTuple):
    """How the 4-bit values of a tensor were put together: by blocks of `block` values with a scale each.

    nested: the block of the scales, which are quanta themselves; 0: they are numbers. offset: taken out of the scales.
    """

    block: int
    nested: int = 0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Header:
    """What a file of tensors holds; `data_start` is the offset of the first byte behind the header.

    beside: tensors that serve to read others: scales, and what they are looked up in. quantised: tensors of 4 bits.
    turned: tensors whose rows lie in pairs, one of each half of a head; how many heads. raised: those with one added.
    """

    path: Path
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    data_start: int
    beside: Mapping[str, TensorInfo] = field(default_factory=dict)
    quantised: Mapping[str, Quantised] = field(default_factory=dict)
    turned: Mapping[str, int] = field(default_factory=dict)
    raised: frozenset[str] = frozenset()

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a tensor, or None where the file has none of that name."""
        info = self.tensors.get(name)
        return info.shape if info else None
