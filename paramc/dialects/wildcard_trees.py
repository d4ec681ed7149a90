"""Wildcards in YAML: the lists of texts by the keys that lead to them, as wildcards.lark takes a file apart."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import dropwhile
from typing import Final, NamedTuple, cast

from lark import Lark, Token

from paramc.dialects.grammar import load_grammar
from paramc.resources import GRAMMARS

GRAMMAR: Final = GRAMMARS / "dynamicprompts" / "wildcards.lark"
RULERS: Final = ("---", "...")  # between documents
_ITEM = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*+\"|'(?:[^']|'')*+'|[^,]*+)\s*+(?:,|\Z)")
_ESCAPED = re.compile(r"\\([\"\\/])")


class _Line(NamedTuple):
    """One line: its column, whether it is an item of a list, its key and its texts."""

    column: int
    listed: bool
    key: str | None
    texts: Sequence[str]


def read_tree(text: str) -> Iterator[tuple[tuple[str, ...], Sequence[str]]]:
    """(keys, texts) of every list, the keys from the outermost one."""
    found: dict[tuple[str, ...], list[list[str]]] = {}  # the pieces of every text
    above: list[tuple[int, str]] = []
    for line in _lines(cast("list[Token]", _grammar().parse(text).children)):  # its rule keeps tokens only
        while above and above[-1][0] >= line.column + line.listed:
            above.pop()
        if line.key is not None:
            above.append((line.column, line.key))
        texts = found.setdefault(tuple(key for _, key in above), [])
        if line.key is None and not line.listed and texts:
            texts[-1] += line.texts
        else:
            texts += ([text] for text in line.texts)
    yield from ((keys, [" ".join(pieces) for pieces in texts]) for keys, texts in found.items() if texts)


@cache
def _grammar() -> Lark:
    return load_grammar(GRAMMAR, lexer="basic")


def _lines(tokens: Iterable[Token]) -> Iterator[_Line]:
    line: list[Token] = []
    for token in (*tokens, Token("NEWLINE", "\n")):
        if token.type != "NEWLINE":
            line.append(token)
            continue
        if read := _line(line):
            yield read
        line = []


def _line(tokens: Sequence[Token]) -> _Line | None:
    column = len(tokens[0]) if tokens and tokens[0].type == "INDENT" else 0
    said = [token for token in tokens if token.type not in ("INDENT", "BLANK", "COMMENT")]
    listed = bool(said) and said[0].type == "DASH"
    said = list(dropwhile(lambda token: token.type == "DASH", said))
    if not said or str(said[0]) in RULERS:
        return None
    if said[0].type == "KEY" and not listed:
        return _Line(column, listed, _unquoted(said[0][:-1]), _texts(said[1:]))
    return _Line(column, listed, None, _texts(said))


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
