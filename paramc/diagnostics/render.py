"""Diagnostics as text for people: the line, the place underlined, the remedy; no input reaches a terminal raw.

warning[PC214 weight-out-of-range]: emphasis of 12 is far beyond what the image can follow
  --> cat.png, parameters 1:8
  |
1 | a (cat:12), sitting
  |        ^^ weight
  = help: did you mean `1.2`?
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from unicodedata import category, combining, east_asian_width

from paramc.diagnostics.model import Diagnostic, Label, Span, Suggestion

WIDTH = 100  # terminal cells of a source line; longer ones are cropped around the span
LEAD = 30  # cells kept before a span in a cropped line
LINES = 4  # a span over more lines shows its first and its last
MESSAGE_CROP = 600  # code points of a message, note or label
TAB = "    "
ELLIPSIS = "…"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # characters that a terminal obeys, hides or cannot know
_COLOURS = {
    "error": "1;31", "warning": "1;33", "info": "1;36", "gutter": "1;34", "message": "1", "second": "1;34",
    "label": "36", "faint": "2", "good": "32",
}  # fmt: skip


class _Piece(NamedTuple):
    """A part of one source line: `text` is the line, the label covers code points [start, end) of it."""

    number: int
    text: str
    start: int
    end: int
    label: str | None


class Pen(NamedTuple):
    """Wraps text in terminal colours, or leaves it alone."""

    colour: bool

    def __call__(self, name: str, text: str) -> str:
        return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m" if self.colour and text else text


def render(diagnostic: Diagnostic, source_text: str, source_name: str, *, colour: bool = False) -> str:
    """The diagnostic with its source lines, closed by a line end.

    `source_name` is what stands behind the arrow: `cat.png, parameters`. Lines end at line feeds only; columns count
    code points from 1.
    """
    pen = Pen(colour)
    labels = [Label(_clamped(label.span, source_text), label.text) for label in diagnostic.labels]
    numbers = [source_text.count("\n", 0, label.span.end) + 1 for label in labels]
    margin = " " * len(str(max(numbers, default=1)))
    lines = [_head(diagnostic, pen), *_arrow(labels, source_text, source_name, margin, pen)]
    line_above = None
    for rank, label in enumerate(labels):
        style = diagnostic.severity if rank == 0 else "second"
        pieces = _pieces(label, source_text)
        lines += _excerpt(pieces, line_above, margin, style, pen)
        line_above = pieces[-1].number if _fits(pieces[-1].text) else None
    lines += [f"{margin} {pen('gutter', '=')} {line}" for line in _remarks(diagnostic, source_text)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """The text with control, bidirectional and invisible characters spelled out: `\\x1b`, `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(sign) if sign != "\t" else "\\t" for sign in text)


def _head(diagnostic: Diagnostic, pen: Pen) -> str:
    kind = pen(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code} {diagnostic.name}]")
    return f"{kind}{pen('message', ': ' + _cropped(diagnostic.message))}"


def _arrow(labels: Sequence[Label], text: str, name: str, margin: str, pen: Pen) -> Iterator[str]:
    """Where to look: name, line and column of the first label, or only the name."""
    place = f"{_cropped(name)} {_line_and_column(text, labels[0].span.start)}" if labels else _cropped(name)
    if place:
        yield f"{margin} {pen('gutter', '-->')} {place}"
    if labels:
        yield f"{margin} {pen('gutter', '|')}"


def _excerpt(pieces: Sequence[_Piece], line_above: int | None, margin: str, style: str, pen: Pen) -> Iterator[str]:
    """The lines of a label, each with its underline; the line that already stands above is not repeated."""
    mark = "-" if style == "second" else "^"
    for place, piece in enumerate(pieces):
        if place and piece.number > pieces[place - 1].number + 1:
            yield "..."
        shown, before, width = _window(piece)
        if piece.number != line_above:
            gutter = pen("gutter", f"{piece.number:>{len(margin)}} |")
            yield f"{gutter} {shown}" if shown else gutter
        note = f" {_cropped(piece.label)}" if piece.label else ""
        yield f"{margin} {pen('gutter', '|')} {' ' * before}{pen(style, mark * width + note)}"


def _pieces(label: Label, text: str) -> list[_Piece]:
    """The label line by line; of more than LINES lines only the first and the last."""
    start, end = label.span
    first = text.count("\n", 0, start) + 1
    last = first + text.count("\n", start, end)
    if end > start and text[end - 1] == "\n":
        last -= 1  # a line end alone reaches no further line
    numbers = range(first, last + 1) if last - first < LINES else (first, last)
    pieces: list[_Piece] = []
    begin = text.rfind("\n", 0, start) + 1
    for number in numbers:
        if pieces and number > pieces[-1].number + 1:
            begin = text.rfind("\n", 0, max(start, end - 1)) + 1
        stop = text.find("\n", begin)
        stop = len(text) if stop < 0 else stop
        line = text[begin:stop].removesuffix("\r") if stop < len(text) else text[begin:stop]
        here, there = max(start, begin) - begin, min(end, stop) - begin
        pieces.append(_Piece(number, line, here, max(here, there), label.text if number == last else None))
        begin = stop + 1
    return pieces


def _window(piece: _Piece) -> tuple[str, int, int]:
    """What is shown of a line, the cells before its span, and the cells of the span (at least one)."""
    first = 0 if _fits(piece.text) else _lead(piece.text, piece.start)
    shown = [ELLIPSIS] if first else []
    used = before = len(shown)
    width = 0
    for place in range(first, len(piece.text)):
        sign = _shown(piece.text[place])
        cells = cells_of(sign)
        used += max(cells, 1)
        if used > WIDTH:
            shown.append(ELLIPSIS)
            break
        shown.append(sign)
        before += cells if place < piece.start else 0
        width += cells if piece.start <= place < piece.end else 0
    return "".join(shown), before, max(width, 1)


def _fits(line: str) -> bool:
    return len(line) <= WIDTH and sum(max(cells_of(_shown(sign)), 1) for sign in line) <= WIDTH


def _lead(line: str, start: int) -> int:
    """Where a cropped line begins, so that about LEAD cells stand before code point `start`."""
    place, cells = min(start, len(line)), 0
    while place > 0 and cells < LEAD:
        place -= 1
        cells += max(cells_of(_shown(line[place])), 1)
    return place


def _remarks(diagnostic: Diagnostic, text: str) -> Iterator[str]:
    yield from (f"note: {_cropped(note)}" for note in diagnostic.notes)
    if diagnostic.help:
        yield f"help: {_cropped(diagnostic.help)}"
    if diagnostic.suggestion:
        yield f"fix ({diagnostic.suggestion.applicability}): {_fix(diagnostic.suggestion, text)}"


def _fix(suggestion: Suggestion, text: str) -> str:
    span = _clamped(suggestion.span, text)
    old, new = _cropped(text[span.start : span.end]), _cropped(suggestion.replacement)
    place = _line_and_column(text, span.start)
    if not old:
        return f"insert `{new}` at {place}"
    return f"replace `{old}` with `{new}` at {place}" if new else f"remove `{old}` at {place}"


def _line_and_column(text: str, place: int) -> str:
    return f"{text.count(chr(10), 0, place) + 1}:{place - text.rfind(chr(10), 0, place)}"


def _clamped(span: Span, text: str) -> Span:
    start = min(max(span.start, 0), len(text))
    return Span(start, min(max(span.end, start), len(text)))


def _cropped(text: str) -> str:
    return escaped(text if len(text) <= MESSAGE_CROP else text[:MESSAGE_CROP] + ELLIPSIS)


def _shown(sign: str) -> str:
    """One character as it may be printed."""
    if " " <= sign <= "~":
        return sign
    if sign == "\t":
        return TAB
    if category(sign) not in HIDDEN:
        return sign
    number = ord(sign)
    known = {"\n": "\\n", "\r": "\\r"}.get(sign)
    return known or (
        f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
    )


def cells_of(shown: str) -> int:
    """Terminal cells of one character, or of the ASCII text that stands for it."""
    if len(shown) > 1 or shown.isascii():
        return len(shown)
    if combining(shown) or category(shown) in {"Mn", "Me"}:
        return 0
    return 2 if east_asian_width(shown) in {"W", "F"} else 1
