"""Texts of a UI that cuts them at its words, wherever they stand."""

from typing import NamedTuple, cast

from lark import Token

from paramc.diagnostics.model import Span
from paramc.dialects.description import Dialect
from paramc.dialects.layout import Prompts, reading
from paramc.dialects.marks import blocks_of
from paramc.dialects.scanned import Passage
from paramc.dialects.settings import infotext_grammar

_CUTS = ("NEGATIVE_LABEL", "TEMPLATE_LABEL", "FIELDS")


class Cut(NamedTuple):
    """The pieces of a text that the UI cuts at its words; `unread` are those that it throws away."""

    prompts: Prompts
    fields: Span | None
    unread: tuple[Span, ...]


def read_cut(source: str, span: Span, dialect: Dialect) -> Cut:
    """The pieces of a text that the UI cuts at its words, wherever they stand."""
    tree = infotext_grammar(dialect, "cut").parse(source[slice(*span)])
    blocks = blocks_of(cast("list[Token]", tree.children), span.start, _CUTS)
    first = blocks[0][1].start if blocks else span.end
    label, negative = next(
        ((mark, Span(mark.end, end)) for kind, mark, end in blocks if kind == _CUTS[0]),
        (None, Span(span.end, span.end)),
    )
    prompts = Prompts(
        _bare(source, Span(span.start, first), dialect), _bare(source, negative, dialect), (label,) if label else ()
    )
    fields = next((mark for kind, mark, _ in blocks if kind == _CUTS[-1]), None)
    unread = tuple(Span(mark.start, end) for _, mark, end in blocks if mark not in (label, fields))
    return Cut(prompts, fields, unread)


def _bare(source: str, span: Span, dialect: Dialect) -> Passage:
    """A prompt without the signs that the UI takes off its ends."""
    signs = reading(dialect).trimmed
    inner = source[slice(*span)].lstrip(signs)
    text = inner.rstrip(signs)
    start = span.end - len(inner) if text else span.start
    return Passage(text, Span(start, start + len(text)))
