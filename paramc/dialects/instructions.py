"""Which signs of a prompt with instructions in angle brackets are operators, settled before the parser sees them.

An instruction that is never closed, or that has too few options, is text; those around it and in it are not touched.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lark import Token

from paramc.dialects.pairing import Roles, joined

OPENINGS: Final[Mapping[str, str]] = {"FROMTO": "EDIT", "TURNS": "ALTERNATE", "OTHER": ""}
SEPARATORS: Final = ("BARS", "BAR", "COMMA")  # the first of them that occurs is the one that counts
BETWEEN: Final[Mapping[str, str]] = {"EDIT": "THEN", "ALTERNATE": "OR"}


@dataclass(slots=True)
class _Open:
    """An instruction not yet closed, with the places of its own separators by their kind."""

    index: int
    role: str
    separators: dict[str, list[int]] = field(default_factory=dict)

    def closes(self, index: int) -> Roles:
        """Its operators when `index` closes it; none where it is text."""
        kind = next((kind for kind in SEPARATORS if kind in self.separators), None)
        between = self.separators[kind] if kind else []
        if not self.role or not between or (self.role == "EDIT" and len(between) != 1):
            return {}
        return {self.index: self.role, **dict.fromkeys(between, BETWEEN[self.role]), index: "END"}


class Instructions:
    """Lark's `postlex` for instructions."""

    always_accept = (*OPENINGS, "CLOSE", *SEPARATORS)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The tokens with operators by their roles, everything between them joined to text."""
        tokens = list(stream)
        return joined(tokens, _roles(tokens))


def _roles(tokens: Sequence[Token]) -> Roles:
    roles: dict[int, str] = {}
    opened: list[_Open] = []
    for index, token in enumerate(tokens):
        if token.type in OPENINGS:
            opened.append(_Open(index, OPENINGS[token.type]))
        elif opened and token.type in SEPARATORS:
            opened[-1].separators.setdefault(token.type, []).append(index)
        elif opened and token.type == "CLOSE":
            roles.update(opened.pop().closes(index))
    return roles
