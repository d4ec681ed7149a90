"""What files do not say about the models of each base: the rows of bases.toml."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramc.tables import read_table, rows


class Base(NamedTuple):
    """A base; `widths`: of the texts that its UNets attend to. `scaling_factor`: of its latents.

    heads: attention heads of the UNet, 0 = one for 64 channels.
    """

    name: str
    title: str
    widths: tuple[int, ...]
    scaling_factor: float
    heads: int = 0
    upcasts_attention: bool = False


class Encoder(NamedTuple):
    """A text encoder inside single files. `drops`: last layers left out. `projects`: it has a pooled projection."""

    base: str
    prefix: str
    layout: str
    activation: str
    drops: int = 0
    projects: bool = False


@cache
def bases() -> dict[str, Base]:
    """The bases that the runner loads, by name."""
    return {row.name: row for row in rows(read_table(_PATH), "bases", Base, _PATH.name)}


@cache
def encoders(base: str) -> tuple[Encoder, ...]:
    """The text encoders that single files of a base may hold, in order."""
    return tuple(row for row in rows(read_table(_PATH), "encoders", Encoder, _PATH.name) if row.base == base)


_PATH = Path(__file__).with_name("bases.toml")
