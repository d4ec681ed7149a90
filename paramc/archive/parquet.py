"""The table of a scan as a Parquet file, made from its lines whenever a scan ends."""

import json
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from paramc.archive.store import COLUMNS, OWN, JsonLines, Row
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import SourceError

LIBRARY = "pyarrow"
GROUP = 10_000  # rows in memory at once
WHOLE = {"width", "height", "steps", "seed"}  # columns of integers
REAL = {"cfg_scale"}


class Parquet:
    """A column for what is asked most, and `entry` with everything as JSON.

    The format cannot be added to, so rows are gathered in a file of lines beside it, which a later run goes on with.
    """

    def __init__(self, path: Path) -> None:
        if find_spec(LIBRARY) is None:
            raise SourceError(diagnose("PC823", suffix=path.suffix, library=LIBRARY))
        self._path = path
        self._lines = JsonLines(path.with_name(f"{path.name}.jsonl"))

    def holds(self, path: str) -> bool:
        """Whether the table had a row for `path` when it was opened."""
        return self._lines.holds(path)

    def add(self, lines: Sequence[str]) -> None:
        """Gather entries."""
        self._lines.add(lines)

    def lines(self) -> Iterator[str]:
        """Every entry."""
        return self._lines.lines()

    def close(self) -> None:
        """Write the table, whole or not at all."""
        import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]  # pyright: ignore[reportMissingImports]
        from pyarrow import parquet  # type: ignore[import-not-found,import-untyped,unused-ignore]  # pyright: ignore[reportMissingImports]

        kinds = {name: pyarrow.int64() for name in WHOLE} | {name: pyarrow.float64() for name in REAL}
        names = (*OWN, *COLUMNS, "entry")
        schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in names])
        unfinished = self._path.with_name(f".{self._path.name}.unfinished")
        lines = self.lines()
        with parquet.ParquetWriter(unfinished, schema) as writer:
            while rows := [_row(line) for line in islice(lines, GROUP)]:
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))
        unfinished.replace(self._path)
        self._lines.close()


def _row(line: str) -> Row:
    entry: Row = json.loads(line)
    values = entry["values"] if isinstance(entry["values"], dict) else {}
    row: Row = {name: entry[name] for name in OWN} | {name: values.get(path) for name, path in COLUMNS.items()}
    return {**{name: _cell(name, value) for name, value in row.items()}, "entry": line.rstrip("\n")}


def _cell(name: str, value: object) -> object:
    """The value as its column can take it; None where it cannot."""
    if value is None:
        return None
    if name in WHOLE:
        return value if isinstance(value, int) and abs(value) < 2**63 else None
    if name in REAL:
        return float(value) if isinstance(value, int | float) else None
    return str(value).encode("utf-8", "backslashreplace").decode()
