"""What the folders of A1111, Forge and ComfyUI are for."""

from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

from paramc.runtime.catalogue.signs import Kind
from paramc.tables import read_table, rows, section

_PATH = Path(__file__).with_name("layouts.toml")


class Folders(NamedTuple):
    """Names that programs give to the folders of one kind."""

    kind: str
    a1111: tuple[str, ...] = ()
    forge: tuple[str, ...] = ()
    comfyui: tuple[str, ...] = ()


class Files(NamedTuple):
    """Ends of the names of files of one kind."""

    kind: str
    ends: tuple[str, ...]


def kind_by_place(path: Path) -> Kind | None:
    """What the nearest folder of a known name is for, or what the file is called; None when neither says."""
    name = path.name.casefold()
    by_name = next((row.kind for row in _files() if name.endswith(row.ends)), None)
    folders = (_folders().get(folder.name.casefold()) for folder in path.parents)
    return cast(Kind | None, by_name or next(filter(None, folders), None))


@cache
def suffixes() -> frozenset[str]:
    """The ends of the names of model files."""
    values = section(read_table(_PATH), "suffixes", _PATH.name)["models"]
    return frozenset(map(str, values)) if isinstance(values, list) else frozenset()


@cache
def _folders() -> dict[str, str]:
    found = rows(read_table(_PATH), "folders", Folders, _PATH.name)
    return {name.casefold(): row.kind for row in found for name in (*row.a1111, *row.forge, *row.comfyui)}


@cache
def _files() -> tuple[Files, ...]:
    return rows(read_table(_PATH), "files", Files, _PATH.name)
