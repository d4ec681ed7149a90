"""How a program reads prompts: the grammar of each pass and its settings, by version and parser mode."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import UnknownName
from paramc.dialects.registry import find_dialect
from paramc.tables import Table, TableError, TableValue, as_row, merged, section

FILE = "prompt.toml"


@dataclass(frozen=True, slots=True)
class Passes:
    """The grammar file of each pass, looked up along the lineage of the dialect."""

    comments: str
    networks: str
    branches: str
    edits: str
    weights: str


@dataclass(frozen=True, slots=True)
class Editing:
    """Settings of prompt editing.

    `timeline`: `current` or `legacy`. Boundaries before `first_boundary` leave no entry; None keeps them all.
    """

    timeline: str = "current"
    empty_options: bool = True
    first_boundary: int | None = 1


@dataclass(frozen=True, slots=True)
class Emphasis:
    """Settings of emphasis.

    `round` and `square` are the factors of brackets without a number. `decimals` rounds every product. A `malformed`
    number is `refused` or `ignored`. `escapes` stand `apart` as runs of weight 1 or are `attached` to the run before
    them. `pieces` are `kept` or `tidied`: no signs in front, single spaces inside, none at the ends. `glue` comes
    between merged runs where the left one ends in a letter or digit. Runs merge when their weights differ by less than
    `tolerance` (0: when equal). `replaced` texts give way before anything is read.
    """

    round: float
    square: float
    malformed: str = "refused"
    decimals: int | None = None
    escapes: str = "apart"
    pieces: str = "kept"
    glue: str | None = None
    tolerance: float = 0.0
    replaced: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Strength:
    """Where a strength of a network is found among the arguments of its tag."""

    position: int | None = None
    named: str = ""
    like: str = ""
    default: float | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """How runs are written as text."""

    escaped: str
    escape: str
    weighted: str
    break_: str


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """One way to read prompts."""

    name: str
    grammars: Mapping[str, Path]
    editing: Editing
    emphasis: Emphasis
    strengths: Mapping[str, Mapping[str, Strength]]
    writing: Writing


@cache
def find_language(name: str, version: tuple[int, ...] | None = None, parser: str | None = None) -> Language:
    """The prompt language of the dialect `name`, as of `version` (None: the newest) and in the mode `parser`.

    Raises UnknownName for a dialect or a mode that does not exist.
    """
    table = find_dialect(name).table(FILE)
    modes = section(table, "parsers", name)
    mode = parser or table.get("parser")
    if mode is not None and mode not in modes:
        raise _unknown_mode(str(mode), modes)
    older = tuple(
        index for index, row in enumerate(_history(table, name)) if version and version < (*_until(row, name), 0)
    )
    return _language(name, older, str(mode) if mode is not None else None)


@cache
def _language(name: str, older: tuple[int, ...], mode: str | None) -> Language:
    dialect = find_dialect(name)
    table = dialect.table(FILE)
    history = _history(table, name)
    for overlay in [*(history[index] for index in older), *([section(section(table, "parsers", name), mode, name)] if mode else [])]:
        table = merged(table, overlay)
    where = f"{name}/{FILE}"
    passes = as_row(section(table, "passes", where), Passes, where)
    writing = section(table, "writing", where)
    return Language(
        name=name,
        grammars={file: _grammar(name, getattr(passes, file)) for file in Passes.__slots__},
        editing=as_row(section(table, "editing", where), Editing, where),
        emphasis=as_row(section(table, "emphasis", where), Emphasis, where),
        strengths={kind: _strengths(row, f"{where}: networks.{kind}") for kind, row in section(table, "networks", where).items()},
        writing=as_row({"break_" if key == "break" else key: value for key, value in writing.items()}, Writing, where),
    )
