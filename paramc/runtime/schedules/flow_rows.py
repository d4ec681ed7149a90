"""What is known of the noise levels of flow models: the rows of flows.toml."""

import math
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from paramc.tables import read_table, rows


class FlowRow(NamedTuple):
    """A row of flows.toml, where its words are explained."""

    base: str
    curve: Literal["flux", "linear"]
    amount: float
    families: Sequence[str] = ()
    flag: str = ""
    multiplier: float = 1.0
    asked: Literal["", "linear"] = ""

    @property
    def shift(self) -> float:
        """The model's own, as settings would ask for it."""
        return math.exp(self.amount) if self.curve == "flux" else self.amount

    def fits(self, base: str, family: str, flags: Collection[str]) -> bool:
        """Whether the row speaks of a model under a program."""
        known = not self.families or family in self.families
        return self.base == base and known and (not self.flag or self.flag in flags)


def flow_row(base: str, family: str, flags: Collection[str]) -> FlowRow:
    """The row of a model under a program; its base is one of `flow_bases`."""
    return next(row for row in _flows() if row.fits(base, family, flags))


@cache
def flow_bases() -> frozenset[str]:
    """The bases whose models are flows."""
    return frozenset(row.base for row in _flows())


@cache
def _flows() -> tuple[FlowRow, ...]:
    return rows(read_table(_PATH), "flows", FlowRow, _PATH.name)


_PATH = Path(__file__).with_name("flows.toml")
