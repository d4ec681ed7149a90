"""Balanced JSON among the fields: which brackets belong together, told without recursion and in one pass."""

import json
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from lark import Token

from paramc.dialects.grammar import load_grammar
from paramc.resources import GRAMMARS

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

OPENED, CLOSED, NEITHER = "\ufdd0", "\ufdd1", "\ufdd2"  # noncharacters: no text that is interchanged may hold them
_DEEPEST = 200  # levels; deeper JSON stays text
_PAIRS = {"{": "}", "[": "]"}


def with_groups_marked(text: str) -> str:
    """`text` with OPENED and CLOSED for the brackets around each JSON value that ends before a comma, a line break or
    the end; same length. Marked groups never overlap, and none starts within a quoted value."""
    if not _may_hold_groups(text):
        return _unmarked(text)
    pieces: list[str] = []
    reached = 0
    for start, end in _groups(text):
        pieces += (_unmarked(text[reached:start]), OPENED, _unmarked(text[start + 1 : end - 1]), CLOSED)
        reached = end
    return "".join((*pieces, _unmarked(text[reached:])))


def read_json(text: str) -> JsonValue:
    """The JSON value that `text` spells. Raises ValueError when it spells none, or one of more than 200 levels."""
    depth = deepest = 0
    for letter in text:
        if letter in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "}]":
            depth -= 1
    if deepest > _DEEPEST:
        raise ValueError(f"{deepest} levels of brackets")
    value: JsonValue = json.loads(text)
    return value


def _may_hold_groups(text: str) -> bool:
    """Does a bracket follow a colon anywhere, white space aside? Cheap, since most texts hold no such thing."""
    for bracket in _PAIRS:
        at = text.find(bracket)
        while at > 0:
            before = at - 1
            while before and text[before].isspace():
                before -= 1
            if text[before] == ":":
                return True
            at = text.find(bracket, at + 1)
    return False


def _unmarked(text: str) -> str:
    return text.replace(OPENED, NEITHER).replace(CLOSED, NEITHER) if OPENED in text or CLOSED in text else text


def _groups(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every JSON object or array that is the whole value of a field, from left to right."""
    lexer = load_grammar(GRAMMARS / "shared" / "json.lark", start="groups", lexer="basic")
    tokens = [token for token in lexer.lex(text) if token.type != "TEXT"]
    closers = _closers(tokens)
    at = 0
    while at < len(tokens):
        closer = closers[at] if tokens[at].type == "VALUE" else None
        at += 1
        if closer is not None and _ends_a_value(text, end := _end(tokens[closer])):
            if tokens[at - 1][-1] in _PAIRS:
                yield _end(tokens[at - 1]) - 1, end
            at = closer + 1


def _closers(tokens: Sequence[Token]) -> list[int | None]:
    """For each opening bracket or quote the index of the token that closes it, taken as the start of JSON.

    Read from the right, so that each answer rests on finished ones: `loose[i]` is the first bracket from `i` on that
    closes what was opened before `i`, given that `i` is outside strings.
    """
    closers: list[int | None] = [None] * len(tokens)
    loose: list[int | None] = [None] * (len(tokens) + 1)
    quote: int | None = None
    for at in range(len(tokens) - 1, -1, -1):
        sign = tokens[at][-1]
        if sign == '"':
            closers[at] = quote
            if not _is_escaped(tokens, at):
                quote = at
        elif sign in _PAIRS:
            closer = loose[at + 1]
            closers[at] = closer if closer is not None and tokens[closer] == _PAIRS[sign] else None
        elif sign == "\\":
            loose[at] = loose[at + 1]
            continue
        else:
            loose[at] = at
            continue
        closer = closers[at]
        loose[at] = loose[closer + 1] if closer is not None else None
    return closers


def _is_escaped(tokens: Sequence[Token], at: int) -> bool:
    """Is the quote at `at` escaped, should it stand in a string?"""
    before = tokens[at - 1] if at else None
    return (
        before is not None
        and before.type == "ESCAPES"
        and len(before) % 2 == 1
        and _end(before) == tokens[at].start_pos
    )


def _ends_a_value(text: str, end: int) -> bool:
    return end == len(text) or text[end] in ",\n" or text.startswith("\r\n", end)


def _end(token: Token) -> int:
    end: int = token.end_pos  # type: ignore[assignment]  # set by every lexer
    return end
