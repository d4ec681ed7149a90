"""Tables of entries on disk: written so that a run which was killed can go on, no file twice and none missing."""

import json
import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

Row: TypeAlias = "dict[str, object]"
COLUMNS = {  # of the table `files`: column → path of the Job
    "prompt": "prompt", "negative": "negative", "sampler": "sampling.sampler", "schedule": "sampling.schedule",
    "steps": "sampling.steps", "cfg_scale": "sampling.cfg_scale", "seed": "noise.seed",
    "checkpoint": "assets.checkpoint.name", "family": "family",
}  # fmt: skip
BEGINNING = b'{"path":'  # of every line
OWN = ("path", "status", "dialect", "carrier", "width", "height")


class Store(Protocol):
    """A table that grows."""

    def holds(self, path: str) -> bool:
        """Whether the table had a row for `path` when it was opened."""
        ...

    def add(self, lines: Sequence[str]) -> None:
        """Append entries, all of them or none when the process is killed meanwhile."""
        ...

    def lines(self) -> Iterator[str]:
        """Every entry."""
        ...

    def close(self) -> None:
        """Finish."""
        ...


class JsonLines:
    """One entry a line. What a kill left of a line is cut off when the file is opened again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = array("Q")
        self._stream: BinaryIO = path.open("r+b" if path.exists() else "w+b")
        try:
            self._go_on()
        except BaseException:
            self._stream.close()
            raise

    def _go_on(self) -> None:
        """Learn which files the table has, and cut off half a line."""
        whole = 0
        known = array("Q")
        for line in self._stream:
            if not line.endswith(b"\n"):
                _demand_half_an_entry(line)
                break
            whole += len(line)
            known.append(_mark(_path_of(line)))
        self._known = array("Q", sorted(known))
        self._stream.truncate(whole)
        self._stream.seek(whole)

    def holds(self, path: str) -> bool:
        mark = _mark(path)
        place = bisect_left(self._known, mark)
        return place < len(self._known) and self._known[place] == mark

    def add(self, lines: Sequence[str]) -> None:
        self._stream.write("".join(f"{line}\n" for line in lines).encode())
        self._stream.flush()

    def lines(self) -> Iterator[str]:
        self._stream.flush()
        with self._path.open(encoding="utf-8", newline="\n") as stream:
            yield from stream

    def close(self) -> None:
        self._stream.close()


class Sqlite:
    """The table `files` with a column for what is asked most and `entry` with everything, and the table `fields`."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        try:
            self._begin()
        except BaseException:
            self._base.close()
            raise

    def _begin(self) -> None:
        if self._base.execute("SELECT 1 FROM sqlite_master").fetchone() is not None:
            self._base.execute("SELECT path, entry FROM files LIMIT 0")  # fails where the database is another program's
        own = "path TEXT PRIMARY KEY, status TEXT, dialect TEXT, carrier TEXT, width INTEGER, height INTEGER"
        columns = ", ".join(COLUMNS)
        self._base.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            f"CREATE TABLE IF NOT EXISTS files ({own}, {columns}, entry TEXT) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS fields (path TEXT, key TEXT, raw TEXT, status TEXT);"
            "CREATE INDEX IF NOT EXISTS fields_by_key ON fields (key, raw);"
        )

    def holds(self, path: str) -> bool:
        found = self._base.execute("SELECT 1 FROM files WHERE path = ?", (_storable(path),))
        return found.fetchone() is not None

    def add(self, lines: Sequence[str]) -> None:
        entries = [(json.loads(line), line) for line in lines]
        places = ", ".join("?" * (len(OWN) + len(COLUMNS) + 1))
        self._base.execute("BEGIN")
        self._base.executemany(f"INSERT OR REPLACE INTO files VALUES ({places})", [_columns(*item) for item in entries])
        self._base.executemany(
            "INSERT INTO fields VALUES (?, ?, ?, ?)", [row for item, _ in entries for row in _fields(item)]
        )
        self._base.execute("COMMIT")

    def lines(self) -> Iterator[str]:
        yield from (str(row[0]) for row in self._base.execute("SELECT entry FROM files"))

    def close(self) -> None:
        self._base.close()


def _path_of(line: bytes) -> str:
    """The file that an entry is about. Raises ValueError, KeyError or TypeError where the line is none."""
    entry = json.loads(line)
    if not isinstance(entry["values"], dict):
        raise TypeError("values without names")
    return str(entry["path"])


def _demand_half_an_entry(line: bytes) -> None:
    """Raises ValueError where this is no beginning of an entry: then it is not ours to cut off."""
    if not (line.startswith(BEGINNING) or BEGINNING.startswith(line)):
        raise ValueError("a line of something else")


def _columns(entry: Row, line: str) -> tuple[object, ...]:
    values = entry["values"]
    own = tuple(_storable(entry[name]) for name in OWN)
    wanted = tuple(values.get(path) if isinstance(values, dict) else None for path in COLUMNS.values())
    return (*own, *(_storable(value) for value in wanted), line)


def _fields(entry: Row) -> Iterator[tuple[object, ...]]:
    fields = entry["fields"]
    for field in fields if isinstance(fields, list) else []:
        yield tuple(map(_storable, (entry["path"], field["key"], field["raw"], field["status"])))


def _storable(value: object) -> object:
    """SQLite's integers have 64 bits, and its texts no lone surrogates: these are kept spelled out."""
    if isinstance(value, int) and abs(value) >= 2**63:
        return str(value)
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _mark(path: str) -> int:
    return int.from_bytes(blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
