"""Tables and wrapped texts in terminal cells; what they are given is made safe to print."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TypeAlias

from paramc.diagnostics.render import cells_of, escaped
from paramc.presentation.console import Screen

GAP = "  "
NARROWEST = 12  # cells that a column keeps, however narrow the terminal


def table(head: Sequence[str], rows: Sequence[Sequence[str]], screen: Screen) -> str:
    """Rows under a head, aligned and wrapped for a terminal; for a pipe one line of tab-separated values each."""
    shown = [[escaped(cell) for cell in row] for row in rows]
    if screen.columns is None:
        return "".join("\t".join(row) + "\n" for row in shown)
    natural = (max(width_of(row[place]) for row in (head, *shown)) for place in range(len(head)))
    widths = _fitted(natural, screen.columns - len(GAP) * (len(head) - 1))
    first, *rest = _aligned(head, widths)
    lines = [screen.pen("message", first), *rest, *(line for row in shown for line in _aligned(row, widths))]
    return "".join(f"{line}\n" for line in lines)


def tally(counts: Iterable[tuple[int, str, str]]) -> str:
    """Counts under each other, each with its word and what the word means."""
    return "".join(f"{count:>9,}  {word:<8} {meaning}".rstrip() + "\n" for count, word, meaning in counts)


Painter: TypeAlias = Callable[[str, Sequence[str]], Sequence[str]]
"""Gets a label and its finished lines, gives them in colours."""


def unpainted(label: str, lines: Sequence[str]) -> Sequence[str]:
    """The lines as they are."""
    return lines


def entries(pairs: Sequence[tuple[str, str]], screen: Screen, paint: Painter = unpainted) -> str:
    """Labels on the left, texts beside them; a line feed in a text begins a new line, long lines are wrapped."""
    width = max((len(label) for label, _ in pairs), default=0)
    room = None if screen.columns is None else max(NARROWEST, screen.columns - width - len(GAP))
    lines: list[str] = []
    for label, text in pairs:
        wrapped = [line for paragraph in text.split("\n") for line in wrap(escaped(paragraph), room)]
        first, *rest = paint(label, wrapped)
        lines.append(f"{screen.pen('label', label.ljust(width))}{GAP}{first}")
        lines += [f"{' ' * width}{GAP}{line}" for line in rest]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def wrap(text: str, room: int | None) -> list[str]:
    """The text in lines of at most `room` cells, broken at spaces where there are any; at least one line."""
    if room is None or width_of(text) <= room:
        return [text]
    lines: list[str] = []
    start = 0
    while start < len(text):
        end = _reach(text, start, room)
        space = text.rfind(" ", start + 1, end + 1)
        cut = space if space > 0 and end < len(text) else end
        lines.append(text[start:cut])
        start = cut + (text[cut : cut + 1] == " ")
    return lines


def counted(count: int, thing: str) -> str:
    """Such as `1 error`, `2 errors`."""
    return f"{count} {thing}{'s' if count != 1 else ''}"


def width_of(text: str) -> int:
    """Terminal cells of a printable text."""
    return len(text) if text.isascii() else sum(map(cells_of, text))


def _reach(text: str, start: int, room: int) -> int:
    """The end of what fits into `room` cells from `start` on; at least one character."""
    used = 0
    for place in range(start, len(text)):
        used += cells_of(text[place])
        if used > room:
            return max(place, start + 1)
    return len(text)


def _fitted(natural: Iterable[int], room: int) -> list[int]:
    """Widths of columns that fit side by side, taken from the widest as long as it stays readable."""
    widths = [min(width, max(NARROWEST, room)) for width in natural]
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """The lines of one row."""
    columns = [wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
    for pieces in zip_longest(*columns, fillvalue=""):
        padded = (piece + " " * (width - width_of(piece)) for piece, width in zip(pieces, widths, strict=True))
        yield GAP.join(padded).rstrip()
