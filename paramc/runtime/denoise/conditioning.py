"""Encoded prompts, and how prompts of different length are brought to one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MOST_REPEATS = 4  # of the shortest prompt


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """What a network is conditioned on. tokens: (rows, tokens, width); vector: (rows, width) or None.

    against: how many rows, the last ones, are of negative prompts. done: share of the evaluations that lies behind.
    lengths: of each row, where what is behind its text is not to be seen; empty where all tokens are.
    """

    tokens: Tensor
    vector: Tensor | None = None
    against: int = 0
    done: float = 0.0
    lengths: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        """Number of tokens."""
        return self.tokens.shape[1]

    def at(self, done: float) -> "Conditioning":
        """The same where so much lies behind."""
        return Conditioning(self.tokens, self.vector, self.against, done, self.lengths)


def stacked(parts: Sequence[Conditioning]) -> Conditioning:
    """Rows of several conditionings of one length as one."""
    vectors = [part.vector for part in parts if part.vector is not None]
    lengths = tuple(length for part in parts for length in part.lengths)
    tokens = torch.cat([part.tokens for part in parts])
    return Conditioning(tokens, torch.cat(vectors) if vectors else None, lengths=lengths)


def lengthened(part: Conditioning, length: int) -> Conditioning:
    """The last token repeated up to `length` tokens."""
    missing = length - part.length
    if missing <= 0:
        return part
    last = part.tokens[:, -1:].repeat(1, missing, 1)
    return Conditioning(torch.cat([part.tokens, last], dim=1), part.vector, lengths=part.lengths)


def fitted(part: Conditioning, length: int) -> Conditioning:
    """The last token repeated up to `length` tokens, or what is longer cut off (A1111's older padding)."""
    return Conditioning(lengthened(part, length).tokens[:, :length], part.vector)


def filled(part: Conditioning, length: int, empty: Tensor) -> Conditioning:
    """Chunks of the empty prompt, (1, 77, width), appended up to `length` tokens."""
    chunks = (length - part.length) // empty.shape[1]
    if chunks <= 0:
        return part
    return Conditioning(torch.cat([part.tokens, empty.repeat(len(part.tokens), chunks, 1)], dim=1), part.vector)


def may_repeat(parts: Sequence[Conditioning]) -> bool:
    """Whether ComfyUI and Forge repeat prompts of these lengths, and do not evaluate them apart."""
    lengths = [part.length for part in parts]
    return math.lcm(*lengths) <= MOST_REPEATS * min(lengths)


def repeated(parts: Sequence[Conditioning]) -> list[Conditioning]:
    """Each prompt repeated as a whole up to the least common multiple of the lengths (ComfyUI, Forge)."""
    length = math.lcm(*(part.length for part in parts))
    return [Conditioning(part.tokens.repeat(1, length // part.length, 1), part.vector) for part in parts]
