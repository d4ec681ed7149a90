"""Names of tensors that all stand under one more name, as tools write them that save a part of something larger."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

from paramc.runtime.catalogue.contents import Header
from paramc.runtime.catalogue.signs import UNKNOWN, identify
from paramc.tables import read_table, rows

V = TypeVar("V")


class Wrapper(NamedTuple):
    """A row of wrapped.toml, where its words are explained."""

    before: str
    after: str = ""
    partly: bool = False


def unwrapped(header: Header) -> Header:
    """The header by the names that tell what the file is; as it stands where it tells, or nothing would."""
    rows_here = [row for row in _wrappers() if _wraps(row, header)]
    if not rows_here or identify(header) != UNKNOWN:
        return header
    bare = (_without(header, row) for row in rows_here)
    return next((found for found in bare if identify(found).kind not in ("unknown", "network")), header)


def _wraps(row: Wrapper, header: Header) -> bool:
    some = any if row.partly else all
    return bool(header.tensors) and some(name.startswith(row.before) for name in header.tensors)


def _without(header: Header, row: Wrapper) -> Header:
    def renamed(names: Mapping[str, V]) -> dict[str, V]:
        return {_bare(name, row): value for name, value in names.items()}

    return replace(
        header,
        tensors=renamed(header.tensors),
        beside=renamed(header.beside),
        quantised=renamed(header.quantised),
        turned=renamed(header.turned),
        raised=frozenset(_bare(name, row) for name in header.raised),
    )


def _bare(name: str, row: Wrapper) -> str:
    return row.after + name.removeprefix(row.before) if name.startswith(row.before) else name


@cache
def _wrappers() -> tuple[Wrapper, ...]:
    path = Path(__file__).with_name("wrapped.toml")
    return rows(read_table(path), "wrappers", Wrapper, path.name)
