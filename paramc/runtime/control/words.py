"""The tables of this folder."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from paramc.tables import TableError, read_table, rows, section

PATH: Final = Path(__file__).with_name("names.toml")


@cache
def words(name: str) -> Mapping[str, str]:
    """A table of texts."""
    return {key: str(value) for key, value in section(read_table(PATH), name, PATH.name).items()}


@cache
def lists(name: str) -> Mapping[str, tuple[str, ...]]:
    """A table of lists of texts."""
    found = section(read_table(PATH), name, PATH.name)
    if not all(isinstance(value, list) for value in found.values()):
        raise TableError(f"{PATH.name}: `{name}` is a table of lists")
    return {key: tuple(map(str, value)) for key, value in found.items() if isinstance(value, list)}


class Vision(NamedTuple):
    """What an image encoder of a width has."""

    width: int
    heads: int
    activation: str


@cache
def vision_sizes() -> Mapping[int, tuple[int, str]]:
    """Heads and activation of image encoders by the width of their states."""
    return {row.width: (row.heads, row.activation) for row in rows(read_table(PATH), "vision", Vision, PATH.name)}


class Depth(NamedTuple):
    """Which model of depth a preprocessor asks for."""

    preprocessor: str
    family: str
    second: bool = False


@cache
def depth_rows() -> Mapping[str, Depth]:
    """The models of depth by the preprocessors that ask for them."""
    return {row.preprocessor: row for row in rows(read_table(PATH), "depths", Depth, PATH.name)}


@cache
def pooled_names() -> tuple[str, ...]:
    """Pieces of the names of files whose nets average their outputs over the picture."""
    return lists("pooled")["names"]
