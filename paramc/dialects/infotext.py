"""Settings texts of the A1111 family: everything in them, in its place, as the UI reads it or as it was meant."""

from paramc.diagnostics.model import Span
from paramc.dialects.description import Dialect
from paramc.dialects.layout import Prompts, Reading, label_within, prompts_between, read_document, read_prompts, reading
from paramc.dialects.scanned import Pair, Scanned
from paramc.dialects.settings import Fields, read_settings, recover_settings


def scan(text: str, dialect: Dialect, *, strict: bool = False) -> Scanned:
    """The prompts and fields of `text`.

    `strict` reads like the UI itself, its losses and mistakes included. Otherwise what the UI would lose is recovered;
    each such difference is a diagnostic, and texts that the UI reads well give the same either way.
    """
    body = _stripped(text)
    return _read(text, body, dialect) if strict else _recover(text, body, dialect)


def _stripped(text: str) -> Span:
    inner = text.lstrip()
    return Span(len(text) - len(inner), len(text) - len(inner) + len(inner.rstrip()))


def _last_line(text: str, body: Span) -> int:
    return max(text.rfind("\n", body.start, body.end) + 1, body.start)


def _read(text: str, body: Span, dialect: Dialect) -> Scanned:
    start = _last_line(text, body)
    fields = read_settings(text[start : body.end], start, dialect)
    if len(fields.pairs) < reading(dialect).fewest:
        return _scanned(text, read_prompts(text, body, dialect), Fields())
    return _scanned(text, read_prompts(text, _head(body, start), dialect), fields)


def _head(body: Span, start: int) -> Span:
    """What stands above the line that starts at `start`, without the line break between."""
    return Span(body.start, max(start - 1, body.start))


def _scanned(text: str, prompts: Prompts, fields: Fields) -> Scanned:
    return Scanned(
        source=text,
        prompt=prompts.prompt,
        negative=prompts.negative,
        pairs=tuple(fields.pairs),
        labels=prompts.labels,
        stray=tuple(fields.stray),
        trailing=tuple(fields.trailing),
    )


def _recover(text: str, body: Span, dialect: Dialect) -> Scanned:
    how = reading(dialect)
    start = _last_line(text, body)
    fields = recover_settings(text[start : body.end], start, dialect)
    if _are_settings(text, fields, how):
        return _scanned(text, _prompts_above(text, _head(body, start), dialect), fields)
    layout = read_document(text, body, dialect)
    if _may_be_settings(fields, how) and (layout.settings is None or (layout.inline and not _has(fields, how.anchor))):
        return _scanned(text, _prompts_above(text, _head(body, start), dialect), fields)
    if layout.settings is None:
        return _scanned(text, layout.prompts, Fields())
    fields = recover_settings(text[slice(*layout.settings)], layout.settings.start, dialect)
    fields.pairs += layout.tails
    return _scanned(text, layout.prompts, fields)


def _are_settings(text: str, fields: Fields, how: Reading) -> bool:
    """Are these the fields of a line that holds nothing but fields?"""
    if len(fields.pairs) < how.fewest:
        return False
    if fields.pairs[0].key == how.anchor and not fields.stray:
        return True
    before: list[Pair] = []
    for pair in fields.pairs:
        if pair.key == how.anchor:
            stray = "".join(text[slice(*span)] for span in fields.stray if span.start < pair.key_start)
            return all(other.key != how.negative for other in before) and sum(map(str.isalpha, stray)) < 2
        before.append(pair)
    return False


def _may_be_settings(fields: Fields, how: Reading) -> bool:
    return len(fields.pairs) >= how.fewest and any(pair.key in how.telling for pair in fields.pairs)


def _has(fields: Fields, key: str) -> bool:
    return any(pair.key == key for pair in fields.pairs)


def _prompts_above(text: str, head: Span, dialect: Dialect) -> Prompts:
    prompts = read_prompts(text, head, dialect)
    if prompts.labels or reading(dialect).negative + ":" not in prompts.prompt.text:
        return prompts
    label = label_within(text, head, dialect)
    return prompts_between(text, head, [label]) if label else prompts
