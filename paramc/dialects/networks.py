"""Extra networks: the tags that a prompt holds, the text without them, and where its pieces were."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import cast

from lark import Lark, Token

from paramc.diagnostics.model import Span
from paramc.ir.prompt import NetworkTag


@dataclass(frozen=True, slots=True)
class Strength:
    """Where a strength is found among the arguments of a tag; position 0 is the name, hence none."""

    position: int = 0
    named: str = ""
    like: str = ""
    default: float | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as spelt: `items` are all its arguments, the name first, `named` those that hold exactly one `=`."""

    kind: str
    items: tuple[str, ...]
    positional: tuple[str, ...]
    named: Mapping[str, str]
    span: Span


@dataclass(frozen=True, slots=True)
class Untagged:
    """A text whose tags are gone. `starts` are its places behind a tag and `moved` how much was cut before each."""

    text: str
    tags: tuple[Tag, ...]
    starts: Sequence[int]
    moved: Sequence[int]

    def origin(self, start: int, end: int) -> Span:
        """The range of the text with its tags that became [start, end)."""
        if not self.tags:
            return Span(start, end)
        last = bisect_right(self.starts, max(start, end - 1)) - 1
        return Span(start + self.moved[bisect_right(self.starts, start) - 1], end + self.moved[last])


@dataclass(frozen=True, slots=True)
class _Argument:
    text: Token | None
    is_named: bool


class TagReader:
    """Callbacks of the grammar: a tag from its marks."""

    def positional(self, marks: list[Token]) -> _Argument:
        return _Argument(marks[0] if marks else None, False)

    def named(self, marks: list[Token]) -> _Argument:
        return _Argument(marks[0], True)

    def tag(self, marks: list[Token | _Argument]) -> Tag:
        opening, kind, end = cast("Token", marks[0]), cast("Token", marks[1]), cast("Token", marks[-1])
        arguments = cast("list[_Argument]", marks[2:-1])
        named = [str(argument.text).split("=") for argument in arguments if argument.is_named]
        return Tag(
            kind=str(kind),
            items=tuple(str(argument.text or "") for argument in arguments),
            positional=tuple(str(argument.text or "") for argument in arguments if not argument.is_named),
            named={key: value for key, value in named},
            span=Span(opening.start_pos or 0, (end.start_pos or 0) + 1),
        )


class Networks:
    """Takes network tags out of a prompt."""

    def __init__(self, grammar: Lark, strengths: Mapping[str, Mapping[str, Strength]]) -> None:
        self._parse = grammar.parse
        self._strengths = strengths

    def split(self, text: str) -> Untagged:
        """The text without its tags, and the tags, in order."""
        marks = cast("list[Token | Tag]", self._parse(text).children)
        tags = tuple(mark for mark in marks if isinstance(mark, Tag))
        if not tags:
            return Untagged(text, (), (), ())
        pieces = [mark for mark in marks if isinstance(mark, Token)]
        starts, position = [0], 0
        for piece in pieces:
            pass
        return Untagged("".join(pieces), tags, (), ())
