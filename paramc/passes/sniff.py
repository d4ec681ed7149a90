"""Which dialect a text is in, by the signs in the dialect folders: patterns, members of JSON, places in files."""

import re
from collections.abc import Set
from functools import cache
from math import inf
from pathlib import Path
from typing import Final, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ReadError
from paramc.dialects.description import Dialect
from paramc.dialects.registry import dialects, find_dialect
from paramc.resources import GRAMMARS
from paramc.tables import read_table

FORMS: Final = "forms.toml"
TEXT: Final = "text"  # the form of every text that has no other
LAST: Final = 1000  # the place of a sign that any text of the form has


class _Signs(NamedTuple):
    """A dialect, those that it goes before, and what betrays its texts, the most specific sign first."""

    name: str
    beaten: frozenset[str]
    form: str
    patterns: tuple[str, ...]
    members: tuple[frozenset[str], ...]
    carriers: frozenset[str]

    def place(self, text: str, keys: Set[str], carrier: str) -> int | None:
        """The place in its list of the first sign of the dialect; a place in files that is its own goes before all."""
        if carrier in self.carriers:
            return -1
        patterns = (place for place, pattern in enumerate(self.patterns) if _compiled(pattern).search(text))
        members = (place if wanted else LAST for place, wanted in enumerate(self.members) if wanted <= keys)
        return min((next(patterns, None), next(members, None)), default=None, key=_last_if_none)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled on first use: most texts meet only the signs of their own form."""
    return re.compile(pattern)


def _last_if_none(place: int | None) -> float:
    return inf if place is None else place


def sniff(text: str, roots: tuple[Path, ...] = (GRAMMARS,), *, carrier: str = "") -> tuple[str, tuple[Diagnostic, ...]]:
    """The dialect of `text`, which a file has under the key `carrier`.

    A dialect goes before its ancestors and those that it names; otherwise the one whose more specific sign is there.
    What is undecided even so is said in a diagnostic. Raises ReadError where no dialect knows the text.
    """
    form = form_of(text)
    keys = _keys(text) if form != TEXT else frozenset()
    candidates = [signs for signs in _signs(roots) if signs.form == form]
    places = {signs: place for signs in candidates if (place := signs.place(text, keys, carrier)) is not None}
    if not places:
        raise ReadError(diagnose("PC302", known=", ".join(dialects(roots))))
    beaten = frozenset().union(*(signs.beaten for signs in places))
    ranked = sorted((place, signs.name) for signs, place in places.items() if signs.name not in beaten)
    chosen, *others = [name for place, name in ranked if place == ranked[0][0]]
    if not others:
        return chosen, ()
    return chosen, (diagnose("PC301", chosen=chosen, others=", ".join(f"`{name}`" for name in others)),)


def form_of(text: str) -> str:
    """What a text looks like before anything is read: the first form of forms.toml whose pattern it begins with."""
    return next((name for name, pattern in _forms() if pattern.match(text)), TEXT)


def _keys(text: str) -> frozenset[str]:
    from paramc.dialects.members import top_keys  # most texts are no JSON

    return top_keys(text)


@cache
def _forms() -> tuple[tuple[str, re.Pattern[str]], ...]:
    table = read_table(GRAMMARS / FORMS)
    return tuple((name, re.compile(str(pattern))) for name, pattern in table.items())


@cache
def _signs(roots: tuple[Path, ...]) -> tuple[_Signs, ...]:
    found = (_signs_of(find_dialect(name, roots)) for name in dialects(roots))
    return tuple(signs for signs in found if signs.patterns or signs.members or signs.carriers)


def _signs_of(dialect: Dialect) -> _Signs:
    ancestors = frozenset(folder.name for folder in dialect.folders[1:])
    return _Signs(
        dialect.name,
        ancestors | frozenset(dialect.own_list("before")),
        dialect.form,
        dialect.sniff,
        tuple(frozenset(filter(None, keys.split(" + "))) for keys in dialect.own_list("members")),
        frozenset(dialect.own_list("carriers")),
    )
