"""How programs turn texts into conditioning, and which encoders a base has: the rows of manners.toml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from paramc.dialects.chunks import DEFAULT_BACKTRACK
from paramc.runtime.text.normalise import Normalisation
from paramc.tables import TableValue, as_row, read_table, rows, section

Chunking: TypeAlias = Literal["packed", "grouped", "sentences"]
Layers: TypeAlias = Literal["own", "deepest", "first", "asked"]

USUAL: Final = "a1111"  # the manner of a dialect without a row
LAST: Final = -1  # the last hidden state, which is also what a job has that asks for nothing


@dataclass(frozen=True, slots=True)
class Manner:
    """How a program reads text. The words are explained in manners.toml.

    backtrack: tokens that may move behind a comma. open_normalisation: for OpenCLIP's encoders, if that is another.
    merges: of a model with a vocabulary of its own.
    """

    normalisation: Normalisation
    chunking: Chunking
    layers: Layers
    empty_negative: Literal["zeros", "encoded"]
    backtrack: int = DEFAULT_BACKTRACK
    open_normalisation: Normalisation | None = None
    merges: str = ""


@dataclass(frozen=True, slots=True)
class Base:
    """The text encoders of a model family, and what is taken from them.

    layer: the model's own hidden state, from the end. pads: for each encoder, the token behind the end of a text.
    alone: the base with which one encoder alone is meant. long: how the tokens of T5 stand to those of the encoders.
    beside: the base whose language model's tokens follow those.
    """

    encoders: tuple[str, ...]
    layer: int
    normed: bool
    pads: tuple[int, ...]
    pooled: bool = False
    alone: str = ""
    long: Literal["", "alone", "behind"] = ""
    beside: str = ""

    def layers(self, manner: Manner, asked: int | None) -> tuple[int, ...]:
        """The hidden state of each encoder; None asks for the model's own."""
        if asked is None:
            return (self.layer,) * len(self.encoders)
        if self.layer == LAST:
            return (asked,) * len(self.encoders)
        match manner.layers:
            case "own":
                return (self.layer,) * len(self.encoders)
            case "deepest":
                return (min(self.layer, asked),) * len(self.encoders)
            case "first":
                return (asked, *(self.layer,) * (len(self.encoders) - 1))
            case "asked":
                return (asked,) * len(self.encoders)


class LongText(NamedTuple):
    """How a program fills the rows of T5 or of a language model. The words are explained in manners.toml."""

    base: str
    manners: Sequence[str]
    least: int = 0
    most: int = 0
    families: Sequence[str] = ()
    padding: Literal["seen", "unseen", "zeros"] = "seen"
    further: int = 0
    pad: str = "<pad>"
    pads_before: bool = False
    before: str = ""
    after: str = "</s>"
    drops_before: bool = False
    ends_before: bool = False
    against: bool = False
    marks: Sequence[str] = ()
    pools: bool = False
    states: Sequence[int] = ()
    deep: bool = False
    lowers: bool = False
    weighs: bool = True


def find_lengths(base: str, family: str, dialect: str, *, negative: bool = False) -> LongText:
    """The row for a family under the manner of a dialect, or the one for the usual manner.

    negative: of texts that say what is not wanted.
    """
    wanted = _alike().get(dialect, dialect)
    rows_of_base = [
        row
        for row in _long()
        if row.base == base and (not row.families or family in row.families) and (negative or not row.against)
    ]
    by_manner = (row for name in (wanted, USUAL) for row in rows_of_base if name in row.manners)
    return next(by_manner, LongText(base, ()))


def find_manner(dialect: str) -> Manner:
    """The manner of a dialect, or the usual one."""
    manners, alike = _manners(), _alike()
    return manners[alike.get(dialect, dialect if dialect in manners else USUAL)]


def find_base(name: str, count: int) -> Base | None:
    """The row of a base with so many encoders; None where there is none."""
    row = _bases().get(name)
    if row is not None and row.alone and count == 1:
        row = _bases()[row.alone]
    return row if row is not None and len(row.encoders) == count else None


@cache
def _manners() -> Mapping[str, Manner]:
    return {name: as_row(row, Manner, f"{_PATH}: {name}") for name, row in _rows("manners").items()}


@cache
def _bases() -> Mapping[str, Base]:
    return {name: as_row(row, Base, f"{_PATH}: {name}") for name, row in _rows("bases").items()}


@cache
def _long() -> tuple[LongText, ...]:
    return rows(read_table(_PATH), "long", LongText, _PATH.name)


@cache
def _alike() -> Mapping[str, str]:
    return cast("Mapping[str, str]", _rows("like"))


_PATH: Final = Path(__file__).with_suffix(".toml")


def _rows(name: str) -> Mapping[str, TableValue]:
    return section(read_table(_PATH), name, _PATH)
