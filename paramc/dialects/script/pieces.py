"""Prompts that scripts list piece by piece, with a weight for each, as text of a language that has weights."""

from collections.abc import Iterable, Sequence
from typing import Final

from paramc.dialects.language import language_of
from paramc.dialects.registry import find_dialect
from paramc.dialects.weights import BREAK, Run

PIECES: Final = "pieces"  # in the place of a class that encodes prompts
PAIR: Final = 2


def text_of(arguments: Iterable[object], language: str) -> str | None:
    """The first of the arguments that lists pieces, as text of the language; None where none does."""
    runs = next((found for item in arguments if (found := _runs(item)) is not None), None)
    return None if runs is None else language_of(find_dialect(language)).writing.write(runs)


def lists_pieces(value: object) -> bool:
    """Is the value a list of texts, piece by piece?"""
    return _runs(value) is not None


def _runs(value: object) -> Sequence[Run] | None:
    """The runs of the first text of a list of texts; breaks are None in it."""
    if not isinstance(value, list) or not value or not isinstance(value[0], list):
        return None
    found: list[Run] = []
    for piece in value[0]:
        match piece:
            case None:
                found.append(BREAK)
            case [str() as text, (int() | float()) as weight] if len(piece) == PAIR:
                found.append((text, float(weight)))
            case _:
                return None
    return found
