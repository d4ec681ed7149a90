"""Wildcards in YAML: the lists of texts by the keys that lead to them, as wildcards.lark takes a file apart."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, dropwhile
from typing import Final, NamedTuple, TypeAlias

from lark import Lark, Token

from paramc.dialects.grammar import load_grammar
from paramc.resources import GRAMMARS

GRAMMAR: Final = GRAMMARS / "dynamicprompts" / "wildcards.lark"
Keys: TypeAlias = tuple[str, ...]
Pieces: TypeAlias = list[str]  # of one text, line by line
MOST_LINES: Final = 200_000  # of a file
MOST_COPIES: Final = 100_000  # of texts that aliases stand for
RULERS: Final = ("---", "...")  # between documents
_ITEM = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*+\"|'(?:[^']|'')*+'|[^,]*+)\s*+(?:,|\Z)")
_ALIAS = re.compile(r"\*([^\s,\[\]{}]+)")
_ESCAPED = re.compile(r"\\([\"\\/])")


class _Line(NamedTuple):
    """One line: its column, whether it is an item of a list, its key and its texts, and the name that they go by."""

    column: int
    listed: bool
    key: str | None
    texts: Sequence[str]
    anchor: str = ""


class Tree(NamedTuple):
    """The texts of every list by its keys, the outermost first; `unknown` is an alias that stands for nothing."""

    lists: Mapping[Keys, Sequence[str]]
    unknown: str | None = None


def read_tree(text: str) -> Tree:
    """The lists of a file. Raises ValueError for one of more lines than anybody writes."""
    if text.count("\n") > MOST_LINES:
        raise ValueError(f"it has more than {MOST_LINES} lines")
    found: dict[Keys, list[Pieces]] = {}
    anchors: dict[str, list[Pieces]] = {}
    earlier: dict[int, list[Pieces]] = {}
    above: list[tuple[int, str]] = []
    for line in _lines(_grammar().lex(text)):
        while above and above[-1][0] >= line.column + line.listed:
            above.pop()
        if line.key is not None:
            above.append((line.column, line.key))
        texts = found.setdefault(tuple(key for _, key in above), [])
        if line.key is None and not line.listed and texts:
            texts[-1] += line.texts
            continue
        added = [[text] for text in line.texts]
        texts += added
        for pieces in added:
            if pieces[0][:1] == "*" and (meant := anchors.get(pieces[0][1:])) is not None:
                earlier[id(pieces)] = meant
        if line.anchor:
            anchors[line.anchor] = added or texts
    return _resolved(found, anchors, earlier)


def _resolved(
    found: Mapping[Keys, Sequence[Pieces]],
    anchors: Mapping[str, Sequence[Pieces]],
    earlier: Mapping[int, Sequence[Pieces]],
) -> Tree:
    """The lists with what their aliases stand for; an alias inside that is one more text.

    earlier: what a text, by its identity, stands for where its name was given before; the last before it counts.
    """
    joined: dict[int, Sequence[str]] = {}  # once: copies would add up
    lists: dict[Keys, Sequence[str]] = {}
    unknown, copies = None, 0
    for keys, texts in found.items():
        listed: list[str] = []
        for pieces in texts:
            text = " ".join(pieces)
            alias = _ALIAS.fullmatch(text) if text[:1] == "*" else None
            target = earlier.get(id(pieces), anchors.get(alias[1])) if alias else None
            if target is not None and id(target) not in joined:
                joined[id(target)] = tuple(map(" ".join, target))
            meant = None if target is None else joined[id(target)]
            copies += len(meant or ())
            if alias and (meant is None or copies > MOST_COPIES):
                unknown, meant = text, None
            listed += (text,) if meant is None else meant
        if listed:
            lists[keys] = listed
    return Tree(lists, unknown)


@cache
def _grammar() -> Lark:
    return load_grammar(GRAMMAR, lexer="basic")


def _lines(tokens: Iterable[Token]) -> Iterator[_Line]:
    line: list[Token] = []
    for token in chain(tokens, (Token("NEWLINE", "\n"),)):
        if token.type == "ITEM":
            dash = token.index("-")
            yield _Line(dash, True, None, (token[dash + 1 :].strip(),))
            continue
        if token.type == "HEAD":
            key = token.lstrip(" ")
            yield _Line(len(token) - len(key), False, _unquoted(key.rstrip()[:-1]), ())
            continue
        if token.type != "NEWLINE":
            line.append(token)
            continue
        if read := _line(line):
            yield read
        line = []


def _line(tokens: Sequence[Token]) -> _Line | None:
    column = len(tokens[0]) - len(tokens[0].lstrip(" ")) if tokens else 0
    anchor = next((token[1:] for token in tokens if token.type == "ANCHOR"), "")
    said = [token for token in tokens if token.type not in ("INDENT", "BLANK", "COMMENT", "ANCHOR")]
    listed = bool(said) and said[0].type == "DASH"
    said = list(dropwhile(lambda token: token.type == "DASH", said))
    if not (said or anchor) or (said and str(said[0]) in RULERS):
        return None
    if said and said[0].type == "KEY" and not listed:
        return _Line(column, listed, _unquoted(said[0][column:-1]), _texts(said[1:]), anchor)
    return _Line(column, listed, None, _texts(said), anchor)


def _texts(tokens: Sequence[Token]) -> Sequence[str]:
    if len(tokens) == 1 and tokens[0].type == "FLOW":
        return [text for found in _ITEM.finditer(tokens[0][1:-1]) if (text := _unquoted(found[1].strip()))]
    if tokens and tokens[0].type == "PLAIN" and str(tokens[0]).rstrip("+-") in ("|", ">"):
        return []  # a block: the lines below it are its text
    said = " ".join(_unquoted(str(token)) for token in tokens)
    return [said] if said else []


def _unquoted(text: str) -> str:
    if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
        return text
    return _ESCAPED.sub(r"\1", text[1:-1]) if text[0] == '"' else text[1:-1].replace("''", "'")
