"""How a dialect lays out its texts, and the prompts above the fields."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, cast

from lark import Token

from paramc.diagnostics.model import Span
from paramc.dialects.description import Dialect
from paramc.dialects.scanned import Passage
from paramc.dialects.settings import infotext_grammar
from paramc.tables import as_row, section

LABEL = "NEGATIVE"


class Reading(NamedTuple):
    """How a dialect lays out its texts: `[reading]` of dialect.toml.

    A line of less than `fewest` fields holds none. The field `anchor` opens the settings; a line with none of the
    fields `telling` is a prompt. `prompt`, `negative` and `version` are the keys of those three. `layout` says where
    the UI itself looks for fields: on the `last-line`, or from the word on where the text is to be `cut`, prompts
    losing the signs `trimmed` at their ends. Where `tails_first`, blocks stand before the settings and not behind them.
    """

    fewest: int
    anchor: str
    telling: tuple[str, ...]
    prompt: str
    negative: str
    version: str
    layout: str = "last-line"
    trimmed: str = ""
    tails_first: bool = False


class Prompts(NamedTuple):
    """What stands above the fields."""

    prompt: Passage
    negative: Passage
    labels: tuple[Span, ...]


@cache
def reading(dialect: Dialect) -> Reading:
    """`[reading]` of the dialect."""
    where = f"{dialect.name}/dialect.toml"
    return as_row(section(dialect.about, "reading", where), Reading, where)


def read_prompts(source: str, span: Span, dialect: Dialect) -> Prompts:
    """Prompt and negative prompt in the lines that `span` covers, as the UI itself tells them apart."""
    tree = infotext_grammar(dialect, "prompts").parse(source[slice(*span)])
    labels: list[Span] = []
    end = span.start
    for token in cast("list[Token]", tree.children):
        start, end = end, end + len(token)
        if token.type == LABEL:
            labels.append(Span(start, end))
    return prompts_between(source, span, labels)


def prompts_between(source: str, span: Span, labels: Sequence[Span]) -> Prompts:
    """The prompts in `span`, given the places of the labels in it."""
    if not labels:
        return Prompts(_passage(source, *span), Passage("", Span(span.end, span.end)), ())
    ends = [_before_break(source, label.start) for label in labels[1:]] + [span.end]
    prompt = _passage(source, span.start, _before_break(source, labels[0].start))
    negative = _passage(source, labels[0].end, ends[0])
    if len(labels) > 1:
        texts = [_stripped_lines(source[label.end : end]) for label, end in zip(labels, ends, strict=True)]
        place = _trimmed(source, labels[0].end, span.end)
        negative = Passage("\n".join(texts).lstrip("\n"), place)
    return Prompts(prompt, negative, tuple(labels))


def _before_break(source: str, at: int) -> int:
    """Before the line break that ends at `at`, if one does."""
    return at - 1 if source[at - 1 : at] == "\n" else at


def _passage(source: str, start: int, end: int) -> Passage:
    if start >= end:
        return Passage("", Span(start, start))
    text = _stripped_lines(source[start:end])
    return Passage(text.lstrip("\n"), _trimmed(source, start, end))


def _stripped_lines(text: str) -> str:
    return "\n".join([line.strip() for line in text.split("\n")]) if "\n" in text else text.strip()


def _trimmed(source: str, start: int, end: int) -> Span:
    """Less the white space that no reader sees: all in front, and after the last line break."""
    body = source[start:end]
    inner = body.lstrip()
    if not inner:
        return Span(start, start)
    last = inner[inner.rfind("\n") + 1 :]
    return Span(end - len(inner), end - len(last) + len(last.rstrip()))
