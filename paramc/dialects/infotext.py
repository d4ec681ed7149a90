"""Settings texts of the A1111 family: everything in them, in its place, as the UI reads it or as it was meant."""

from collections.abc import Iterable

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, Span
from paramc.dialects.cut import read_cut
from paramc.dialects.description import Dialect
from paramc.dialects.layout import Prompts, Reading, prompts_between, read_prompts, reading
from paramc.dialects.marks import Layout, label_within, read_document
from paramc.dialects.remarks import remark_fields, remark_layout, remark_losses, remark_prompt
from paramc.dialects.scanned import Scanned
from paramc.dialects.settings import Fields, read_settings, recover_settings

_WORDS = 2  # letters among the strays before the first field of settings: then these are words of a prompt


def scan(text: str, dialect: Dialect, *, strict: bool = False) -> Scanned:
    """The prompts and fields of `text`.

    `strict` reads like the UI itself, its losses and mistakes included. Otherwise what the UI would lose is recovered;
    each such difference is a diagnostic, and texts that the UI reads well give the same either way.
    """
    if not strict:
        return _recover(text, _stripped(text), dialect)
    prompts, fields = read_like_ui(text, dialect)
    return _scanned(text, prompts, fields, remark_losses(text, fields, reading(dialect)))


def read_like_ui(text: str, dialect: Dialect) -> tuple[Prompts, Fields]:
    """Prompts and fields as the UI itself tells them apart."""
    body = _stripped(text)
    how = reading(dialect)
    if how.layout == "cut":
        cut = read_cut(text, body, dialect)
        fields = read_settings(text[slice(*cut.fields)], cut.fields.start, dialect) if cut.fields else Fields()
        fields.stray += cut.unread
        return cut.prompts, fields
    start = _last_line(text, body)
    fields = read_settings(text[start : body.end], start, dialect)
    if len(fields.pairs) < how.fewest:
        return read_prompts(text, body, dialect), Fields()
    return read_prompts(text, _above(body, start), dialect), fields


def _stripped(text: str) -> Span:
    inner = text.lstrip()
    start = len(text) - len(inner)
    return Span(start, start + len(inner.rstrip()))


def _last_line(text: str, body: Span) -> int:
    return max(text.rfind("\n", body.start, body.end) + 1, body.start)


def _recover(text: str, body: Span, dialect: Dialect) -> Scanned:
    how = reading(dialect)
    start = _last_line(text, body)
    fields = recover_settings(text[start : body.end], start, dialect)
    if not how.tails_first and _are_settings(text, fields, how):
        return _with_last_line(text, body, start, fields, dialect)
    layout = read_document(text, body, dialect)
    if layout.settings is not None:
        return _with_layout(text, body, layout, dialect)
    if len(fields.pairs) >= how.fewest and any(pair.key in how.telling for pair in fields.pairs):
        return _with_last_line(text, body, start, fields, dialect)
    return _scanned(
        text, layout.prompts, Fields(), remark_prompt(text, layout, read_like_ui(text, dialect)[1], dialect)
    )


def _are_settings(text: str, fields: Fields, how: Reading) -> bool:
    """Are these the fields of a line that holds nothing but fields, the anchor among them?"""
    if len(fields.pairs) < how.fewest:
        return False
    before: list[str] = []
    for pair in fields.pairs:
        if pair.key == how.anchor:
            stray = (text[slice(*span)] for span in fields.stray if span.start < pair.key_start)
            return how.negative not in before and sum(map(str.isalpha, "".join(stray))) < _WORDS
        before.append(pair.key)
    return False


def _with_last_line(text: str, body: Span, start: int, fields: Fields, dialect: Dialect) -> Scanned:
    """Settings are the last line, as the UI thinks as well; the label of the negative prompt may hide within a line."""
    remarks = remark_fields(text, fields, dialect, reading(dialect))
    head = _above(body, start)
    prompts = read_prompts(text, head, dialect)
    if prompts.labels or reading(dialect).negative + ":" not in prompts.prompt.text:
        return _scanned(text, prompts, fields, remarks)
    label = label_within(text, head, dialect)
    if label is None:
        return _scanned(text, prompts, fields, remarks)
    remark = diagnose("PC264", label, ui=dialect.title)
    return _scanned(text, prompts_between(text, head, [label]), fields, (remark, *remarks))


def _with_layout(text: str, body: Span, layout: Layout, dialect: Dialect) -> Scanned:
    """Settings are anywhere, over several lines, or followed by blocks of their own."""
    assert layout.settings is not None
    fields = recover_settings(text[slice(*layout.settings)], layout.settings.start, dialect)
    remarks = (
        *remark_layout(text, layout, fields, read_like_ui(text, dialect)[1], dialect),
        *remark_fields(text, fields, dialect, reading(dialect)),
    )
    fields.pairs = sorted((*fields.pairs, *layout.tails), key=lambda pair: pair.key_start)
    if layout.prefix:
        fields.stray.append(layout.prefix)
    return _scanned(text, layout.prompts, fields, remarks)


def _above(body: Span, start: int) -> Span:
    """What stands above the line that starts at `start`, without the line break between."""
    return Span(body.start, max(start - 1, body.start))


def _scanned(text: str, prompts: Prompts, fields: Fields, remarks: Iterable[Diagnostic] = ()) -> Scanned:
    return Scanned(
        source=text,
        prompt=prompts.prompt,
        negative=prompts.negative,
        pairs=tuple(fields.pairs),
        labels=prompts.labels,
        stray=tuple(fields.stray),
        trailing=tuple(fields.trailing),
        diagnostics=tuple(remarks),
    )
