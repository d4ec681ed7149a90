"""Weighted text for programs that write weights as numbers: `a (cat:1.2)`; a break begins the next chunk."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from paramc.ir.plan import Run


class Spelling(NamedTuple):
    """How a program spells weighted text.

    `weighted` has the places `{text}` and `{weight}`; `escape` takes the meaning from the next of the `escaped`
    characters; `embedding` stands before the name of one.
    """

    weighted: str
    escape: str
    escaped: str
    embedding: str


def chunks(runs: Sequence[Run]) -> tuple[tuple[Run, ...], ...]:
    """The runs between the breaks. What follows the last break counts only if it has text, as in A1111."""
    parts: list[list[Run]] = [[]]
    for run in runs:
        if run.breaks:
            parts.append([])
        else:
            parts[-1].append(run)
    if len(parts) > 1 and not "".join(run.text for run in parts[-1]).strip():
        parts.pop()
    return tuple(tuple(part) for part in parts)


def weighted_text(runs: Sequence[Run], spelling: Spelling, embeddings: Sequence[str] = ()) -> str:
    """The runs as one text, in which every run keeps its own absolute weight.

    `embeddings` are names as their files spell them; where a text has one as a word, it becomes a reference.
    """
    pieces: list[str] = []
    for run in runs:
        if not run.text:
            continue
        piece = _escaped(referenced(run.text, spelling.embedding, embeddings), spelling)
        if run.weight != 1.0:
            piece = spelling.weighted.replace("{weight}", number(run.weight)).replace("{text}", piece, 1)
            if pieces and pieces[-1].endswith(spelling.escape):
                pieces.append(" ")  # or the bracket that opens here would be taken for an escaped one
        pieces.append(piece)
    return "".join(pieces)


def number(value: float) -> str:
    """The shortest decimal that reads back to the same value, without an exponent."""
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text.removesuffix(".0")
    digits = len(mantissa.partition(".")[2]) - int(exponent)
    return f"{value:.{max(digits, 0)}f}"


def referenced(text: str, prefix: str, names: Sequence[str]) -> str:
    """`text` with `prefix` before each word that is one of `names`, set off by blanks; letter case does not matter."""
    if not names:
        return text
    pieces: list[str] = []
    end = 0
    for start, stop, name in _mentions(text, names):
        before = text[end:start].removesuffix(prefix)
        pieces.append(before)
        if (before or pieces[0]) and not (before or " ")[-1].isspace():
            pieces.append(" ")
        pieces.append(f"{prefix}{name}")
        end = stop
        if text.startswith(",", end):
            pieces.append(", ")
            end += 2 if text.startswith(" ", end + 1) else 1
        elif end < len(text) and not text[end].isspace():
            pieces.append(" ")
    return "".join((*pieces, text[end:]))


def _mentions(text: str, names: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """(start, stop, name) of every mention, from left to right, the longest name first."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters change their length with their case
        lowered = text
    ordered = sorted((name for name in set(names) if name and not any(char.isspace() for char in name)), key=_by_length)
    found: dict[int, tuple[int, str]] = {}
    for name in ordered:
        start = lowered.find(name.lower())
        while start >= 0:
            stop = start + len(name)
            if start not in found and _is_word(text, start, stop):
                found[start] = (stop, name)
            start = lowered.find(name.lower(), stop)
    end = 0
    for start in sorted(found):
        stop, name = found[start]
        if start >= end:
            yield start, stop, name
            end = stop


def _by_length(name: str) -> tuple[int, str]:
    return -len(name), name


def _is_word(text: str, start: int, stop: int) -> bool:
    return not (_joins(text[start - 1 : start]) or _joins(text[stop : stop + 1]))


def _joins(character: str) -> bool:
    return character.isalnum() or character == "_"


def _escaped(text: str, spelling: Spelling) -> str:
    for character in spelling.escaped:
        text = text.replace(character, spelling.escape + character)
    return text
