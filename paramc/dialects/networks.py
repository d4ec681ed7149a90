"""Extra networks: the tags that a prompt holds, the text without them, and what their arguments come to."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final, NamedTuple, cast

from lark import Lark, Token

from paramc.diagnostics.model import Span
from paramc.ir.base import trusted
from paramc.ir.prompt import NetworkTag
from paramc.tables import NOTHING, TableValue

ENDS: Final = 2  # of a range


class Strength(NamedTuple):
    """Where a strength is found among the arguments of a tag; position 0 is the name, hence none.

    within: an argument that states a range, as in `3-8`, of which it is the first end or, for `end` 1, the other.
    """

    position: int = 0
    named: str = ""
    within: str = ""
    end: int = 0
    like: str = ""
    default: float | None = None


class Blocks(NamedTuple):
    """Where weights of blocks are found: the argument, none where it is empty, and what words stand for."""

    named: str = ""
    presets: Mapping[str, TableValue] = NOTHING


class Tag(NamedTuple):
    """A tag as spelt: `items` are all its arguments, the name first; `named` are those with exactly one `=`."""

    kind: str
    items: tuple[str, ...]
    positional: tuple[str, ...]
    named: Mapping[str, str]
    span: Span


class Untagged(NamedTuple):
    """A text whose tags are gone. The piece that begins at `starts[i]` came from `origins[i]`."""

    text: str
    tags: tuple[Tag, ...]
    starts: Sequence[int]
    origins: Sequence[int]

    def origin(self, start: int, end: int) -> Span:
        """The range of the text with tags that became [start, end)."""
        if not self.starts:
            return Span(start, end)
        return Span(self._place(start), self._place(end - 1) + 1 if end > start else self._place(start))

    def _place(self, position: int) -> int:
        piece = bisect_right(self.starts, position) - 1
        return position - self.starts[piece] + self.origins[piece]


class _Argument(NamedTuple):
    text: str
    is_named: bool


class TagReader:
    """Callbacks of the grammar: a tag from its marks."""

    def positional(self, marks: Sequence[Token]) -> _Argument:
        return _Argument(str(marks[0]) if marks else "", False)

    def named(self, marks: Sequence[Token]) -> _Argument:
        return _Argument(str(marks[0]), True)

    def tag(self, marks: Sequence[Token | _Argument]) -> Tag:
        opening, kind, close = (cast("Token", marks[index]) for index in (0, 1, -1))
        arguments = cast("Sequence[_Argument]", marks[2:-1])
        pairs = (argument.text.partition("=") for argument in arguments if argument.is_named)
        return Tag(
            kind=str(kind),
            items=tuple(argument.text for argument in arguments),
            positional=tuple(argument.text for argument in arguments if not argument.is_named),
            named={key: value for key, _, value in pairs},
            span=Span(opening.start_pos or 0, (close.start_pos or 0) + len(close)),
        )


class Networks:
    """Takes network tags out of a prompt and weighs them up; `grammar` calls a TagReader."""

    def __init__(self, grammar: Lark, strengths: Mapping[str, Mapping[str, Strength]], blocks: Blocks) -> None:
        self._parse = grammar.parse
        self.strengths = strengths
        self._blocks = blocks

    def split(self, text: str) -> Untagged:
        """The text without its tags, and the tags, in order."""
        marks = cast("Sequence[Token | Tag]", self._parse(text).children)
        tags = tuple(mark for mark in marks if isinstance(mark, Tag))
        if not tags:
            return Untagged(text, (), (), ())
        pieces = [mark for mark in marks if isinstance(mark, Token)]
        starts: list[int] = []
        position = 0
        for piece in pieces:
            starts.append(position)
            position += len(piece)
        return Untagged("".join(pieces), tags, starts, [piece.start_pos or 0 for piece in pieces])

    def network(self, tag: Tag) -> NetworkTag:
        """The tag with its strengths: None for one that its kind does not have, or that is not a number."""
        found: dict[str, float | None] = {}
        for name, place in self.strengths.get(tag.kind, {}).items():
            found[name] = _strength(tag, place, found)
        return trusted(NetworkTag)(
            kind=tag.kind,
            name=tag.positional[0] if tag.positional else "",
            args=tag.positional[1:],
            named=tuple(tag.named.items()),
            text_encoder=found.get("text_encoder"),
            unet=found.get("unet"),
            rank=_whole(found.get("rank")),
            blocks=self._weights(tag),
            first_step=_whole(found.get("first_step")),
            last_step=_whole(found.get("last_step")),
            span=tag.span,
        )

    def _weights(self, tag: Tag) -> tuple[float, ...] | None:
        """The weights of blocks: empty where the tag has none, None where they are not numbers."""
        spelt = tag.named.get(self._blocks.named, "").strip() if self._blocks.named else ""
        if not spelt:
            return ()
        known = self._blocks.presets.get(spelt)
        pieces = map(str, known) if isinstance(known, list) else spelt.split(",")
        numbers = [number(piece) for piece in pieces]
        return None if None in numbers else tuple(value for value in numbers if value is not None)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def spelt_strengths(tag: Tag, places: Mapping[str, Strength]) -> Mapping[str, str]:
    """The strengths that the tag itself spells, by name; what is left out is not there."""
    return {name: text for name, place in places.items() if (text := _spelt(tag, place)) is not None}


def number(text: str) -> float | None:
    """The finite number that `text` spells in the programs' general syntax (`1e1`, `1_0`, spaces around), or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _strength(tag: Tag, place: Strength, found: Mapping[str, float | None]) -> float | None:
    spelt = _spelt(tag, place)
    if spelt is not None:
        return number(spelt)
    return found[place.like] if place.like else place.default


def _spelt(tag: Tag, place: Strength) -> str | None:
    if place.named and place.named in tag.named:
        return tag.named[place.named]
    if place.within and place.within in tag.named:
        ends = tag.named[place.within].split("-")
        return ends[place.end] if len(ends) == ENDS else ""
    return tag.positional[place.position] if 0 < place.position < len(tag.positional) else None
