"""Prompts as the pieces of text and weights that a script encodes by itself."""

import re
from collections.abc import Iterator

from paramc.backends.literals import LINE, Value, columns, literal
from paramc.ir.plan import Encode, Run, Variant

MOVES = "comfy"  # the way of emphasis in which vectors are moved away from those of an empty text
WEIGHING = frozenset({"original", "no_norm", MOVES})  # ways of emphasis in which weights count
ROOM = LINE - 20  # columns of a line that are left for the text of a piece
_OPEN = re.compile(r"[^ -~\s]|&|[\x0b\x0c\x1c-\x1f]")  # what programs mend before they cut a text into words
_ENDS = re.compile(r"<\|(?:start|end)oftext\|>|<(?:start|end)_of_text>", re.IGNORECASE)
_WORDS = re.compile(r"\S+\s*|\s+")


def pieces(encode: Encode, variant: Variant, *, groups: bool = False) -> Value:
    """(text, weight) for each piece of a text, None for a break.

    Long ones are cut between words, where tokens end, if no learned word may have several. groups: it counts which
    tokens are of one piece.
    """
    weighs = encode.emphasis in WEIGHING
    cut = _whole if groups or encode.embeddings else _cut
    return [piece for run in variant.runs for piece in cut(run, run.weight if weighs else 1.0)]


def is_mended(text: str) -> bool:
    """Might a program change the text before it reads it: entities, curly quotes, letters that look like others?"""
    return _OPEN.search(text) is not None


def names_ends(text: str) -> bool:
    """Are the names of start and end in the text, which stand for these?"""
    return _ENDS.search(text) is not None


def says_something(encode: Encode | None) -> bool:
    """Is there a character in any of the texts?"""
    return encode is not None and any(variant.text for variant in encode.variants)


def _whole(run: Run, weight: float) -> Iterator[Value]:
    if run.breaks or run.text:
        yield None if run.breaks else (run.text, weight)


def _cut(run: Run, weight: float) -> Iterator[Value]:
    if run.breaks or is_mended(run.text):
        yield from _whole(run, weight)
        return
    text = ""
    for word in _WORDS.findall(run.text):
        if text and columns(literal(text + word)) > ROOM:
            yield text, weight
            text = ""
        text += word
    if text:
        yield text, weight
