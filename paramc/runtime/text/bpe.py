"""CLIP's byte-pair tokeniser: text to token ids, in any of the normalisations that programs use.

A model may bring a list of merges of its own; `""` stands for the list that all the others share.
"""

import bz2
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from pathlib import Path
from typing import Final

from paramc.dialects.chunks import Vocabulary
from paramc.runtime.text.normalise import NORMALISATIONS, Normalisation

SHARED: Final = ""  # the merges of all models but those that bring their own
BYTES: Final = 256  # the first ids; as many more are the bytes at the end of a word
END: Final = "</w>"  # of a word, in the list of merges
NOBODY: Final = -1
REMEMBERED = 50_000  # words whose tokens are kept
LONGEST_REMEMBERED = 64  # characters of such a word

_NAMES: Final = ("<|startoftext|>", "<|endoftext|>")  # that stand for the start and the end in a text
_OPEN_NAMES: Final = ("<start_of_text>", "<end_of_text>")  # the same in OpenCLIP's tokeniser
_CONTRACTIONS: Final = "'s|'t|'re|'ve|'m|'ll|'d"
_SAME_CLASS: Final = re.compile("L+|N|O+")
_CLASSES: Final = {"L": "L", "N": "N"}  # Unicode's letters and numbers; the rest is other


class Tokeniser:
    """Token ids of a text, without start and end."""

    def __init__(self, normalisation: Normalisation, merges: str = SHARED) -> None:
        names = _OPEN_NAMES if normalisation == "unescaped" else _NAMES
        self._normalised = NORMALISATIONS[normalisation]
        self._merges = _merges(merges)
        self.words = vocabulary(merges)
        self._special = dict(zip(names, (self.words.begin, self.words.end), strict=True))
        self._names = re.compile("(" + "|".join(map(re.escape, names)) + ")")
        self._whole = re.compile(f"{self._names.pattern}|{_CONTRACTIONS}", re.IGNORECASE)
        self._known: dict[str, Sequence[int]] = {}

    def ids(self, text: str) -> list[int]:
        """Token ids; the names of start and end stand for these."""
        found: list[int] = []
        for piece in self._names.split(text):
            if piece in self._special:
                found.append(self._special[piece])
            else:
                for word in self._words(self._normalised(piece)):
                    found += self._word(word)
        return found

    def _words(self, text: str) -> Iterator[str]:
        """Contractions, runs of letters, single numbers, runs of other signs; spaces part and vanish."""
        classes = "".join(map(_character_class, text))
        position = 0
        while position < len(text):
            found = self._whole.match(text, position) or _SAME_CLASS.match(classes, position)
            if found is not None:
                yield text[position : found.end()]
            position = position + 1 if found is None else found.end()

    def _word(self, word: str) -> Sequence[int]:
        known = self._known.get(word)
        if known is not None:
            return known
        ids = [self._special[word]] if word in self._special else _merged(word, self._merges)
        if len(word) <= LONGEST_REMEMBERED and len(self._known) < REMEMBERED:
            self._known[word] = ids
        return ids


@cache
def tokeniser(normalisation: Normalisation, merges: str = SHARED) -> Tokeniser:
    """The tokeniser with this normalisation; one of each, so that words are merged once."""
    return Tokeniser(normalisation, merges)


def are_merges(text: str) -> bool:
    """Whether every line joins two tokens that are there already to one that is not."""
    known = {form for sign in _signs().values() for form in (sign, sign + END)}
    for line in text.split("\n"):
        left, _, right = line.partition(" ")
        if left not in known or right not in known or left.endswith(END) or left + right in known:
            return False
        known.add(left + right)
    return True


@cache
def vocabulary(merges: str = SHARED) -> Vocabulary:
    """The tokens that every text has, behind all those that merging makes."""
    count = 2 * BYTES + len(merge_lines(merges))
    return Vocabulary(begin=count, end=count + 1, comma=_merges(merges).first[ord(",")] + BYTES)


def _character_class(character: str) -> str:
    return " " if character.isspace() else _CLASSES.get(unicodedata.category(character)[0], "O")


@dataclass(frozen=True, slots=True)
class _Merges:
    """ranks: what two neighbouring tokens merge to, smaller ones earlier. first: the id of a byte inside a word."""

    ranks: Mapping[tuple[int, int], int]
    first: Mapping[int, int]


@cache
def _merges(merges: str = SHARED) -> _Merges:
    """A merged token's id is its rank behind those of the bytes, so the vocabulary follows from the list of merges."""
    signs = _signs()
    ids = token_names(merges)
    pairs = (line.split(" ") for line in merge_lines(merges))
    ranks = {(ids[left], ids[right]): number for number, (left, right) in enumerate(pairs, 2 * BYTES)}
    return _Merges(ranks, {byte: number for number, byte in enumerate(signs)})


def token_names(merges: str = SHARED) -> dict[str, int]:
    """The ids of all tokens by the names that lists of merges have for them, start and end last."""
    single = list(_signs().values())
    joined = (line.replace(" ", "") for line in merge_lines(merges))
    names = [*single, *(sign + END for sign in single), *joined, *_NAMES]
    return {name: number for number, name in enumerate(names)}


def merge_lines(merges: str) -> Sequence[str]:
    """Pairs in the order in which they merge, a space between the two."""
    if merges:
        return merges.split("\n")
    return bz2.decompress((Path(__file__).parent / "merges.txt.bz2").read_bytes()).decode().split("\n")


def _signs() -> dict[int, str]:
    """The sign of each byte in the list of merges, in the order of their ids: printable ones come first."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(BYTES) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(BYTES + index) for index, byte in enumerate(others)}


def _merged(word: str, merges: _Merges) -> list[int]:
    """The bytes of a word merged in the order of rank, left to right."""
    tokens = [merges.first[byte] for byte in word.encode("utf-8", "replace")]
    tokens[-1] += BYTES
    return _Row(tokens, merges.ranks).merged()


class _Row:
    """Tokens with their neighbours by index, so that a word of any length takes O(n log n)."""

    def __init__(self, tokens: list[int], ranks: Mapping[tuple[int, int], int]) -> None:
        self._tokens = tokens
        self._ranks = ranks
        self._next = [*range(1, len(tokens)), NOBODY]
        self._last = list(range(NOBODY, len(tokens) - 1))
        self._queue: list[tuple[int, int]] = []

    def merged(self) -> list[int]:
        for left in range(len(self._tokens)):
            self._propose(left)
        while self._queue:
            rank, left = heappop(self._queue)
            if self._rank(left) == rank:  # else one of the two has merged with another meanwhile
                self._merge(left, rank)
        return [token for token in self._tokens if token != NOBODY]

    def _merge(self, left: int, token: int) -> None:
        right = self._next[left]
        after = self._next[right]
        self._tokens[left], self._tokens[right] = token, NOBODY
        self._next[left] = after
        if after != NOBODY:
            self._last[after] = left
        if self._last[left] != NOBODY:
            self._propose(self._last[left])
        self._propose(left)

    def _propose(self, left: int) -> None:
        rank = self._rank(left)
        if rank is not None:
            heappush(self._queue, (rank, left))

    def _rank(self, left: int) -> int | None:
        right = self._next[left]
        return None if right == NOBODY else self._ranks.get((self._tokens[left], self._tokens[right]))


def ends_word(token: int, merges: str = SHARED) -> bool:
    """Whether a token stands at the end of a word."""
    return token in _endings(merges)


@cache
def _endings(merges: str) -> frozenset[int]:
    merged = (number for number, line in enumerate(merge_lines(merges), 2 * BYTES) if line.endswith(END))
    return frozenset([*range(BYTES, 2 * BYTES), *merged])
