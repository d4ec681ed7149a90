"""Where prompts, fields and blocks lie in a text whose fields are not just its last line."""

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import NamedTuple, cast

from lark import Token
from lark.lark import PostLex

from paramc.diagnostics.model import Span
from paramc.dialects.description import Dialect
from paramc.dialects.layout import LABEL, Prompts, prompts_between, reading
from paramc.dialects.scanned import Pair
from paramc.dialects.settings import infotext_grammar, recover_settings

START, TAIL, TEXT = "START", "TAIL", "TEXT"
_MARKS = frozenset((LABEL, START, TAIL))
_ANCHORS = ("STEPS", "INLINE_STEPS")
_LABELS = ("NEGATIVE", "INLINE_NEGATIVE")
_TRIES = 8  # marks tried as the start of the settings; each nearly always adds a field, and a few fields are enough


class Layout(NamedTuple):
    """The places of a text whose fields are not just its last line; `settings` is None where there are none.

    `prefix` is the label of a metadata dump in front of it all. `inline`: the settings begin within a line.
    """

    prompts: Prompts
    settings: Span | None
    tails: tuple[Pair, ...]
    prefix: Span | None
    inline: bool


def read_document(source: str, span: Span, dialect: Dialect) -> Layout:
    """The layout of a text whose fields are not just its last line."""
    grammar = infotext_grammar(dialect, "document", "basic", _marks(dialect))
    tree = grammar.parse(source[slice(*span)])
    return _layout(source, span, cast("list[Token]", tree.children))


def label_within(source: str, span: Span, dialect: Dialect) -> Span | None:
    """The first label within a line of `span`, for a text where none starts a line."""
    tree = infotext_grammar(dialect, "unlabelled").parse(source[slice(*span)])
    end = span.start
    for token in cast("list[Token]", tree.children):
        start, end = end, end + len(token)
        if token.type == _LABELS[1]:
            return Span(start, end)
    return None


def blocks_of(tokens: Sequence[Token], offset: int, marks: Collection[str] = _MARKS) -> list[tuple[str, Span, int]]:
    """What each mark opens: its kind, its own place, and the end of the text that follows it."""
    blocks: list[tuple[str, Span, int]] = []
    end = offset
    for token in tokens:
        start, end = end, end + len(token)
        if token.type in marks:
            blocks.append((token.type, Span(start, end), end))
        elif blocks:
            blocks[-1] = (*blocks[-1][:2], end)
    return blocks


@cache
def _marks(dialect: Dialect) -> "_Marks":
    return _Marks(dialect)


class _Marks(PostLex):
    """The pairing step of `document`: marks that mean nothing become text, the one that opens the settings START."""

    always_accept = ()

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._reading = reading(dialect)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        tokens = list(stream)
        start = self._start(tokens, _ANCHORS[0])
        if start is None and not any(token.type == _ANCHORS[0] for token in tokens):
            start = self._start(tokens, _ANCHORS[1])
        labels = self._meaningful_labels(tokens[:start])
        tails = len(tokens) if start is None else max(labels, default=0) if self._reading.tails_first else start
        for at, token in enumerate(tokens):
            if at == start:
                yield Token.new_borrow_pos(START, token, token)
            elif at in labels:
                yield Token.new_borrow_pos(LABEL, token, token)
            elif token.type == LABEL or (token.type == TAIL and at < tails):
                yield Token.new_borrow_pos(TEXT, token, token)
            else:
                yield token

    def _start(self, tokens: Sequence[Token], kind: str) -> int | None:
        """The last mark of that kind with enough fields between it and the next tail or the end."""
        end, tries = len(tokens), _TRIES
        for at in range(len(tokens) - 1, -1, -1):
            if tokens[at].type == TAIL:
                end = at
            elif tokens[at].type == kind and tries:
                first = _first_of_its_kind(tokens, at)
                if self._holds_fields("".join(tokens[first:end])):
                    return first
                tries -= 1
        return None

    def _holds_fields(self, block: str) -> bool:
        return len(recover_settings(block, 0, self._dialect).pairs) >= self._reading.fewest

    def _meaningful_labels(self, tokens: Sequence[Token]) -> frozenset[int]:
        """Those at the start of a line; where there is none, the first within a line."""
        for kind in _LABELS:
            found = [at for at, token in enumerate(tokens) if token.type == kind]
            if found:
                return frozenset(found if kind == LABEL else found[:1])
        return frozenset()


def _first_of_its_kind(tokens: Sequence[Token], at: int) -> int:
    """Over the lines right above that hold a telling field each: a text with one field per line."""
    while at >= 2 and tokens[at - 2].type == "TELLING" and tokens[at - 1].find("\n") == len(tokens[at - 1]) - 1:
        at -= 2
    return at


def _layout(source: str, span: Span, tokens: Sequence[Token]) -> Layout:
    """The layout that the parsed marks and the text between them describe."""
    prefix = Span(span.start, span.start + len(tokens[0])) if tokens and tokens[0].type == "PREFIX" else None
    if prefix:
        span, tokens = Span(prefix.end, span.end), tokens[1:]
    blocks = blocks_of(tokens, span.start)
    labels = [mark for kind, mark, _ in blocks if kind == LABEL]
    head_end = next((mark.start for kind, mark, _ in blocks if kind != LABEL), span.end)
    settings = next((Span(word_of(source, mark), end) for kind, mark, end in blocks if kind == START), None)
    if head_end < span.end and head_end > span.start and source[head_end - 1] == "\n":
        head_end -= 1
    return Layout(
        prompts=prompts_between(source, Span(span.start, head_end), labels),
        settings=settings,
        tails=tuple(_tail(source, mark, end) for kind, mark, end in blocks if kind == TAIL),
        prefix=prefix,
        inline=settings is not None and within_line(source, settings.start),
    )


def _tail(source: str, mark: Span, end: int) -> Pair:
    """A block under a label of its own, over as many lines as it likes."""
    start = word_of(source, mark)
    body = source[mark.end : end]
    raw = body.strip()
    return Pair(source[start : mark.end - 1], raw, raw, start, end - len(body.lstrip()) if raw else mark.end)


def word_of(source: str, mark: Span) -> int:
    """Where the word of a mark starts, after the punctuation that led to it."""
    return next(at for at in range(mark.start, mark.end) if source[at].isalnum())


def within_line(source: str, at: int) -> bool:
    """Does anything stand before `at` on its line?"""
    return bool(source[source.rfind("\n", 0, at) + 1 : at].strip())
