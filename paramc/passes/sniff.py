"""Which dialect a text is in, by the patterns of the dialect folders."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ReadError
from paramc.dialects.registry import dialects, find_dialect
from paramc.resources import GRAMMARS


class _Signs(NamedTuple):
    """A dialect, its ancestors, and the patterns that betray its texts, the most specific first."""

    name: str
    ancestors: frozenset[str]
    patterns: tuple[str, ...]

    def place(self, text: str) -> int | None:
        """The place in the list of the first pattern that occurs in `text`."""
        return next((place for place, pattern in enumerate(self.patterns) if re.search(pattern, text)), None)


def sniff(text: str, roots: tuple[Path, ...] = (GRAMMARS,)) -> tuple[str, tuple[Diagnostic, ...]]:
    """The dialect of `text`: a dialect goes before its ancestors, otherwise the one whose more specific pattern occurs.

    What is undecided even so is said in a diagnostic. Raises ReadError where no pattern of any dialect occurs.
    """
    places = {signs: place for signs in _signs(roots) if (place := signs.place(text)) is not None}
    if not places:
        raise ReadError(diagnose("PC302", known=", ".join(dialects(roots))))
    beaten = frozenset().union(*(signs.ancestors for signs in places))
    ranked = sorted((place, signs.name) for signs, place in places.items() if signs.name not in beaten)
    chosen, *others = [name for place, name in ranked if place == ranked[0][0]]
    if not others:
        return chosen, ()
    return chosen, (diagnose("PC301", chosen=chosen, others=", ".join(f"`{name}`" for name in others)),)


@cache
def _signs(roots: tuple[Path, ...]) -> tuple[_Signs, ...]:
    found = (find_dialect(name, roots) for name in dialects(roots))
    return tuple(
        _Signs(dialect.name, frozenset(folder.name for folder in dialect.folders[1:]), dialect.sniff)
        for dialect in found
        if dialect.sniff
    )
