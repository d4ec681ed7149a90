"""Chunks of 75 tokens: how the tokens of weighted runs are packed for a text encoder that takes 77 at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from paramc.dialects.weights import BREAK

CAPACITY: Final = 75  # tokens of a chunk; the encoder sees a start and an end token around them
DEFAULT_BACKTRACK: Final = 20
PLACEHOLDER: Final = 0  # token in the places of an embedding's vectors


@dataclass(frozen=True, slots=True)
class TokenRun:
    """A run with the tokens of its text, which is tokenised on its own."""

    text: str
    weight: float
    tokens: Sequence[int]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a tokeniser that packing has to know: start, end (also the padding), and `,` at a word's end."""

    begin: int
    end: int
    comma: int


@dataclass(frozen=True, slots=True)
class Embedding:
    """A learned word: its name as tokens, and how many vectors stand for it."""

    name: str
    tokens: tuple[int, ...]
    vectors: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the encoder sees. A fix (k, name) puts the vectors of that embedding at positions k + 1 and following."""

    tokens: tuple[int, ...]
    multipliers: tuple[float, ...]
    fixes: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Packed:
    """All chunks, and the number of tokens as the UI counts it: a closed chunk counts as a full one."""

    chunks: tuple[Chunk, ...]
    token_count: int


def pack(
    runs: Iterable[TokenRun],
    vocabulary: Vocabulary,
    *,
    backtrack: int = DEFAULT_BACKTRACK,
    embeddings: Sequence[Embedding] = (),
) -> Packed:
    """The chunks of a text; an empty one has one empty chunk.

    `backtrack` tokens at most move to the next chunk so that one ends behind a comma. Of embeddings that begin alike
    the longest counts, of equal ones the first. One of more than 75 vectors makes a chunk that no encoder takes.
    """
    packing = _Packing(vocabulary, backtrack, _by_first_token(embeddings))
    for run in runs:
        if (run.text, run.weight) == BREAK:
            packing.close()
        else:
            packing.add(run)
    return packing.finish()


@dataclass(slots=True)
class _Packing:
    vocabulary: Vocabulary
    backtrack: int
    embeddings: Mapping[int, Sequence[Embedding]]
    chunks: list[Chunk] = field(default_factory=list)
    count: int = 0
    tokens: list[int] = field(default_factory=list)
    multipliers: list[float] = field(default_factory=list)
    fixes: list[tuple[int, str]] = field(default_factory=list)
    last_comma: int | None = None

    def add(self, run: TokenRun) -> None:
        position = 0
        while position < len(run.tokens):
            self._make_room(run.tokens[position])
            embedding = self._embedding_at(run.tokens, position)
            if embedding:
                if len(self.tokens) + embedding.vectors > CAPACITY:
                    self.close()
                self.fixes.append((len(self.tokens), embedding.name))
            added = [PLACEHOLDER] * embedding.vectors if embedding else [run.tokens[position]]
            self.tokens += added
            self.multipliers += [run.weight] * len(added)
            position += len(embedding.tokens) if embedding else 1

    def close(self) -> None:
        """End the chunk, however empty."""
        self.count += CAPACITY
        self._close()

    def finish(self) -> Packed:
        if self.tokens or not self.chunks:
            self.count += len(self.tokens)
            self._close()
        return Packed(tuple(self.chunks), self.count)

    def _make_room(self, token: int) -> None:
        if token == self.vocabulary.comma:
            self.last_comma = len(self.tokens)
        elif len(self.tokens) == CAPACITY and self.last_comma is not None:
            self._backtrack(self.last_comma)
        if len(self.tokens) == CAPACITY:
            self.close()

    def _backtrack(self, comma: int) -> None:
        """Take what follows the comma into the next chunk, if that is not too much.

        The fixes stay behind, as in A1111 1.10.1: the vectors of a moved embedding land on the padding of this chunk.
        """
        if CAPACITY - comma > self.backtrack:
            return
        tokens, multipliers = self.tokens[comma + 1 :], self.multipliers[comma + 1 :]
        del self.tokens[comma + 1 :], self.multipliers[comma + 1 :]
        self.close()
        self.tokens, self.multipliers = tokens, multipliers

    def _close(self) -> None:
        empty = CAPACITY - len(self.tokens)  # below 0 in an overfull chunk
        begin, end = self.vocabulary.begin, self.vocabulary.end
        self.chunks.append(
            Chunk(
                (begin, *self.tokens, *[end] * empty, end),
                (1.0, *self.multipliers, *[1.0] * empty, 1.0),
                tuple(self.fixes),
            )
        )
        self.tokens, self.multipliers, self.fixes, self.last_comma = [], [], [], None

    def _embedding_at(self, tokens: Sequence[int], position: int) -> Embedding | None:
        for embedding in self.embeddings.get(tokens[position], ()):
            if tuple(tokens[position : position + len(embedding.tokens)]) == embedding.tokens:
                return embedding
        return None


def _by_first_token(embeddings: Sequence[Embedding]) -> Mapping[int, Sequence[Embedding]]:
    found: dict[int, list[Embedding]] = {}
    for embedding in sorted(embeddings, key=lambda item: -len(item.tokens)):
        if embedding.tokens:
            found.setdefault(embedding.tokens[0], []).append(embedding)
    return found
