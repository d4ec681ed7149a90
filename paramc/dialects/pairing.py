"""Which signs of a prompt are operators, settled in one pass over the tokens before the parser sees them.

An opening bracket means something when everything up to its close keeps the rules; one violation makes text of every
bracket still open. So the parser never meets a stray bracket, and reading is total and linear.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lark import Token

TEXT: Final = "TEXT"
SIGNS: Final = ("OPEN_ROUND", "CLOSE_ROUND", "OPEN_SQUARE", "CLOSE_SQUARE", "COLON", "BAR", "BACKSLASH")
Roles = Mapping[int, str]
"""The operators among the tokens, by index."""


@dataclass(slots=True)
class _Open:
    """A bracket not yet closed. `separators` are the indexes of its own `:` or `|`, all of the type `separated_by`."""

    index: int
    is_square: bool
    separated_by: str = ""
    separators: list[int] = field(default_factory=list)

    def takes(self, index: int, sign: str) -> bool:
        """Whether a separator keeps the rules here: all of one kind, and at most one `:`.

        A `|` in round brackets is nobody's option, and so keeps the whole text from being edited.
        """
        if self.separators and (sign == "COLON" or sign != self.separated_by):
            return False
        self.separated_by = sign
        self.separators.append(index)
        return True

    def closes(self, index: int, sign: str, *, empty_options: bool) -> Roles | None:
        """The operators of the bracket when `sign` at `index` closes it lawfully; none when it is only text."""
        match sign:
            case "CLOSE_ROUND":
                return None if self.is_square else {}
            case _ if not self.is_square:
                return None
            case "WHEN" if self.separated_by != "BAR":
                return {self.index: "EDIT", **dict.fromkeys(self.separators, "THEN"), index: "WHEN"}
            case "CLOSE_SQUARE" if not self.separators:
                return {}
            case "CLOSE_SQUARE" if self.separated_by == "BAR" and (empty_options or self._has_no_empty_option(index)):
                return {self.index: "ALTERNATE", **dict.fromkeys(self.separators, "OR"), index: "END"}
            case _:
                return None

    def _has_no_empty_option(self, end: int) -> bool:
        starts = (self.index, *self.separators)
        return all(following - start > 1 for start, following in zip(starts, (*self.separators, end), strict=True))


class Pairing:
    """Lark's `postlex` for prompt editing."""

    always_accept = SIGNS

    def __init__(self, *, empty_options: bool) -> None:
        self._empty_options = empty_options

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The tokens with operators by their roles, everything between them joined to text."""
        tokens = list(stream)
        return joined(tokens, self._roles(tokens) if len(tokens) > 1 else {})

    def _roles(self, tokens: Sequence[Token]) -> Roles:
        """The operators, or the one sign that keeps all others from being operators."""
        roles: dict[int, str] = {}
        open_brackets: list[_Open] = []
        outside: list[int] = []
        for index, token in enumerate(tokens):
            sign = token.type
            match sign:
                case "TEXT":
                    continue
                case "OPEN_SQUARE" | "OPEN_ROUND":
                    open_brackets.append(_Open(index, sign == "OPEN_SQUARE"))
                case "COLON" if open_brackets and not open_brackets[-1].takes(index, sign):
                    open_brackets.clear()
                case "BAR":
                    outside.append(index)
                    if open_brackets and not open_brackets[-1].takes(index, sign):
                        open_brackets.clear()
                case "BACKSLASH":
                    outside.append(index)
                    open_brackets.clear()
                case "CLOSE_SQUARE" | "CLOSE_ROUND" | "WHEN" if open_brackets:
                    found = open_brackets.pop().closes(index, sign, empty_options=self._empty_options)
                    if found is None:
                        open_brackets.clear()
                    else:
                        roles.update(found)
        obstacle = next((index for index in outside if index not in roles), None)
        return {obstacle: "HALT"} if obstacle is not None and roles else roles


def joined(tokens: Sequence[Token], roles: Roles) -> Iterator[Token]:
    """The operators by their roles, and everything between them as text."""
    pieces: list[Token] = []
    for index, token in enumerate(tokens):
        role = roles.get(index)
        if role is None:
            pieces.append(token)
            continue
        if pieces:
            yield _text(pieces)
            pieces = []
        yield Token(role, token, token.start_pos)
    if pieces:
        yield _text(pieces)


def _text(pieces: Sequence[Token]) -> Token:
    return Token(TEXT, "".join(pieces), pieces[0].start_pos)
