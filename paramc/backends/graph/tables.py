"""graph.toml and nodes.toml as typed rows: what an operation is called in nodes, and what the nodes take."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

from paramc.backends.weights import Spelling
from paramc.tables import NOTHING, Table, TableError, TableValue, as_row, read_table, section

Row = TypeVar("Row")
Words: TypeAlias = Mapping[str, str]


class Template(NamedTuple):
    """A node to be filled in: `{name}` stands for a value or a link, anything else for itself."""

    class_type: str
    title: str
    titles: Words = NOTHING
    inputs: Mapping[str, TableValue] = NOTHING
    gives: tuple[str, ...] = ()


class SamplerRow(NamedTuple):
    """A sampler in the server's words; graph.toml says what each key means."""

    name: str
    on_gpu: str = ""
    drops: bool = False
    node: str = ""
    knobs: tuple[str, ...] = ()
    always: bool = False
    own: str = ""
    patch: str = ""
    cfg: float = 1.0


class ScheduleRow(NamedTuple):
    """A schedule in the server's words; graph.toml says what each key means."""

    name: str
    node: str = ""
    ranged: str = ""
    shaped: str = ""
    rho: float = 0.0
    extra: int = 0
    leftover: bool = False
    below_max: bool = False
    uneven: bool = False
    spacing: str = ""


class BaseRow(NamedTuple):
    """What the base of a model family decides; graph.toml says what each key means."""

    latent: str = "latent"
    clip_skip: bool = False
    zero_negative: bool = False
    encoder: str = ""
    needs: Words = NOTHING
    entries: int = 0
    shift: float = 1.0
    shift_node: str = ""
    distilled: bool = False
    references: str = ""
    refers: tuple[str, ...] = ()
    schedule: str = ""
    schedule_node: str = ""
    first_sigma: float = 14.6143
    table: str = "SD1"


class Emphases(NamedTuple):
    """Ways of emphasis that use no weights, and those that are this program's own."""

    unweighted: tuple[str, ...]
    native: tuple[str, ...]


class Reader(NamedTuple):
    """Text nodes that read the language of `dialect` themselves; graph.toml says what each key means."""

    node: str
    dialect: str
    restores_mean: tuple[str, ...]
    mean: str = ""
    plain: str = ""
    escaped: str = ""


class Detailing(NamedTuple):
    """How detectors are called: files by other names, folders of boxes and shapes, the mark of a file with shapes.

    In a text, `main` stands for the main prompt, and `separator` between those of regions; the first is every one's.
    """

    main: str
    separator: str
    box_folder: str
    shape_folder: str
    shapes: str
    files: Words


class Files(NamedTuple):
    """File names: known suffixes, characters that no name may have, and by kind of file the usual suffix and a name."""

    suffixes: tuple[str, ...]
    pictures: tuple[str, ...]
    forbidden: str
    suffix: Words
    unnamed: Words


class Modules(NamedTuple):
    """How a text encoder is told from a VAE by its name, and what the loaders call the encoders."""

    vae: tuple[str, ...]
    encoder: tuple[str, ...]
    kinds: Words


class Layout(NamedTuple):
    """Where nodes are drawn, in units of the canvas; `roles` say in which of the groups, from 0.

    `again` is the group of a second pass, `last` that of what follows the last pass; `more` is what those of further
    passes are called. `note` is the class of remarks.
    """

    titles: tuple[str, ...]
    roles: Mapping[str, int]
    again: int
    last: int
    more: str
    note: str
    note_title: str
    color: str
    width: int
    row: int
    text: int
    header: int
    gap: int
    margin: int


class GraphTables(NamedTuple):
    """All of graph.toml."""

    nodes: Mapping[str, Template]
    samplers: Mapping[str, SamplerRow]
    schedules: Mapping[str, ScheduleRow]
    bases: Mapping[str, BaseRow]
    files: Files
    modules: Modules
    text: Spelling
    emphases: Emphases
    readers: Mapping[str, Reader]
    detailing: Detailing
    layout: Layout
    words: Mapping[str, Words]

    def base(self, name: str) -> BaseRow:
        """The row of a base, that of `default` for others."""
        return self.bases.get(name, self.bases["default"])

    def sampler(self, identifier: str) -> SamplerRow:
        """The row of a sampler, that of `unknown` for others."""
        return self.samplers.get(identifier, self.samplers["unknown"])

    def schedule(self, identifier: str) -> ScheduleRow:
        """The row of a schedule, that of `unknown` for others."""
        return self.schedules.get(identifier, self.schedules["unknown"])


class Take(NamedTuple):
    """What an input takes: a `type` in capitals, a number in [least, most], or one of `words`."""

    type: str
    required: bool = True
    least: float = 0
    most: float = 0
    words: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()  # words that later servers have beside

    @property
    def is_number(self) -> bool:
        """Whether it has a range."""
        return self.type in ("INT", "FLOAT")


class Definition(NamedTuple):
    """A node as its server describes it: inputs by name, types of its outputs, whether it ends a graph.

    `pack`: what has to be installed for it, where it is no part of the server itself. `newer`: later servers have it.
    """

    takes: Mapping[str, Take]
    gives: tuple[str, ...]
    ends: bool = False
    pack: str = ""
    newer: bool = False


@cache
def graph_tables(folder: Path) -> GraphTables:
    """graph.toml of a target. Raises TableError when it is malformed."""
    path = folder / "graph.toml"
    table = read_table(path)
    return GraphTables(
        nodes=_rows(table, "nodes", Template, path),
        samplers=_rows(table, "samplers", SamplerRow, path),
        schedules=_rows(table, "schedules", ScheduleRow, path),
        bases=_rows(table, "bases", BaseRow, path),
        files=as_row(section(table, "files", path), Files, f"{path}: files"),
        modules=as_row(section(table, "modules", path), Modules, f"{path}: modules"),
        text=as_row(section(table, "text", path), Spelling, f"{path}: text"),
        emphases=as_row(section(table, "emphases", path), Emphases, f"{path}: emphases"),
        readers=_rows(table, "readers", Reader, path),
        detailing=as_row(section(table, "detailing", path), Detailing, f"{path}: detailing"),
        layout=as_row(section(table, "layout", path), Layout, f"{path}: layout"),
        words={name: _words(table, name, path) for name in _WORDS},
    )


@cache
def definitions(folder: Path) -> Mapping[str, Definition]:
    """nodes.toml of a target, by class. Raises TableError when it is malformed."""
    path = folder / "nodes.toml"
    table = read_table(path)
    lists = {f"@{name}": value for name, value in section(table, "lists", path).items()}
    return {
        name: _definition(section(table, name, path), lists, f"{path}: {name}") for name in table if name != "lists"
    }


_WORDS = (
    "networks",
    "patches",
    "weight_dtypes",
    "switches",
    "areas",
    "devices",
    "noise_modes",
    "latent_methods",
    "image_methods",
    "crops",
    "upscalers",
)


def _rows(table: Table, name: str, row: type[Row], path: Path) -> dict[str, Row]:
    return {key: as_row(value, row, f"{path}: {name}.{key}") for key, value in section(table, name, path).items()}


def _words(table: Table, name: str, path: Path) -> dict[str, str]:
    return {key: str(value) for key, value in section(table, name, path).items()}


def _definition(table: Table, lists: Mapping[str, TableValue], where: str) -> Definition:
    takes = {name: _take(value, lists, f"{where}.{name}") for name, value in section(table, "takes", where).items()}
    gives = table.get("gives")
    if not isinstance(gives, list):
        raise TableError(f"{where}: `gives` is not a list")
    words = table.get("newer_words")
    newer = tuple(str(word) for word in words) if isinstance(words, list) else ()
    return Definition(
        {name: take._replace(newer=newer) if take.words else take for name, take in takes.items()},
        tuple(str(item) for item in gives),
        bool(table.get("ends", False)),
        str(table.get("pack", "")),
        bool(table.get("newer", False)),
    )


def _take(value: TableValue, lists: Mapping[str, TableValue], where: str) -> Take:
    head, *rest = value if isinstance(value, list) else [value]
    name = str(head)
    kind, required = name.removesuffix("?"), not name.endswith("?")
    if kind in ("INT", "FLOAT"):
        match rest:
            case [int() | float() as least, int() | float() as most]:
                return Take(kind, required, least, most)
            case _:
                raise TableError(f"{where}: a number needs its least and its most")
    if rest and str(rest[0]) in lists:
        listed = lists[str(rest[0])]
        rest = listed if isinstance(listed, list) else []
    return Take(kind, required, words=tuple(str(word) for word in rest))
