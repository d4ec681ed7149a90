"""What files do not say about the models of each base: the rows of bases.toml."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.tables import NOTHING, TableValue, read_table, rows

USUALLY: Final = "`paramc convert` writes a script or a graph for other families"


class Base(NamedTuple):
    """A base; `widths`: of the texts that its UNets attend to. `scaling_factor`, `shift_factor`: of its latents.

    pipelines: families by the pipelines that folders name. families: factors of those with another scale. betas: the
    first and the last, where they are not Stable Diffusion's. timesteps: how many there are. even_roots: their roots
    lie evenly, not they themselves.
    guided, unguided: families with and without distilled guidance embedded in them.
    cell: pixels of a side that one number of a latent stands for.
    heads: attention heads of the UNet, 0 = one for 64 channels. usual: names of files beside a bare diffusion model.
    like: the base whose networks are called alike.
    """

    name: str
    title: str
    scaling_factor: float = 1.0
    widths: tuple[int, ...] = ()
    shift_factor: float = 0.0
    cell: int = 8
    heads: int = 0
    upcasts_attention: bool = False
    usual: tuple[str, ...] = ()
    like: str = ""
    families: Mapping[str, float] = NOTHING
    pipelines: Mapping[str, str] = NOTHING
    betas: tuple[float, ...] = ()
    timesteps: int = 1000
    even_roots: bool = False
    guided: str = ""
    unguided: str = ""

    @property
    def has_unet(self) -> bool:
        """Whether its diffusion models are UNets."""
        return bool(self.widths)


class Encoder(NamedTuple):
    """A text encoder inside single files. `drops`: last layers left out. `projects`: it has a pooled projection.

    part: what a file of its own is called in the rows of modules. optional: the model paints without it, too.
    alone: the model has no other.
    """

    base: str
    prefix: str
    layout: str
    activation: str = ""
    drops: int = 0
    projects: bool = False
    part: str = ""
    optional: bool = False
    alone: bool = False


class ModuleSign(NamedTuple):
    """What tells a text encoder in a file of its own: a tensor, and how wide it is, 0 = any."""

    part: str
    sign: str
    width: int = 0
    prefix: str = ""


class Decoder(NamedTuple):
    """What the files of a language model do not say. head: width of an attention head, where no tensor tells it.

    theta: of the positions. rope: what else is said of these. epsilon: of the norms. marks: words behind
    those that its tokeniser's file has.
    """

    layout: str
    theta: float
    head: int = 0
    epsilon: float = 1e-6
    rope: Mapping[str, TableValue] = NOTHING
    marks: tuple[str, ...] = ()


class Stranger(NamedTuple):
    """A family that is known and not run. near: what comes nearest. classes: how those in folders begin."""

    family: str
    near: str
    classes: tuple[str, ...] = ()


@cache
def _strangers() -> tuple[Stranger, ...]:
    return rows(read_table(_PATH), "strangers", Stranger, _PATH.name)


@cache
def bases() -> dict[str, Base]:
    """The bases that the runner loads, by name."""
    return {row.name: row for row in rows(read_table(_PATH), "bases", Base, _PATH.name)}


def base_of(name: str, family: str = "") -> Base:
    """The row of a base, with the scale of a family's latents."""
    row = bases()[name]
    return row._replace(scaling_factor=row.families.get(family, row.scaling_factor))


def stranger(name: str) -> Stranger | None:
    """What is known of a family that is not run, by its name or by a class of diffusers."""
    return next((row for row in _strangers() if name == row.family or name.startswith(tuple(row.classes))), None)


def not_run(file: Path, name: str) -> ModelError:
    """What is raised for a model that the runner does not know, by its family or by the class that its folder names."""
    known = ", ".join(row.title for row in bases().values())
    row = stranger(name)
    family, near = (row.family, row.near) if row else (name, USUALLY)
    return ModelError(diagnose("PC538", file=file, family=family, near=near, known=known))


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
