"""The noise levels of flow models, as their rows say."""

import math
from collections.abc import Collection

from paramc.runtime.schedules.flow_rows import flow_row
from paramc.runtime.schedules.levels import FlowTable, flow_table, flux_table


def flow_levels(base: str, family: str, flags: Collection[str], shift: float | None) -> FlowTable:
    """The levels of a flow model under a program; `shift` replaces the model's own, and is e^mu where it has a mu."""
    row = flow_row(base, family, flags)
    curve = row.curve if shift is None else row.asked or row.curve
    if curve == "linear":
        return flow_table(row.amount if shift is None else shift, multiplier=row.multiplier)
    return flux_table(row.amount if shift is None else math.log(shift), keeps_timesteps="keeps_flow_times" in flags)
