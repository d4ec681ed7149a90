"""What compel does beyond interpolation: fragments of small weight are mixed with a text in which they are not seen."""

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from torch import Tensor

from paramc.dialects.chunks import CAPACITY
from paramc.runtime.text.bpe import tokeniser
from paramc.runtime.text.manners import Manner
from paramc.runtime.text.row import Row

LEAST = 1e-5  # weight; the share of the text without the fragment grows beyond all numbers towards 0

Unseen: TypeAlias = Callable[[Sequence[frozenset[int]]], Tensor]
"""(chunks, 77, width): the rows of a text encoded and weighted while the positions given for each are not seen."""

LENGTH: Final = CAPACITY + 2


def mixed(z: Tensor, rows: Sequence[Row], unseen: Unseen) -> Tensor:
    """The mean of a text's vectors, (chunks, 77, width), and those without each fragment of a weight below 1."""
    total, sum_of_shares = z, 1.0
    for start, end, weight in _lighter(rows):
        share = math.tan((1 - max(LEAST, weight)) * math.pi / 2)
        hidden = [
            frozenset(range(max(start - first, 1), min(end - first, LENGTH - 1)))  # never the start nor the last token
            for first in range(0, len(rows) * LENGTH, LENGTH)
        ]
        total = total + share * unseen(hidden)
        sum_of_shares += share
    return total / sum_of_shares


def plain_row(text: str, manner: Manner) -> Row:
    """The text as written, marks of weights and all, cut where the row is full: what the pooled vector is of."""
    tokens = tokeniser(manner.normalisation, manner.merges)
    ids, words = tokens.ids(text)[:CAPACITY], tokens.words
    return Row((words.begin, *ids, *[words.end] * (LENGTH - 1 - len(ids))), (1.0,) * LENGTH, len(ids) + 1)


def _lighter(rows: Sequence[Row]) -> list[tuple[int, int, float]]:
    """(start, end, weight) of stretches of one weight below 1; positions run through all rows."""
    found: list[tuple[int, int, float]] = []
    last = 1.0
    for number, row in enumerate(rows):
        for position in range(1, row.end):
            place, weight = number * LENGTH + position, row.weights[position]
            if weight < 1:
                start = found.pop()[0] if weight == last else place
                found.append((start, place + 1, weight))
            last = weight
    return found
