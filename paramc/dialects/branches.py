"""Composable diffusion: a prompt as parts with weights."""

from typing import NamedTuple, cast

from lark import Lark, Token, Tree

from paramc.diagnostics.model import Span


class BranchText(NamedTuple):
    """One part: its text without the weight, where that text was, and where the weight was spelt, if it was."""

    text: str
    weight: float
    start: int
    spelt: Span | None


class Branches:
    """Splits a prompt, by a grammar of `branch`es between marks; a branch is `TEXT`, `WEIGHT`, both or neither."""

    def __init__(self, grammar: Lark) -> None:
        self._parse = grammar.parse

    def split(self, text: str) -> tuple[BranchText, ...]:
        """The parts in order; an empty text is one empty part."""
        parts: list[BranchText] = []
        position = 0
        for child in self._parse(text).children:
            if isinstance(child, Token):
                position = (child.start_pos or 0) + len(child)
            else:
                parts.append(_branch(child, position))
        return tuple(parts)


def _branch(tree: Tree[Token], start: int) -> BranchText:
    text, weight, spelt = "", 1.0, None
    for mark in cast("list[Token]", tree.children):
        begin = mark.start_pos or 0
        if mark.type == "TEXT":
            text, start = str(mark), begin
        else:
            weight = float(mark.strip().lstrip(":").strip())
            spelt = Span(begin, begin + len(mark))
    return BranchText(text, weight, start, spelt)
