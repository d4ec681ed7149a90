"""Which signs of a prompt template mean something, settled in one pass before the parser sees them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from lark import Token

DEEPEST: Final = 20  # brackets inside one another; deeper ones are text
OPENINGS: Final = ("OPEN", "ASSIGN", "FALLBACK", "WRAP")
HEADS: Final = {
    "MODE": ("OPEN",),
    "COUNT": ("OPEN", "MODE"),
    "SEPARATOR": ("COUNT",),
    "WEIGHT": ("OPEN", "MODE", "COUNT", "SEPARATOR", "BAR"),
}
DROPPED: Final = ("COMMENT", "SLASHES")
REFUSED: Final = ("DOLLAR", "DOLLARS", "FLOOR")
WHOLE: Final = ("WILDCARD", "USE")
LEXED: Final = (*OPENINGS, *HEADS, *DROPPED, *REFUSED, *WHOLE, "CLOSE", "BAR", "TEXT")


@dataclass(slots=True)
class _Open:
    """A bracket not yet closed, with what belongs to it; one that is nested too deeply has no kind."""

    index: int
    kind: str
    own: dict[int, str] = field(default_factory=dict)


class TemplatePairing:
    """Lark's `postlex` for templates."""

    always_accept = LEXED

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The tokens by what they mean, comments gone."""
        tokens = [token for token in stream if token.type not in DROPPED]
        roles = _roles(tokens)
        for index, token in enumerate(tokens):
            role = roles.get(index, "STRAY" if token.type in (*OPENINGS, *REFUSED) else "TEXT")
            yield Token(role, token, token.start_pos)


def _roles(tokens: Sequence[Token]) -> dict[int, str]:
    """What the tokens mean that are no text."""
    roles: dict[int, str] = {}
    opened: list[_Open] = []
    for index, token in enumerate(tokens):
        kind, top = token.type, opened[-1] if opened else None
        if kind in WHOLE:
            roles[index] = kind
        elif kind in OPENINGS:
            opened.append(_Open(index, kind if len(opened) < DEEPEST else ""))
        elif top is None:
            continue
        elif kind == "CLOSE":
            roles |= _closed(opened.pop(), index)
        elif kind in HEADS:
            if (top.own.get(index - 1) or (top.kind if index - 1 == top.index else "")) in HEADS[kind]:
                top.own[index] = kind
        elif kind == "BAR" and top.kind == "OPEN":
            top.own[index] = kind
        elif kind == "DOLLARS" and top.kind == "WRAP" and not top.own:
            top.own[index] = "AROUND"
    return roles


def _closed(bracket: _Open, index: int) -> dict[int, str]:
    """The meaning of a bracket with its own signs when `index` closes it; none where it is text."""
    if not bracket.kind or (bracket.kind == "WRAP" and not bracket.own):
        return {}
    return {bracket.index: bracket.kind, **bracket.own, index: "CLOSE"}
