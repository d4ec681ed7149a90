"""The tables of the lints: rules with their thresholds, what each family was made for, and what settings give away."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple, TypeAlias, TypeVar

from paramc.passes.family_tables import FOLDER
from paramc.tables import NOTHING, as_row, read_table, rows, section

T = TypeVar("T")
Limits: TypeAlias = Mapping[str, float]


class Rule(NamedTuple):
    """A row of lints.toml, whose head explains the columns."""

    code: str
    source: str
    bases: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    not_families: tuple[str, ...] = ()
    not_dialects: tuple[str, ...] = ()
    sure: str = ""
    asked: bool = False
    limits: Limits = NOTHING
    words: tuple[str, ...] = ()

    @property
    def needed(self) -> str:
        """How well the family must be known; empty for a rule about any job."""
        return self.sure or ("medium" if self.bases or self.families else "")


class Advice(NamedTuple):
    """A row of advice.toml, whose head explains the columns."""

    sizes: tuple[tuple[int, int], ...]
    steps: tuple[int, int]
    cfg: tuple[float, float]
    sampling: tuple[tuple[str, str], ...]
    source: str
    repo: str = ""
    distilled: tuple[float, ...] = ()
    multiple: int = 8
    made_for_one: bool = False
    flow: bool = False
    no_clip: bool = False
    second: bool = False
    tokens: int = 0
    prompt: str = ""


class Accelerators(NamedTuple):
    """Patterns of normalised names."""

    certain: str
    possible: str
    guided: str


class Idle(NamedTuple):
    """A setting that cannot have had an effect."""

    path: str
    why: str
    draws: str = ""
    unless: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    equals: str = ""


class Trap(NamedTuple):
    """What a later version of the same program does otherwise."""

    dialect: str
    before: str
    samplers: tuple[str, ...]
    what: str
    schedule: str = ""
    since: str = ""


class Corruption(NamedTuple):
    """An entry that a program or an extension is known to spoil; `name` is to be found in the VAE's name."""

    key: str
    raw: str
    what: str
    help: str
    name: str = ""


class Sign(NamedTuple):
    """A sign of another program's prompts."""

    of: str
    needs: tuple[str, ...]
    pattern: str
    means: str
    instead: str
    without: str = ""


class Findings(NamedTuple):
    """The tables of lints.toml beside its rules."""

    accelerators: Accelerators
    idle: tuple[Idle, ...]
    versions: tuple[Trap, ...]
    corruptions: tuple[Corruption, ...]
    signs: tuple[Sign, ...]


@cache
def lint_rules() -> dict[str, Rule]:
    """Every rule by its name, in file order."""
    path = FOLDER / "lints.toml"
    table = section(read_table(path), "rules", path)
    return {name: as_row(row, Rule, f"{path}: {name}") for name, row in table.items()}


@cache
def findings() -> Findings:
    """What the rules look for."""
    path = FOLDER / "lints.toml"
    table = read_table(path)
    return Findings(
        accelerators=as_row(table["accelerators"], Accelerators, path),
        idle=rows(table, "idle", Idle, path),
        versions=rows(table, "versions", Trap, path),
        corruptions=rows(table, "corruptions", Corruption, path),
        signs=rows(table, "signs", Sign, path),
    )


@cache
def advice() -> dict[str, Advice]:
    """What each family was made for."""
    path = FOLDER / "advice.toml"
    listed = {name: as_row(row, Advice, f"{path}: {name}") for name, row in read_table(path).items()}
    return {name: row._replace(sizes=_pairs(row.sizes), sampling=_pairs(row.sampling)) for name, row in listed.items()}


def _pairs(items: Iterable[tuple[T, T]]) -> tuple[tuple[T, T], ...]:
    """The inner lists of a table as tuples."""
    return tuple((first, second) for first, second in items)


@cache
def pattern(text: str) -> re.Pattern[str]:
    """A pattern of the tables, ready to search."""
    return re.compile(text)
