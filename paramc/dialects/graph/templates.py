"""Texts that the frontend rewrites when it queues a graph: comments go, and of each choice one option stays."""

from functools import cache
from typing import Final, cast

from lark import Lark, Token

from paramc.dialects.description import Dialect
from paramc.dialects.grammar import load_grammar
from paramc.tables import TableError

COMMENTS: Final = "comments.lark"
CHOICES: Final = "choices.lark"
MARKS: Final = ("{", "/")  # without any of these a text stays as it is


class Templates:
    """The two passes over a text."""

    def __init__(self, comments: Lark, choices: Lark) -> None:
        self._marks = comments.parse
        self._parse = choices.parse

    def chosen(self, text: str) -> str:
        """The text with the first option of each choice: the frontend takes one at random."""
        if not any(mark in text for mark in (*MARKS, "\\")):
            return text
        marks = cast("list[Token]", self._marks(text).children)
        return self._first_options("".join(mark for mark in marks if mark.type == "TEXT"))

    def _first_options(self, text: str) -> str:
        pieces: list[str] = []
        later: list[bool] = []  # for each open choice: whether its first option is over
        hidden = 0
        for mark in cast("list[Token]", self._parse(text).children):
            match mark.type:
                case "OPEN":
                    later.append(False)
                case "BAR" if later:
                    hidden += not later[-1]
                    later[-1] = True
                case "CLOSE" if later:
                    hidden -= later.pop()
                case "ESCAPED":
                    pieces.append("" if hidden else mark[1:])
                case _:
                    pieces.append("" if hidden else mark)
        return "".join(pieces)


@cache
def templates_of(dialect: Dialect) -> Templates:
    """The passes of a dialect."""
    comments, choices = (dialect.path(file) for file in (COMMENTS, CHOICES))
    if comments is None or choices is None:
        raise TableError(f"{dialect.name}: `{COMMENTS}` or `{CHOICES}` is missing")
    return Templates(load_grammar(comments, lexer="basic"), load_grammar(choices, lexer="basic"))
