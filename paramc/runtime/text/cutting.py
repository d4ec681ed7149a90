"""Weighted runs to rows of 77 tokens, in each of the ways of cutting that programs have."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.chunks import CAPACITY, PLACEHOLDER, Embedding, TokenRun, Vocabulary, pack
from paramc.dialects.weights import BREAK
from paramc.ir.plan import Run
from paramc.runtime.text.bpe import Tokeniser, ends_word, tokeniser
from paramc.runtime.text.manners import Chunking, Manner
from paramc.runtime.text.row import Learned, Row

SHORT = 8  # tokens of a group from which on it may be cut
_NAMED: Final = re.compile(r"(?:^|(?<=[ \n]))embedding:(\S+)")


class Cut(NamedTuple):
    """The rows of a text and what was to be said of it."""

    rows: tuple[Row, ...]
    diagnostics: tuple[Diagnostic, ...] = ()


def cut(runs: Sequence[Run], manner: Manner, lengths: Mapping[str, int]) -> Cut:
    """The rows of a text, at least one. `lengths` are the numbers of vectors of the learned words, by name."""
    return _CUTS[manner.chunking](runs, manner, lengths)


def _packed(runs: Sequence[Run], manner: Manner, lengths: Mapping[str, int]) -> Cut:
    """Learned words are found by the tokens of their names, inside a run."""
    tokens = tokeniser(manner.normalisation, manner.merges)
    embeddings = [Embedding(name, tuple(tokens.ids(name)), count) for name, count in lengths.items()]
    packed = pack(
        (TokenRun(*BREAK, ()) if run.breaks else TokenRun(run.text, run.weight, tokens.ids(run.text)) for run in runs),
        tokens.words,
        backtrack=manner.backtrack,
        embeddings=embeddings,
    )
    return Cut(
        tuple(
            Row(
                chunk.tokens,
                chunk.multipliers,
                chunk.tokens.index(tokens.words.end),  # an end that is written in the text counts
                tuple(Learned(index + 1, name) for index, name in chunk.fixes),
            )
            for chunk in packed.chunks
        )
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """Tokens of one weight that stay together if they are few; `name` where they stand for a learned word."""

    tokens: Sequence[int]
    weight: float
    name: str | None = None


def _grouped(runs: Sequence[Run], manner: Manner, lengths: Mapping[str, int]) -> Cut:
    """Learned words are those that are named as such; unknown ones vanish."""
    tokens = tokeniser(manner.normalisation, manner.merges)
    missing: list[Diagnostic] = []
    filling = [_Filling(tokens.words)]
    for run in runs:
        for group in _groups(run, tokens, lengths, missing):
            _place(group, filling)
    return Cut(tuple(row.closed() for row in filling), tuple(missing))


def _groups(run: Run, tokens: Tokeniser, lengths: Mapping[str, int], missing: list[Diagnostic]) -> Iterator[_Group]:
    position = 0
    for found in _NAMED.finditer(run.text):
        yield _Group(tokens.ids(run.text[position : found.start()]), run.weight)
        name = found[1] if found[1] in lengths else found[1].rstrip(",")
        position = found.start(1) + len(name)
        if name in lengths:
            yield _Group([PLACEHOLDER] * lengths[name], run.weight, name)
        else:
            missing.append(diagnose("PC504", path="prompt", name=name))
    yield _Group(tokens.ids(run.text[position:]), run.weight)


def _place(group: _Group, filling: list["_Filling"]) -> None:
    placed, count = 0, len(group.tokens)
    while placed < count:
        row = filling[-1]
        free = CAPACITY - len(row.tokens)
        left = count - placed
        taken = 0 if left > free and left < SHORT else min(left, free)
        row.add(group, placed, placed + taken)
        placed += taken
        if placed < count:
            filling.append(_Filling(row.words))


def _sentences(runs: Sequence[Run], manner: Manner, lengths: Mapping[str, int]) -> Cut:
    """Cut behind the last sentence that fits, else the last phrase, else the last word."""
    tokens = tokeniser(manner.normalisation, manner.merges)
    pairs = [(token, run.weight) for run in runs for token in tokens.ids(run.text)]
    rows: list[Row] = []
    start = 0
    while start < len(pairs) or not rows:
        filling = _Filling(tokens.words)
        part = pairs[start : start + CAPACITY]
        end = _end([token for token, _ in part], tokens, manner.merges) if start + CAPACITY < len(pairs) else CAPACITY
        for token, weight in part[:end]:
            filling.add(_Group([token], weight), 0, 1)
        rows.append(filling.closed())
        start += end
    return Cut(tuple(rows))


def _end(part: Sequence[int], tokens: Tokeniser, merges: str) -> int:
    sentence, phrase = ({tokens.ids(sign)[0] for sign in signs} for signs in (".", ".,;:"))
    ends: Sequence[Callable[[int], bool]] = (
        sentence.__contains__,
        phrase.__contains__,
        partial(ends_word, merges=merges),
    )
    for is_end in ends:
        for index in reversed(range(len(part))):
            if is_end(part[index]):
                return index + 1
    return len(part)


class _Filling:
    """A row that is being filled."""

    def __init__(self, words: Vocabulary) -> None:
        self.words = words
        self.tokens: list[int] = []
        self._weights: list[float] = []
        self._learned: list[Learned] = []

    def add(self, group: _Group, start: int, end: int) -> None:
        if group.name is not None and start < end:
            self._learned.append(Learned(len(self.tokens) + 1, group.name, start))
        self.tokens += group.tokens[start:end]
        self._weights += [group.weight] * (end - start)

    def closed(self) -> Row:
        empty = CAPACITY - len(self.tokens)
        tokens = (self.words.begin, *self.tokens, *[self.words.end] * (empty + 1))
        weights = (1.0, *self._weights, *[1.0] * (empty + 1))
        return Row(tokens, weights, len(self.tokens) + 1, tuple(self._learned))


_Cutting: TypeAlias = Callable[[Sequence[Run], Manner, Mapping[str, int]], Cut]
_CUTS: Final[Mapping[Chunking, _Cutting]] = {"packed": _packed, "grouped": _grouped, "sentences": _sentences}
