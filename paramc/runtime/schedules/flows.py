"""The noise levels of flow models: the rows of flows.toml."""

import math
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from paramc.runtime.schedules.levels import FlowTable, flow_table, flux_table
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

    def fits(self, base: str, family: str, flags: Collection[str]) -> bool:
        """Whether the row speaks of a model under a program."""
        known = not self.families or family in self.families
        return self.base == base and known and (not self.flag or self.flag in flags)


def flow_levels(base: str, family: str, flags: Collection[str], shift: float | None) -> FlowTable:
    """The levels of a flow model under a program; `shift` replaces the model's own, and is e^mu where it has a mu."""
    row = next(row for row in _flows() if row.fits(base, family, flags))
    curve = row.curve if shift is None else row.asked or row.curve
    if curve == "linear":
        return flow_table(row.amount if shift is None else shift, multiplier=row.multiplier)
    return flux_table(row.amount if shift is None else math.log(shift), keeps_timesteps="keeps_flow_times" in flags)


@cache
def flow_bases() -> frozenset[str]:
    """The bases whose models are flows."""
    return frozenset(row.base for row in _flows())


@cache
def _flows() -> tuple[FlowRow, ...]:
    return rows(read_table(_PATH), "flows", FlowRow, _PATH.name)


_PATH = Path(__file__).with_name("flows.toml")
