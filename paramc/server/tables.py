"""server.toml of a target: what the inputs of its nodes are to the one who wrote the settings."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramc.tables import Table, TableError, read_table, section

FILE = "server.toml"
ANY = "*"


class ServerTables(NamedTuple):
    """`settings`: paths of the Job by input; `files`: inputs that name a file; `pictures`: inputs by class.

    `packs`: classes by the pack that they come from, a `*` at the end standing for any rest of the name.
    """

    settings: Mapping[str, tuple[str, ...]]
    files: frozenset[str]
    pictures: Mapping[str, str]
    packs: Mapping[str, tuple[str, ...]]

    def pack_of(self, kind: str) -> str:
        """The pack that a class comes from, empty where nobody has said."""
        return next((pack for pack, classes in self.packs.items() if any(fits(kind, name) for name in classes)), "")


@cache
def server_tables(folder: Path) -> ServerTables:
    """server.toml of a target's folder. Raises TableError when it is malformed."""
    path = folder / FILE
    table = read_table(path)
    settings, files, packs = (_lists(table, name, path) for name in ("settings", "files", "packs"))
    pictures = {name: str(value) for name, value in section(table, "pictures", path).items()}
    return ServerTables(settings, frozenset(files.get("names", ())), pictures, packs)


def fits(kind: str, name: str) -> bool:
    """Whether a class is the one of that name, or one of those that begin so."""
    return kind.startswith(name[:-1]) if name.endswith(ANY) else kind == name


def _lists(table: Table, name: str, path: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key, value in section(table, name, path).items():
        if not isinstance(value, list):
            raise TableError(f"{path}: `{name}.{key}` is not a list")
        found[key] = tuple(str(item) for item in value)
    return found
