"""The functions of the runner that scripts print for a pass, and their words: loop.toml as typed rows."""

from collections.abc import Mapping
from functools import cache
from math import log
from pathlib import Path
from typing import NamedTuple, cast

from paramc.backends.literals import literal
from paramc.backends.pieces import is_mended, names_ends
from paramc.ir.plan import Encode
from paramc.tables import read_table, rows, section

ENTITY = "&"  # what such begin with; only of them there are two opinions
UNESCAPED = "unescaped"  # the function of one of these
OPENED = "opened"  # … for texts that have the names of start and end in them, for an encoder that knows others
KEEPS = "keeps_flow_times"


class TableRow(NamedTuple):
    """The noise levels of models with these quirks, source text; in `{rounds}`, `{also}` it may say that they round."""

    alphas: str
    levels: str
    flags: tuple[str, ...] = ()


class FlowRow(NamedTuple):
    """The noise levels of flow models: source text with `{shift}` and `{more}` in it.

    usual: the shift where none is asked for. times: what a level is multiplied by for the network. is_logarithm: the
    function takes the logarithm of a shift. keeps: what it is told where the quirk KEEPS is among those of the pass.
    """

    base: str
    levels: str
    usual: float
    families: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    times: float = 1.0
    is_logarithm: bool = False
    keeps: str = ""

    def fits(self, base: str, family: str, flags: tuple[str, ...]) -> bool:
        """Is the row one for a model under these quirks?"""
        return self.base == base and family in (self.families or (family,)) and {*self.flags} <= {*flags}

    def source(self, shift: float | None, flags: tuple[str, ...]) -> str:
        """The levels."""
        own = self.usual if shift is None else log(shift) if self.is_logarithm else shift
        return self.levels.format(shift=literal(own), more=self.keeps if KEEPS in flags else "")


class ReaderRow(NamedTuple):
    """How programs read texts. The words are explained in loop.toml."""

    mends: tuple[str, ...]
    names: tuple[str, ...] = ()
    deep: bool = False
    groups: bool = False
    silences: bool = False


class LongRow(NamedTuple):
    """How many tokens the encoder of whole texts takes at the least, by model and program; `alone`: no others count."""

    base: str
    least: int
    manners: tuple[str, ...] = ()
    alone: bool = False


class Loops(NamedTuple):
    """loop.toml."""

    bases: frozenset[str]
    unlike: frozenset[str]
    sampler: str
    schedule: str
    flow_schedule: str
    failing: frozenset[str]
    timed: frozenset[str]
    lacks: frozenset[str]
    manners: frozenset[str]
    leftover: Mapping[str, str]
    readers: tuple[ReaderRow, ...]
    open: frozenset[str]
    even: Mapping[str, int]
    timesteps: frozenset[str]
    bounded: frozenset[str]
    paired: frozenset[str]
    first: tuple[str, ...]
    spanned: frozenset[str]
    fitted: frozenset[str]
    draws: Mapping[str, str]
    opens: Mapping[str, str]
    schedules: Mapping[str, str]
    handed: Mapping[str, frozenset[str]]
    tables: tuple[TableRow, ...]
    flows: tuple[FlowRow, ...]
    long: tuple[LongRow, ...]
    mixing: frozenset[str]

    def flow(self, base: str, family: str, flags: tuple[str, ...]) -> FlowRow | None:
        """The row of a flow model; None for others."""
        return next((row for row in self.flows if row.fits(base, family, flags)), None)

    def row_length(self, asked: Encode, base: str) -> LongRow | None:
        """The row for a model under a program, where it has an encoder of whole texts."""
        rows_of_base = [row for row in self.long if row.base == base]
        return next((row for row in rows_of_base if asked.manner in (row.manners or (asked.manner,))), None)

    def reader(self, manner: str) -> ReaderRow:
        """How a program reads texts."""
        return next(row for row in self.readers if manner in (row.names or (manner,)))

    def mending(self, base: str, asked: Encode, texts: str) -> tuple[str, ...]:
        """What mends texts for each encoder of a base; nothing where that changes none, or the program does not."""
        if asked.manner in self.manners or not (is_mended(texts) or names_ends(texts)):
            return ()
        first, other = self.reader(asked.manner).mends
        if other == UNESCAPED:
            other = OPENED if names_ends(texts) else other if ENTITY in texts else first
        return (other,) if base in self.open else (first, other)

    def table(self, flags: tuple[str, ...]) -> TableRow:
        """The noise levels of a model."""
        return next(row for row in self.tables if {*row.flags} <= {*flags})


@cache
def read_loops(path: Path) -> Loops:
    """The table at `path`."""
    table = read_table(path)

    def listed(value: object) -> frozenset[str]:
        return frozenset(str(item) for item in value) if isinstance(value, list) else frozenset()

    def texts(name: str) -> dict[str, str]:
        return {key: str(value) for key, value in section(table, name, path).items()}

    return Loops(
        bases=listed(table["bases"]),
        unlike=listed(table["unlike"]),
        sampler=str(table["sampler"]),
        schedule=str(table["schedule"]),
        flow_schedule=str(table["flow_schedule"]),
        failing=listed(table["failing"]),
        timed=listed(table["timed"]),
        lacks=listed(table["lacks"]),
        manners=listed(table["manners"]),
        open=listed(table["open"]),
        leftover=texts("leftover"),
        readers=rows(table, "readers", ReaderRow, path),
        even={key: int(value) for key, value in texts("even").items()},
        timesteps=listed(table["timesteps"]),
        bounded=listed(table["bounded"]),
        paired=listed(table["paired"]),
        first=tuple(map(str, cast("list[str]", table["first"]))),
        spanned=listed(table["spanned"]),
        fitted=listed(table["fitted"]),
        draws=texts("draws"),
        opens=texts("opens"),
        schedules=texts("schedules"),
        handed={key: listed(value) for key, value in section(table, "handed", path).items()},
        tables=rows(table, "tables", TableRow, path),
        flows=rows(table, "flows", FlowRow, path),
        long=rows(table, "long", LongRow, path),
        mixing=listed(table["mixing"]),
    )
