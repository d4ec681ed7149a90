"""What files do not say about the models of each base: the rows of bases.toml."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramc.tables import read_table, rows


class Base(NamedTuple):
    """A base; `widths`: of the texts that its UNets attend to. `scaling_factor`, `shift_factor`: of its latents.

    heads: attention heads of the UNet, 0 = one for 64 channels. usual: names of files beside a bare diffusion model.
    like: the base whose networks are called alike.
    """

    name: str
    title: str
    scaling_factor: float = 1.0
    widths: tuple[int, ...] = ()
    shift_factor: float = 0.0
    heads: int = 0
    upcasts_attention: bool = False
    usual: tuple[str, ...] = ()
    like: str = ""


class Encoder(NamedTuple):
    """A text encoder inside single files. `drops`: last layers left out. `projects`: it has a pooled projection.

    part: what a file of its own is called in the rows of modules. optional: the model paints without it, too.
    """

    base: str
    prefix: str
    layout: str
    activation: str = ""
    drops: int = 0
    projects: bool = False
    part: str = ""
    optional: bool = False


class ModuleSign(NamedTuple):
    """What tells a text encoder in a file of its own: a tensor, and how wide it is, 0 = any."""

    part: str
    sign: str
    width: int = 0
    prefix: str = ""


class Decoder(NamedTuple):
    """What the files of a language model do not say. head: width of an attention head, where no tensor tells it."""

    layout: str
    theta: float
    head: int = 0


@cache
def bases() -> dict[str, Base]:
    """The bases that the runner loads, by name."""
    return {row.name: row for row in rows(read_table(_PATH), "bases", Base, _PATH.name)}


@cache
def encoders(base: str) -> tuple[Encoder, ...]:
    """The text encoders that single files of a base may hold, in order."""
    return tuple(row for row in rows(read_table(_PATH), "encoders", Encoder, _PATH.name) if row.base == base)


@cache
def module_signs() -> tuple[ModuleSign, ...]:
    """The signs of text encoders in files of their own; the first that fits counts."""
    return rows(read_table(_PATH), "modules", ModuleSign, _PATH.name)


@cache
def decoders() -> dict[str, Decoder]:
    """The language models, by layout."""
    return {row.layout: row for row in rows(read_table(_PATH), "decoders", Decoder, _PATH.name)}


_PATH = Path(__file__).with_name("bases.toml")
