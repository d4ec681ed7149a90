"""TOML tables as typed rows: a misspelt key fails at load, with the file, the key and the closest legal word."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from hashlib import sha256
from inspect import Parameter, signature
from pathlib import Path
from types import MappingProxyType
from typing import Final, Never, TypeAlias, TypeVar

from paramc.resources import cache_folder, write_atomically

TableValue: TypeAlias = "str | int | float | bool | list[TableValue] | dict[str, TableValue]"
Table: TypeAlias = "dict[str, TableValue]"
Row = TypeVar("Row")
NOTHING: Final[Mapping[str, Never]] = MappingProxyType({})  # a table that a row may leave out
LONGEST_WORD: Final = 100  # characters that are looked at for a similar word
LIKENESS: Final = 0.5  # what two similar words have in common at least, as difflib counts


class TableError(Exception):
    """A data folder is malformed; the message names the file, the row and the closest legal word."""


def read_table(path: Path) -> Table:
    """The TOML file as plain values; the parsed form is remembered as JSON in the user's cache.

    Raises TableError when the file is not TOML.
    """
    state = path.stat()
    stamp = f"{path}\0{state.st_mtime_ns}\0{state.st_size}"
    folder = cache_folder()
    remembered = folder / f"table-{sha256(stamp.encode()).hexdigest()[:32]}.json" if folder else None
    if remembered:
        try:
            loaded: Table = json.loads(remembered.read_bytes())
            return loaded
        except (OSError, ValueError):
            pass
    import tomllib  # not while the parsed form is remembered

    try:
        table: Table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: {error}") from error
    if remembered:
        try:
            write_atomically(remembered, json.dumps(table, ensure_ascii=False).encode())
        except (OSError, TypeError):
            return table
    return table


def merged(parent: Mapping[str, TableValue], child: Mapping[str, TableValue]) -> Table:
    """`parent` with `child` laid over it: tables merge key by key, anything else is replaced."""
    result: Table = dict(parent)
    for key, value in child.items():
        above = result.get(key)
        result[key] = merged(above, value) if isinstance(above, dict) and isinstance(value, dict) else value
    return result


def section(table: Table, name: str, where: object) -> Table:
    """The sub-table `name`, empty when absent. Raises TableError when it is something else."""
    value = table.get(name, {})
    if not isinstance(value, dict):
        raise TableError(f"{where}: `{name}` is not a table")
    return value


def rows(table: Table, name: str, row: type[Row], where: object) -> tuple[Row, ...]:
    """The array of tables `name` as instances of `row`, in file order."""
    values = table.get(name, [])
    if not isinstance(values, list):
        raise TableError(f"{where}: `{name}` is not an array of tables")
    return tuple(as_row(value, row, f"{where}: {name}[{index}]") for index, value in enumerate(values))


def as_row(value: TableValue, row: type[Row], where: object) -> Row:
    """One table as an instance of `row`, a frozen dataclass or a NamedTuple; lists become tuples.

    Raises TableError for unknown or missing keys.
    """
    if not isinstance(value, dict):
        raise TableError(f"{where}: not a table")
    known = _columns(row)  # type: ignore[arg-type]  # mypy takes the class of a TypeVar for unhashable
    for key in value:
        if key not in known:
            near = nearest(key, known)
            raise TableError(f"{where}: unknown key `{key}`" + (f", did you mean `{near}`?" if near else ""))
    for key, needed in known.items():
        if needed and key not in value:
            raise TableError(f"{where}: `{key}` is missing")
    return row(**{key: tuple(item) if isinstance(item, list) else item for key, item in value.items()})


@cache
def _columns(row: Callable[..., object]) -> dict[str, bool]:
    """The columns of a class of rows; True for those without a default."""
    return {name: column.default is Parameter.empty for name, column in signature(row).parameters.items()}


def nearest(word: str, legal: Iterable[str]) -> str | None:
    """The legal word that is most like `word`, whatever the case of its letters; None where none is like it."""
    from difflib import get_close_matches  # only on the way to an error

    folded = {one.casefold(): one for one in legal}
    near = get_close_matches(word[:LONGEST_WORD].casefold(), folded, 1, LIKENESS)
    return folded[near[0]] if near else None
