"""What a dialect says of its frontend: the classes that never run, and how group nodes and seeds are marked."""

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from paramc.dialects.description import Dialect
from paramc.tables import as_row, section

SECTION: Final = "frontend"


class Frontend(NamedTuple):
    """The section `frontend` of dialect.toml, which explains each word."""

    through: tuple[str, ...]
    value: tuple[str, ...]
    store: tuple[str, ...]
    fetch: tuple[str, ...]
    nothing: tuple[str, ...]
    groups: tuple[str, ...]
    controls: tuple[str, ...]
    seeds: tuple[str, ...]
    broadcast: Mapping[str, list[str]]

    def runs(self, kind: str) -> bool:
        """Whether nodes of this class reach the server."""
        return kind not in (*self.through, *self.value, *self.store, *self.fetch, *self.nothing)


@cache
def frontend_of(dialect: Dialect) -> Frontend:
    """The frontend of a dialect."""
    where = f"{dialect.name}/dialect.toml: {SECTION}"
    return as_row(section(dialect.about, SECTION, where), Frontend, where)
