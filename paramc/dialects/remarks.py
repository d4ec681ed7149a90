"""What there is to say about a settings text: where the UI reads otherwise, and what counts for nothing."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, Span
from paramc.dialects.description import Dialect
from paramc.dialects.layout import Reading
from paramc.dialects.marks import Layout, within_line, word_of
from paramc.dialects.scanned import Pair
from paramc.dialects.settings import Fields, read_settings

_KEPT_WHOLE = {'"': "PC268", "(": "PC329"}  # by the first sign of a value that holds commas
_SEPARATORS = " ,\r\n\t"
_SHOWN = 3  # fields named in a message
_LONGEST = 60  # characters of a text quoted in a message


def remark_fields(text: str, fields: Fields, dialect: Dialect, how: Reading) -> Iterator[Diagnostic]:
    """Fields that the UI itself reads otherwise, and those that count for nothing."""
    for index in fields.wide:
        yield from _remark_reading(text, fields.pairs[index], "PC266", dialect)
    for index in fields.folded:
        code = _KEPT_WHOLE.get(fields.pairs[index].raw[:1], "PC260")
        yield from _remark_reading(text, fields.pairs[index], code, dialect)
    yield from remark_losses(text, fields, how)
    for span in fields.trailing:
        yield diagnose("PC270", span, text=shortened(text[slice(*span)]))


def remark_losses(text: str, fields: Fields, how: Reading) -> Iterator[Diagnostic]:
    """What the UI itself loses without a word, or with one on its console."""
    for pair in fields.pairs:
        if not pair.raw:
            yield diagnose("PC269", pair.key_span, key=pair.key)
        elif pair.key in (how.prompt, how.negative):
            yield diagnose("PC271", pair.span, key=pair.key)
    if len({pair.key for pair in fields.pairs}) < len(fields.pairs):
        yield from _remark_repetitions(fields.pairs)
    for span in fields.stray:
        said = text[slice(*span)].strip(_SEPARATORS)
        if any(map(str.isalnum, said)):
            start = text.index(said, span.start)
            yield diagnose("PC273", Span(start, start + len(said)), text=shortened(said))


def remark_layout(text: str, layout: Layout, fields: Fields, read: Fields, dialect: Dialect) -> Iterator[Diagnostic]:
    """How the places of prompts and settings differ from where the UI looks for them; `read` is its own reading."""
    assert layout.settings is not None
    yield from _remark_prompts(text, layout, dialect)
    anchor = Span(layout.settings.start, fields.pairs[0].span.end)
    reading = theirs(read.pairs)
    lines = 1 + sum("\n" in text[before.span.end : after.span.start] for before, after in pairwise(fields.pairs))
    if layout.inline:
        yield diagnose("PC263", anchor, ui=dialect.title, theirs=reading)
    elif lines > 1:
        yield diagnose("PC262", anchor, lines=lines, ui=dialect.title, theirs=reading)
    elif fields.trailing or any(tail.key_start > anchor.start for tail in layout.tails):
        yield diagnose("PC261", anchor, ui=dialect.title, theirs=reading)


def remark_prompt(text: str, layout: Layout, read: Fields, dialect: Dialect) -> Iterator[Diagnostic]:
    """For a text without settings, what the UI would take for some."""
    yield from _remark_prompts(text, layout, dialect)
    if read.pairs:
        span = Span(read.pairs[0].span.start, read.pairs[-1].span.end)
        yield diagnose("PC265", span, ui=dialect.title, theirs=theirs(read.pairs))


def theirs(pairs: Sequence[Pair]) -> str:
    """The fields that the UI reads, as part of a sentence."""
    shown = [f"`{pair.key}` = `{shortened(pair.value)}`" for pair in pairs[:_SHOWN]]
    more = len(pairs) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "") if pairs else "no setting"


def shortened(text: str) -> str:
    """`text` on one line and not too long to be quoted."""
    line = text.replace("\n", "⏎")
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _remark_prompts(text: str, layout: Layout, dialect: Dialect) -> Iterator[Diagnostic]:
    if layout.prefix:
        yield diagnose("PC272", layout.prefix, text=shortened(text[slice(*layout.prefix)].strip(" :")))
    for label in layout.prompts.labels[:1]:
        if within_line(text, word_of(text, label)):
            yield diagnose("PC264", label, ui=dialect.title)


def _remark_reading(text: str, pair: Pair, code: str, dialect: Dialect) -> Iterator[Diagnostic]:
    span = pair.span
    read = read_settings(text[slice(*span)], span.start, dialect).pairs
    if [(other.key, other.value) for other in read] != [(pair.key, pair.value)]:
        yield diagnose(code, span, key=pair.key, ui=dialect.title, theirs=theirs(read))


def _remark_repetitions(pairs: Sequence[Pair]) -> Iterator[Diagnostic]:
    by_key: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_key.setdefault(pair.key, []).append(pair)
    for key, same in by_key.items():
        last = same[-1]
        if any(pair.value != last.value for pair in same):
            yield diagnose("PC267", last.span, key=key, count=len(same), value=shortened(last.value))
