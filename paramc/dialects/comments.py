"""Comments of typed prompts: what is left of a text when they are gone."""

from typing import cast

from lark import Lark, Token

LINE_BREAK = "\n"


class Comments:
    """Takes comments out, by a grammar whose `TEXT` is what stays."""

    def __init__(self, grammar: Lark) -> None:
        self._parse = grammar.parse

    def remove(self, text: str) -> str:
        """`text` with one line break for each comment."""
        marks = cast("list[Token]", self._parse(text).children)
        return "".join(mark if mark.type == "TEXT" else LINE_BREAK for mark in marks)
