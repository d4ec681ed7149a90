"""Prompts that stand in a script in pieces, each with its weight, and what was changed in them."""

import ast
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias

from paramc.dialects.language import Language
from paramc.dialects.weights import BREAK, Run
from paramc.ir.prompt import Literal, Prompt

Pieces: TypeAlias = tuple[Run | None, ...]  # None between two chunks
AS_WRITTEN: Final = "none"  # the emphasis under which marks of weights are words
UNWEIGHED: Final = ("ignore", AS_WRITTEN)  # those under which no weight counts
DIGITS: Final = 5  # of weights that are compared


def pieces_of(value: ast.expr) -> Pieces | None:
    """The pieces of a prompt; None for one that changes while the picture is made, or of several."""
    found: list[Run | None] = []
    for item in value.elts if isinstance(value, ast.List) else ():
        match item:
            case ast.Constant(value=None):
                found.append(None)
            case ast.Tuple(elts=[ast.Constant(value=str(text)), ast.Constant(value=int() | float() as weight)]):
                found.append((text, float(weight)))
            case _:
                return None
    return tuple(found) or None


def is_one_text(prompt: Prompt) -> bool:
    """Whether a prompt is the same text throughout."""
    parts = [part for branch in prompt.branches for part in branch.body]
    return len(prompt.branches) <= 1 and all(isinstance(part, Literal) for part in parts)


def respelt(prompt: Prompt, pieces: Pieces, language: Language, emphasis: str) -> str | None:
    """A prompt of the pieces as they stand now, with its networks; None where they are its own."""
    untagged = language.networks.split(prompt.text) if prompt.networks else None  # in a negative one tags are words
    text = untagged.text if untagged else prompt.text
    runs = [(text, 1.0)] if emphasis == AS_WRITTEN else language.weights.runs(text)
    weighs = emphasis not in UNWEIGHED
    if _said([None if run == BREAK else run for run in runs], weighs=weighs) == _said(pieces, weighs=weighs):
        return None
    if emphasis == AS_WRITTEN:
        return "".join(run[0] for run in pieces if run)
    tags = (prompt.text[tag.span.start : tag.span.end] for tag in (untagged.tags if untagged else ()))
    return " ".join((language.writing.write([BREAK if run is None else run for run in pieces]), *tags))


def _said(pieces: Sequence[Run | None], *, weighs: bool) -> list[tuple[str, float]]:
    """The texts without outer spaces, neighbours of one weight joined, and an empty one between chunks."""
    weighed = [("", 0.0) if run is None else (run[0], round(run[1], DIGITS) if weighs else 1.0) for run in pieces]
    joined = (("".join(text for text, _ in group), weight) for weight, group in groupby(weighed, itemgetter(1)))
    return [(text.strip(), weight) for text, weight in joined if text.strip() or not weight]
