"""A text in the remarks of a script, line by line, so that it is read back as it was.

`# | ` begins a line of the text; `#   ` goes on with one behind a space where it was folded. A line with signs that a
remark cannot show is a literal of Python's, in quotes.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

BEGINS: Final = "# | "
GOES_ON: Final = "#   "
LINE: Final = 88  # columns of a script
_QUOTES: Final = ("'", '"')
_PLACES: Final = re.compile(r"(?<! ) (?! )")  # where a line may be folded: several spaces would not come back


class Part(NamedTuple):
    """A part of the text: where it begins there, the remark that shows it, and how many of them; 0 for it as it is."""

    start: int
    remark: int
    literal: int = 0


def folded(text: str) -> Iterator[str]:
    """The text as lines of remarks."""
    for line in text.split("\n"):
        is_bare = line.isprintable() and line == line.strip() and not line.startswith(_QUOTES)
        yield from _parts(line if is_bare else ascii(line))


def unfolded(remarks: Iterable[str]) -> str | None:
    """The text that was folded into these lines; None for lines that hold none."""
    lines = _lines(remarks)
    try:
        return "\n".join(_shown(" ".join(line)) for line in lines) if lines else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def parts_of(remarks: Sequence[str]) -> Iterator[Part]:
    """The parts of a text that was folded into these lines, in order."""
    start = remark = 0
    for line in _lines(remarks) or ():
        whole = " ".join(line)
        if whole.startswith(_QUOTES):
            yield Part(start, remark, len(line))
        else:
            places = accumulate((len(part) + 1 for part in line[:-1]), initial=start)
            yield from (Part(place, remark + number) for number, place in enumerate(places))
        start += len(_shown(whole)) + 1
        remark += len(line)


def _lines(remarks: Iterable[str]) -> list[list[str]] | None:
    """The lines of the text, each as it is folded; None for remarks that are no text."""
    lines: list[list[str]] = []
    for remark in remarks:
        if remark.rstrip() == BEGINS.rstrip() or remark.startswith(BEGINS):
            lines.append([remark[len(BEGINS) :]])
        elif remark.startswith(GOES_ON) and lines:
            lines[-1].append(remark[len(GOES_ON) :])
        else:
            return None
    return lines


def _shown(line: str) -> str:
    return str(ast.literal_eval(line)) if line.startswith(_QUOTES) else line


def _parts(line: str) -> Iterator[str]:
    """The line in pieces, each behind what begins it."""
    first, *words = _PLACES.split(line)
    piece = BEGINS + first
    for word in words:
        if len(piece) + len(word) < LINE:
            piece += f" {word}"
        else:
            yield piece
            piece = GOES_ON + word
    yield piece.rstrip()
