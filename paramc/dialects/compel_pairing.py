"""Which brackets, quotes and signs of a compel prompt mean something, settled before the parser sees them.

A bracket or quote means something when everything inside keeps the rules; one violation makes text of every one that is
still open. Elsewhere a word reaches to the next space. Each token is looked at a fixed number of times.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lark import Token

SIGNS: Final = "SIGNS"
SPACE: Final = "SPACE"
PIECES: Final = ("TEXT", "ESCAPED")
CLOSES: Final = ("CLOSE", "CLOSE_WEIGHT")
ENDING: Final = "ENDING"
QUOTES: Final = {"SIGN": "END", "SIGN_WEIGHT": "END_WEIGHT"}
BEHIND: Final = ("ATTEND", "SWAP")
MARKS: Final = ("COMMA", "DOT")
LEXED: Final = ("ROUND", *CLOSES, ENDING, *QUOTES, *BEHIND, *MARKS, *PIECES, SIGNS, SPACE, "EQUALS", "LORA")


class CompelPairing:
    """Lark's `postlex` for this language."""

    always_accept = LEXED

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The tokens with brackets, quotes, words and signs by what they mean."""
        tokens = list(stream)
        parts = _parts(tokens) if tokens and tokens[-1].type == ENDING else None
        if parts is None:
            yield from _sorted(list(_without_ending(tokens)))
            return
        for number, part in enumerate(parts):
            yield Token("NEXT" if number else "PARTS", "", part[0].start_pos if part else 0)
            yield from _sorted(part)
        yield tokens[-1]


def _parts(tokens: Sequence[Token]) -> Sequence[Sequence[Token]] | None:
    """The tokens of each part of a whole prompt `(part, part).blend(…)`; None where it is something else."""
    pairs, quotes = _pairs_of(tokens), _next_quotes(tokens)
    index, last = _past_space(tokens, 0), len(tokens) - 1
    if tokens[index].type != "ROUND":
        return None
    parts: list[Sequence[Token]] = []
    while True:
        index = _past_space(tokens, index + 1)
        if tokens[index].type in QUOTES and quotes[index] < last:
            inner = slice(index, quotes[index] + 1) if index in pairs else slice(index + 1, quotes[index])
            end = quotes[index] + 1
        elif index in pairs and pairs[index] < last:
            end = pairs[index] + 1
            inner = slice(index, end)
        else:
            end = _word_end(tokens, index)
            inner = slice(index, end)
        if end == index:
            return None
        parts.append(tokens[inner])
        index = _past_space(tokens, end)
        if index == last:
            return parts
        if tokens[index].type != "COMMA":
            return None


def _past_space(tokens: Sequence[Token], index: int) -> int:
    return index + 1 if index + 1 < len(tokens) and tokens[index].type == SPACE else index


def _without_ending(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens, an ending taken apart that ends no whole prompt."""
    for token in tokens:
        if token.type == ENDING:
            yield Token("CLOSE", token[0], token.start_pos)
            yield Token("TEXT", token[1:], (token.start_pos or 0) + 1)
        else:
            yield token


def _sorted(tokens: Sequence[Token]) -> Iterator[Token]:
    """Tokens as the grammar takes them."""
    pairs = _pairs_of(tokens)
    index, ends = 0, list[int]()
    while index < len(tokens):
        token = tokens[index]
        partner = pairs.get(index)
        if ends and index == ends[-1]:
            ends.pop()
            yield Token(QUOTES.get(token.type, token.type), token, token.start_pos)
            index += 1
            if index < len(tokens) and tokens[index].type in BEHIND and token.type in ("CLOSE", "SIGN"):
                yield tokens[index]
                index += 1
        elif partner is not None:
            ends.append(partner)
            yield from _opening(token)
            index += 1
        elif token.type in (SPACE, "LORA"):
            yield token
            index += 1
        elif ends and token.type in MARKS:
            yield Token("MARK", token, token.start_pos)
            index += 1
        else:
            index = yield from _words(tokens, index, inside=bool(ends))


def _pairs_of(tokens: Sequence[Token]) -> Mapping[int, int]:
    """Opening → closing index of the brackets and quotes that keep the rules."""
    pairs = _Pairs(tokens, _next_quotes(tokens))
    pairs.scan(0, len(tokens), quotes=True)
    return pairs.found


@dataclass(slots=True)
class _Pairs:
    tokens: Sequence[Token]
    quotes: Sequence[int]
    found: dict[int, int] = field(default_factory=dict)

    def scan(self, start: int, end: int, *, quotes: bool) -> bool:
        """Find the pairs of [start, end). Gives whether all of it keeps the rules of what stands in a group."""
        opened: list[int] = []
        fine, index = True, start
        while index < end:
            kind = self.tokens[index].type
            following = index + 1
            if kind == "ROUND":
                opened.append(index)
            elif kind in CLOSES and opened:
                self.found[opened.pop()] = index
            elif kind in QUOTES and (close := self._quoted(index, end, quotes=quotes)):
                following = close + 1
            elif not _is_content(self.tokens, index, start):
                fine = False
                opened.clear()
            index = following
        return fine and not opened

    def _quoted(self, index: int, end: int, *, quotes: bool) -> int:
        """The close of the quote at `index`, 0 for one that breaks a rule."""
        close = self.quotes[index]
        if not quotes or close >= end or not self.scan(index + 1, close, quotes=False):
            return 0
        if self.tokens[index].type == "SIGN_WEIGHT" and self.tokens[index][1] in "+-":
            return 0
        self.found[index] = close
        return close


def _next_quotes(tokens: Sequence[Token]) -> Sequence[int]:
    """For each token, the next quote behind it on its line; beyond the end where there is none."""
    nearest, found = len(tokens), [0] * len(tokens)
    for index in range(len(tokens) - 1, -1, -1):
        found[index] = nearest
        if tokens[index].type in QUOTES:
            nearest = index
        elif tokens[index].type == SPACE and ("\n" in tokens[index] or "\r" in tokens[index]):
            nearest = len(tokens)
    return found


def _is_content(tokens: Sequence[Token], index: int, start: int) -> bool:
    """May a token stand in a group at this place?"""
    kind = tokens[index].type
    before = tokens[index - 1].type if index > start else SPACE
    match kind:
        case "SIGNS":
            return before in PIECES or _begins_word(tokens, index)
        case "ATTEND" | "SWAP":
            return before in (*PIECES, "CLOSE", "SIGN")
        case _:
            return kind in (*PIECES, *MARKS, SPACE, "LORA")


def _begins_word(tokens: Sequence[Token], index: int) -> bool:
    """Is a sign part of the word behind it?"""
    return len(tokens[index]) == 1 and index + 1 < len(tokens) and tokens[index + 1].type in PIECES


def _opening(token: Token) -> Iterator[Token]:
    """A bracket or quote that opens; digits behind a quote are the first word in it."""
    yield Token("OPEN" if token.type == "ROUND" else "QUOTE", token[0], token.start_pos)
    for place, sign in enumerate(token[1:], 1):
        kind = "MARK" if sign == "." else "WORD"
        yield Token(kind, sign, (token.start_pos or 0) + place)


def _words(tokens: Sequence[Token], index: int, *, inside: bool) -> Generator[Token, None, int]:
    """A word with what raises or lowers it, or text up to the next space. Gives the index behind it."""
    end = _word_end(tokens, index)
    behind = tokens[end].type if end < len(tokens) else ""
    if end > index and (inside or behind in (SIGNS, *BEHIND)):
        yield _joined("WORD", tokens[index:end])
        if behind in (SIGNS, *BEHIND):
            yield tokens[end]
            return end + 1
        return end
    end = index + 1
    while end < len(tokens) and tokens[end].type != SPACE:
        end += 1
    yield _joined("FREE", tokens[index:end])
    return end


def _word_end(tokens: Sequence[Token], index: int) -> int:
    """The index behind the word that begins at `index`, which it is itself where there is none."""
    while index < len(tokens) and (
        tokens[index].type in PIECES or (tokens[index].type == SIGNS and _begins_word(tokens, index))
    ):
        index += 1
    return index


def _joined(kind: str, pieces: Sequence[Token]) -> Token:
    return Token(kind, "".join(pieces), pieces[0].start_pos)
