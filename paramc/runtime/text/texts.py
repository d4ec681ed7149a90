"""Texts of one schedule through all encoders: rows, hidden states, emphasis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.ir.plan import Run
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.text.bpe import vocabulary
from paramc.runtime.text.compel import mixed, plain_row
from paramc.runtime.text.cutting import Cut, cut
from paramc.runtime.text.emphasis import EMPHASES, INTERPOLATED, MIXED, restored
from paramc.runtime.text.encoder import Encoder, States
from paramc.runtime.text.long import LongEncoder, encode_long
from paramc.runtime.text.manners import USUAL, Base, Manner, find_lengths
from paramc.runtime.text.row import Row, empty_row
from paramc.runtime.text.stack import CLIP_L, TextStack
from paramc.runtime.text.t5 import tokeniser
from paramc.runtime.text.words import LearnedWord


@dataclass(frozen=True, slots=True)
class Texts:
    """Different texts of one schedule, as written and as runs.

    counts: how many entries of the schedule each has. layer: the hidden state asked for; None for the model's own.
    negative: they say what is not wanted.
    """

    texts: tuple[str, ...]
    runs: tuple[tuple[Run, ...], ...]
    counts: tuple[int, ...]
    emphasis: str = "original"
    layer: int | None = None
    negative: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTexts:
    """tokens: (texts, 77·chunks, width). pooled: (texts, width) or None. rows: of each text, for the first encoder.

    lengths: of each text, where what is behind it is not to be seen.
    """

    tokens: Tensor
    pooled: Tensor | None
    rows: tuple[tuple[Row, ...], ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    lengths: tuple[int, ...] = ()

    def conditioning(self, index: int) -> Conditioning:
        """Of one text, as a batch of one."""
        own, pooled = slice(index, index + 1), self.pooled
        lengths = self.lengths[own]
        tokens = self.tokens[own, : max(lengths, default=self.tokens.shape[1])]
        return Conditioning(tokens, None if pooled is None else pooled[own], lengths=lengths)

    def zeros(self) -> "EncodedTexts":
        """The same texts, saying nothing."""
        pooled = None if self.pooled is None else torch.zeros_like(self.pooled)
        return replace(self, tokens=torch.zeros_like(self.tokens), pooled=pooled)


def encode_texts(
    texts: Texts, stack: TextStack, manner: Manner, words: Sequence[LearnedWord] = (), *, dialect: str = USUAL
) -> EncodedTexts:
    """The vectors of all encoders side by side; shorter texts are filled with empty rows.

    `dialect`: whose rows of T5, where the base has it, are as long.
    """
    if not stack.encoders:
        return _long(texts, stack, dialect)
    works = [
        _Work(texts, _for_encoder(manner, encoder), encoder, layer, stack.base, words)
        for encoder, layer in zip(stack.encoders, stack.base.layers(manner, texts.layer), strict=True)
    ]
    cuts = [work.cuts() for work in works]
    chunks = max(len(part.rows) for parts in cuts for part in parts)
    done = [work.run(parts, chunks) for work, parts in zip(works, cuts, strict=True)]
    return EncodedTexts(
        _joined(texts, torch.cat([part.hidden for part in done], dim=2), stack, dialect),
        _pooled(done, stack.base),
        tuple(part.rows for part in cuts[0]),
        tuple(dict.fromkeys(chain.from_iterable(part.diagnostics for parts in cuts for part in parts))),
    )


def _joined(texts: Texts, tokens: Tensor, stack: TextStack, dialect: str) -> Tensor:
    """The encoders' tokens and T5's, as the base wants them; without T5 the encoders' alone."""
    if stack.long is None:
        return tokens
    long = _long(texts, stack, dialect).tokens.to(tokens)
    if stack.beside is not None:
        other = replace(stack, long=stack.beside, name=stack.base.beside)
        return torch.cat([long, _long(texts, other, dialect).tokens.to(tokens)], dim=1)
    if stack.base.long == "alone":
        return long
    return torch.cat([pad(tokens, (0, long.shape[2] - tokens.shape[2])), long], dim=1)


def _long(texts: Texts, stack: TextStack, dialect: str) -> EncodedTexts:
    """What T5 or a language model makes of the texts."""
    if stack.long is None:
        raise RunError(diagnose("PC506", base=stack.name, count=0))
    row = find_lengths(stack.name, stack.family, dialect, negative=texts.negative)
    own = stack.tokeniser if stack.beside is None or stack.long is stack.beside else None
    encoder = LongEncoder(stack.long, own or tokeniser(), row)
    runs = texts.runs if row.weighs else [(Run(text=text),) for text in texts.texts]
    found = encode_long(runs, texts.counts, texts.emphasis, encoder)
    lengths = tuple(len(tokens) for tokens in found.tokens) if row.padding == "unseen" else ()
    tokens = pad_sequence(list(found.tokens), batch_first=True)
    return EncodedTexts(tokens, found.pooled, ((),) * len(texts.texts), lengths=lengths)


def _pooled(done: Sequence[States], base: Base) -> Tensor | None:
    """What the last encoder says of the whole text; beside T5 all of them do."""
    pools = [part.pooled for part in (done if base.long else done[-1:]) if part.pooled is not None]
    return torch.cat(pools, dim=1) if pools else None


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What one encoder does."""

    texts: Texts
    manner: Manner
    encoder: Encoder
    layer: int
    base: Base
    words: Sequence[LearnedWord]

    @property
    def vectors(self) -> Mapping[str, Tensor]:
        """The learned words of this encoder, by name."""
        found = {word.name: word.of(self.encoder) for word in self.words}
        return {name: vectors for name, vectors in found.items() if vectors is not None}

    def cuts(self) -> list[Cut]:
        lengths = {name: len(vectors) for name, vectors in self.vectors.items()}
        return [cut(runs, self.manner, lengths) for runs in self.texts.runs]

    def run(self, cuts: Sequence[Cut], chunks: int) -> States:
        """hidden: (texts, 77·chunks, width), weighted. pooled: (texts, width), where the base has it."""
        nothing = empty_row(vocabulary(self.manner.merges))
        grid = [[*part.rows, *[nothing] * (chunks - len(part.rows))] for part in cuts]
        leading = [self._leading(text, rows) for text, rows in zip(self.texts.texts, grid, strict=True)]
        first = [nothing] if self.texts.emphasis in INTERPOLATED else []  # only these look at it
        places = {row: place for place, row in enumerate(dict.fromkeys([*first, *chain(*grid), *leading]))}
        states = self._states(tuple(places))
        index = torch.tensor([[places[row] for row in rows] for rows in grid], device=states.hidden.device)
        z = self._weighted(states.hidden[index], grid, states.hidden[:1])
        if self.texts.emphasis == MIXED:
            z = torch.stack([self._mixed(part, rows, states.hidden[:1]) for part, rows in zip(z, grid, strict=True)])
        pooled = None if states.pooled is None else states.pooled[[places[row] for row in leading]]
        return States(z.flatten(1, 2), pooled)

    def _leading(self, text: str, rows: Sequence[Row]) -> Row:
        """The row that the pooled vector is of."""
        return plain_row(text, self.manner) if self.manner.chunking == "sentences" else rows[0]

    def _states(self, rows: Sequence[Row], unseen: Sequence[frozenset[int]] = ()) -> States:
        base = self.base
        return self.encoder.encode(
            rows, self.layer, normed=base.normed, pooled=base.pooled, vectors=self.vectors, unseen=unseen
        )

    def _weighted(self, z: Tensor, grid: Sequence[Sequence[Row]], empty: Tensor) -> Tensor:
        """(texts, chunks, 77, width) with emphasis applied to one chunk of all texts at a time."""
        weights = torch.tensor([[row.weights for row in rows] for rows in grid]).to(z)
        counts = torch.tensor(self.texts.counts).to(z)
        emphasis = EMPHASES.get(self.texts.emphasis, restored)
        parts = zip(z.unbind(1), weights.unbind(1), strict=True)
        return torch.stack([emphasis(part, weight, empty, counts) for part, weight in parts], dim=1)

    def _mixed(self, z: Tensor, rows: Sequence[Row], empty: Tensor) -> Tensor:
        def unseen(tokens: Sequence[frozenset[int]]) -> Tensor:
            return self._weighted(self._states(rows, tokens).hidden[None], [rows], empty)[0]

        return mixed(z, rows, unseen)


def _for_encoder(manner: Manner, encoder: Encoder) -> Manner:
    other = None if encoder.name == CLIP_L else manner.open_normalisation
    return replace(manner, normalisation=other or manner.normalisation, merges=encoder.merges)
