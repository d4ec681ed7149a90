"""The fields of a settings text: what the grammar's tokens say, as pairs with their places."""

from dataclasses import dataclass, field
from functools import cache
from json import JSONDecoder
from typing import Literal, cast

from lark import Lark, Token
from lark.lark import PostLex

from paramc.diagnostics.model import Span
from paramc.dialects.balance import with_groups_marked
from paramc.dialects.description import Dialect
from paramc.dialects.grammar import load_grammar
from paramc.dialects.scanned import Pair
from paramc.tables import TableError

_KEYS = frozenset(("KEY", "WIDE", "NAME"))
_VALUES = frozenset(("BARE", "QUOTED", "PLAIN", "FOLDED", "JSON", "TUPLE"))
_FOLDED = frozenset(("FOLDED", "JSON", "TUPLE"))
_STRICT = JSONDecoder()
_PATIENT = JSONDecoder(strict=False)  # takes raw line breaks inside quotes


@dataclass(slots=True)
class Fields:
    """Pairs in source order, and the places of all that is no pair.

    `wide` and `folded` are the numbers of the pairs that the UI itself would not read thus: keys of unusual letters,
    JSON values, values over several lines.
    """

    pairs: list[Pair] = field(default_factory=list)
    wide: list[int] = field(default_factory=list)
    folded: list[int] = field(default_factory=list)
    stray: list[Span] = field(default_factory=list)
    trailing: list[Span] = field(default_factory=list)


def read_settings(line: str, offset: int, dialect: Dialect) -> Fields:
    """The fields of one line exactly as the UI finds them; `offset` is where the line starts in the source."""
    return _fields(_tokens(line, "settings", dialect), line, offset, patient=False)


def recover_settings(block: str, offset: int, dialect: Dialect) -> Fields:
    """The fields of one or more lines as a patient reader finds them: JSON values whole, any key, lines apart."""
    return _fields(_tokens(with_groups_marked(block), "recovered", dialect), block, offset, patient=True)


@cache
def infotext_grammar(
    dialect: Dialect, start: str, lexer: Literal["basic", "contextual"] = "contextual", postlex: PostLex | None = None
) -> Lark:
    """The grammar of the settings texts of `dialect`, its own or an ancestor's, from the rule `start` on."""
    path = dialect.path("infotext.lark")
    if path is None:
        raise TableError(f"{dialect.name}: no infotext.lark in its lineage")
    return load_grammar(path, start=start, lexer=lexer, postlex=postlex)


def _tokens(text: str, start: str, dialect: Dialect) -> list[Token]:
    tree = infotext_grammar(dialect, start).parse(text)
    return cast("list[Token]", tree.children)  # the rules of the settings keep tokens only


def _fields(tokens: list[Token], block: str, offset: int, *, patient: bool) -> Fields:
    found = Fields()
    pairs = found.pairs
    key, key_at, end = "", 0, 0
    for token in tokens:  # they tile the block
        kind = token.type
        start, end = end, end + len(token)
        if kind in _VALUES:
            body = token.lstrip()
            start = end - len(body)
            raw = block[start : end - 1] if body[-1:] == "," else block[start:end]
            if kind in _FOLDED and (kind != "FOLDED" or "\n" in raw):
                found.folded.append(len(pairs))
            pairs.append(Pair(key, raw, _said(raw, patient=patient), key_at, start + offset))
            key = ""
        elif kind in _KEYS:
            if key:
                pairs.append(Pair(key, "", "", key_at, start + offset))
            key = token[:-1].lstrip(" -/")
            key_at = end - 1 - len(key) + offset
            if kind == "WIDE":
                found.wide.append(len(pairs))
        elif kind == "BREAK":
            if key:
                pairs.append(Pair(key, "", "", key_at, start + offset))
                key = ""
            elif pairs and pairs[-1].value_span.end == start + offset:
                pairs[-1] = _without_trailing_space(pairs[-1])
        else:
            places = found.trailing if kind == "TRAILING" else found.stray
            places.append(Span(start + offset, end + offset))
    if key:
        pairs.append(Pair(key, "", "", key_at, end + offset))
    return found


def _said(raw: str, *, patient: bool) -> str:
    """What a value means: the text inside its quotes, or itself where it is bare or its quotes hold no JSON string."""
    if raw[:1] != '"' or raw[-1:] != '"':
        return raw
    try:
        said: str = (_PATIENT if patient and "\n" in raw else _STRICT).decode(raw)
    except ValueError:
        return raw
    return said


def _without_trailing_space(pair: Pair) -> Pair:
    """A bare value that ends with its line; the UI itself meets such values only at the end of the text, stripped."""
    if pair.raw != pair.value:
        return pair
    raw = pair.raw.rstrip()
    return pair._replace(raw=raw, value=raw)
