"""Lines of words: command lines and captions, by the record.lark of their dialect.

The grammar hands over flat tokens: KEY (a switch, or a name with its colon), behind it VALUE, QUOTED, or WORD, which a
shell would put together of its pieces; any other token is a value whose key is the token's own name.
"""

import re
from functools import cache
from typing import Final, cast

from lark import Lark, Token

from paramc.dialects.description import Dialect
from paramc.dialects.grammar import load_grammar
from paramc.dialects.members import Leaf, Members
from paramc.tables import TableError

FILE: Final = "record.lark"
KEY, WORD = "KEY", "WORD"
VALUES: Final = ("VALUE", "QUOTED", WORD)
QUOTES: Final = "\"'"
BETWEEN: Final = " \t\r\n;"  # what stands between a value and the next key
_ESCAPED = re.compile(r"\\([\"'\\])")
_PIECE = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)|([^\"'\\]+)", re.DOTALL)


def read_words(text: str, dialect: Dialect) -> Members:
    """The values of a line, each behind its key; a key alone is a switch that is on."""
    leaves: list[Leaf] = []
    key: Token | None = None
    end = 0
    for token in _tokens(text, dialect):
        start, end = end, end + len(token)
        if token.type == KEY:
            leaves += _switched_on(key, start)
            key = token
        elif token.type in VALUES and key is not None:
            leaves.append(_leaf(_name(key), start - len(key), start, token))
            key = None
        elif token.strip():
            leaves += _switched_on(key, start)
            key = None
            leaves.append(_leaf(token.type.lower(), start, start, token))
    leaves += _switched_on(key, end)
    return Members(tuple(leaves), len(text))


@cache
def _grammar(dialect: Dialect) -> Lark:
    path = dialect.path(FILE)
    if path is None:
        raise TableError(f"{dialect.name}: no {FILE} in its lineage")
    return load_grammar(path, lexer="contextual")


def _tokens(text: str, dialect: Dialect) -> list[Token]:
    return cast("list[Token]", _grammar(dialect).parse(text).children)  # its rules keep tokens only


def _name(key: Token) -> str:
    return key.strip(BETWEEN).rstrip(":=")


def _leaf(path: str, key_start: int, start: int, token: Token) -> Leaf:
    """The value without the white space around it and its quotes."""
    body = token.strip()
    start += len(token) - len(token.lstrip())
    if token.type == WORD:
        return Leaf(path, min(key_start, start), start, start + len(body), _put_together(body))
    said = _ESCAPED.sub(r"\1", body[1:-1]) if len(body) > 1 and body[0] in QUOTES and body[-1] == body[0] else body
    return Leaf(path, min(key_start, start), start, start + len(body), said)


def _put_together(word: str) -> str:
    """What a shell makes of the pieces of a word."""
    pieces = (match.groups(default="") for match in _PIECE.finditer(word))
    return "".join(single + _ESCAPED.sub(r"\1", double) + escaped + bare for single, double, escaped, bare in pieces)


def _switched_on(key: Token | None, end: int) -> list[Leaf]:
    if key is None:
        return []
    start = end - len(key)
    blank = len(key) - len(key.lstrip())
    return [Leaf(_name(key), start + blank, start + blank, end - len(key) + len(key.rstrip()), True)]
