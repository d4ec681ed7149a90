"""How a program reads prompts: the grammar of each pass with its settings, by version and parser mode."""

from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from paramc.diagnostics.unknown import unknown_name
from paramc.dialects.branches import Branches
from paramc.dialects.comments import Comments
from paramc.dialects.description import Dialect
from paramc.dialects.edits import Editing, EditReader, Edits
from paramc.dialects.grammar import load_grammar
from paramc.dialects.networks import Blocks, Networks, Strength, TagReader
from paramc.dialects.pairing import Pairing
from paramc.dialects.version import Version, parse_version
from paramc.dialects.weights import Emphasis, Weights
from paramc.dialects.writing import Writing
from paramc.resources import GRAMMARS
from paramc.tables import Table, TableError, TableValue, as_row, merged, section

if TYPE_CHECKING:
    from paramc.dialects.compel_pairing import CompelPairing
    from paramc.dialects.instructions import Instructions

FILE = "prompt.toml"
SHARED = GRAMMARS / "shared"
Row = TypeVar("Row")


class Passes(NamedTuple):
    """The grammar file of each pass, looked up along the lineage of the dialect, then among the shared ones.

    One of another dialect is named with its folder: `comfyui/weights.lark`.
    """

    comments: str
    networks: str
    branches: str
    edits: str
    weights: str


class Language:
    """One way to read prompts. Each pass is ready on its first use."""

    def __init__(self, dialect: Dialect, table: Table) -> None:
        self.name = dialect.name
        self._dialect = dialect
        self._table = table
        self._where = f"{dialect.name}/{FILE}"
        self._passes = self._row("passes", Passes)

    @cached_property
    def comments(self) -> Comments:
        """Takes comments out of typed prompts."""
        return Comments(load_grammar(self._grammar(self._passes.comments), lexer="basic"))

    @cached_property
    def networks(self) -> Networks:
        """Takes network tags out."""
        grammar = load_grammar(self._grammar(self._passes.networks), callbacks=_TAG_READER)
        kinds = section(self._table, "networks", self._where)
        blocks = as_row(self._table.get("blocks", {}), Blocks, f"{self._where}: blocks")
        return Networks(grammar, {kind: self._strengths(kinds, kind) for kind in kinds}, blocks)

    @cached_property
    def branches(self) -> Branches:
        """Splits into parts with weights."""
        return Branches(load_grammar(self._grammar(self._passes.branches), lexer="basic"))

    @cached_property
    def edits(self) -> Edits:
        """Reads what changes by step."""
        settings = self._row("editing", Editing)
        pairing = _instructions() if settings.instructions else _pairing(empty_options=settings.empty_options)
        path = self._grammar(self._passes.edits)
        return Edits(load_grammar(path, lexer="basic", postlex=pairing, callbacks=_EDIT_READER), settings)

    @cached_property
    def weights(self) -> Weights:
        """Reads emphasis."""
        settings, path = self._row("emphasis", Emphasis), self._grammar(self._passes.weights)
        match settings.numbers:
            case "behind":
                from paramc.dialects.compel_weights import CompelWeights  # not for the languages of settings texts

                return CompelWeights(load_grammar(path, lexer="basic", postlex=_compel_pairing()), settings)
            case "absolute":
                from paramc.dialects.nested_weights import NestedWeights  # as above

                return NestedWeights(load_grammar(path, lexer="basic"), settings)
            case _:
                return Weights(load_grammar(path, lexer="basic"), settings)

    @cached_property
    def writing(self) -> Writing:
        """Writes runs as text."""
        return self._row("writing", Writing)

    def reads_like(self, other: "Language") -> bool:
        """Does the other language take every text for the same?"""
        ways = (language._table | {"history": None, "parsers": None, "parser": None} for language in (self, other))
        return all(self.shares(name, other) for name in Passes._fields) and next(ways) == next(ways)

    def shares(self, name: str, other: "Language") -> bool:
        """Do both read a pass by the same grammar?"""
        mine, theirs = (language._grammar(language._passes._asdict()[name]) for language in (self, other))
        return mine == theirs

    def _row(self, name: str, row: type[Row]) -> Row:
        return as_row(section(self._table, name, self._where), row, f"{self._where}: {name}")

    def _strengths(self, kinds: Table, kind: str) -> dict[str, Strength]:
        table = section(kinds, kind, self._where)
        return {name: as_row(row, Strength, f"{self._where}: networks.{kind}.{name}") for name, row in table.items()}

    def _grammar(self, file: str) -> Path:
        folders = (SHARED, *self._dialect.roots)
        path = self._dialect.path(file) or next(
            (folder / file for folder in folders if (folder / file).is_file()), None
        )
        if path is None:
            raise TableError(f"{self._where}: there is no grammar `{file}`")
        return path


_TAG_READER = TagReader()


@cache
def _compel_pairing() -> "CompelPairing":
    from paramc.dialects.compel_pairing import CompelPairing  # not for the languages of settings texts

    return CompelPairing()


@cache
def _instructions() -> "Instructions":
    from paramc.dialects.instructions import Instructions  # as above

    return Instructions()


_EDIT_READER = EditReader()
_pairing = cache(Pairing)  # one of each kind, so that a grammar is built once for all languages that share it


def language_of(dialect: Dialect, version: Version | None = None, parser: str | None = None) -> Language:
    """The prompt language of a program as of `version` (None: the newest), in the mode `parser` (None: its usual one).

    Raises UnknownName for a mode that the program does not have.
    """
    table = _table(dialect)
    history = table.get("history", [])
    older = tuple(
        index
        for index, row in enumerate(history if isinstance(history, list) else [])
        if version and version < _until(row, dialect)
    )
    return _language(dialect, older, parser)


@cache
def _table(dialect: Dialect) -> Table:
    return dialect.table(FILE)


@cache
def _language(dialect: Dialect, older: tuple[int, ...], parser: str | None) -> Language:
    table = _table(dialect)
    history = table.get("history", [])
    modes = section(table, "parsers", dialect.name)
    mode = parser or table.get("parser")
    if mode and mode not in modes:
        raise unknown_name("prompt parser", str(mode), modes, "" if modes else "it has only one parser")
    overlays = [history[index] for index in older] if isinstance(history, list) else []
    for overlay in (*overlays, modes.get(str(mode), {})):
        if isinstance(overlay, dict):
            table = merged(table, overlay)
    return Language(dialect, table)


def _until(row: TableValue, dialect: Dialect) -> Version:
    version = parse_version(str(row["until"])) if isinstance(row, dict) and "until" in row else None
    if version is None:
        raise TableError(f"{dialect.name}/{FILE}: a row of `history` has no version `until`")
    return version
