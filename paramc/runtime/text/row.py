"""What an encoder takes: 77 tokens with their weights, and where vectors stand in for tokens."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from paramc.dialects.chunks import CAPACITY, Vocabulary
from paramc.runtime.text.bpe import vocabulary


class Learned(NamedTuple):
    """Vectors of a learned word, from the one at index `first` on, are put at `position` and following."""

    position: int
    name: str
    first: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens with the start and the end, filled up with ends; weights of these are 1. end: where the filling begins."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]
    end: int
    learned: tuple[Learned, ...] = ()


def empty_row(words: Vocabulary) -> Row:
    """The row of a text without a word."""
    return Row((words.begin, *[words.end] * (CAPACITY + 1)), (1.0,) * (CAPACITY + 2), 1)


EMPTY_ROW: Final = empty_row(vocabulary())
"""The same in the vocabulary that models share."""
