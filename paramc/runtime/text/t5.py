"""T5 as programs use it: a text as one long row of tokens, filled up to a least length, and all of it attended to."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import T5EncoderModel

from paramc.ir.plan import Run
from paramc.runtime.text.emphasis import EMPHASES, restored

END: Final = 1
PAD: Final = 0


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of a row: filled up to `least`, cut off behind `most`; 0 = however many there are."""

    least: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True)
class LongRow:
    """Tokens up to and with the end, and their weights."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]

    def filled(self, length: int) -> "LongRow":
        """The row with padding behind its end."""
        missing = length - len(self.tokens)
        return LongRow((*self.tokens, *[PAD] * missing), (*self.weights, *[1.0] * missing))


EMPTY: Final = LongRow((END,), (1.0,))


@dataclass(frozen=True, slots=True, eq=False)
class T5Encoder:
    """The model, and how long its rows are."""

    model: T5EncoderModel
    lengths: Lengths

    @property
    def width(self) -> int:
        """Numbers of a token's vector."""
        return int(self.model.config.d_model)

    @torch.no_grad()
    def encode(self, rows: Sequence[LongRow]) -> Tensor:
        """(rows, tokens, width) of rows of one length, float32."""
        ids = torch.tensor([row.tokens for row in rows], device=self.model.device)
        hidden: Tensor = self.model(ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return hidden.float()


def encode_long(runs: Sequence[Sequence[Run]], counts: Sequence[int], emphasis: str, encoder: T5Encoder) -> Tensor:
    """(texts, tokens, width) of the texts of one schedule, all as long as the longest; weights as for CLIP."""
    grid = [long_rows(text, encoder.lengths.most) for text in runs]
    chunks = max(map(len, grid))
    grid = [[*rows, *[EMPTY] * (chunks - len(rows))] for rows in grid]
    return torch.cat([_column(column, counts, emphasis, encoder) for column in zip(*grid, strict=True)], dim=1)


def _column(rows: Sequence[LongRow], counts: Sequence[int], emphasis: str, encoder: T5Encoder) -> Tensor:
    """One chunk of every text."""
    length = max(encoder.lengths.least, *(len(row.tokens) for row in rows))
    filled = [row.filled(length) for row in (*rows, EMPTY)]
    states = torch.cat([encoder.encode([row]) for row in filled])
    weights = torch.tensor([row.weights for row in filled[:-1]]).to(states)
    return EMPHASES.get(emphasis, restored)(states[:-1], weights, states[-1:], torch.tensor(counts).to(states))


def long_rows(runs: Sequence[Run], most: int = 0) -> list[LongRow]:
    """The rows of a text: one, and one more behind each break. Every run is cut into tokens for itself."""
    tokens: list[list[int]] = [[]]
    weights: list[list[float]] = [[]]
    for run in runs:
        if run.breaks:
            tokens.append([])
            weights.append([])
            continue
        ids = tokeniser().encode(run.text, add_special_tokens=False).ids
        tokens[-1] += ids
        weights[-1] += [run.weight] * len(ids)
    cut = most - 1 if most else None
    return [LongRow((*ids[:cut], END), (*own[:cut], 1.0)) for ids, own in zip(tokens, weights, strict=True)]


@cache
def tokeniser() -> Tokenizer:
    """T5's own, with a vocabulary of 32100 pieces."""
    return Tokenizer.from_buffer(gzip.decompress((Path(__file__).parent / "t5.json.gz").read_bytes()))
