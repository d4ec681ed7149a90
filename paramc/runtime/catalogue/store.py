"""The catalogue: which model files lie where, what they are, and their hashes; a database in the user's data folder."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, cast

from paramc.diagnostics.codes import diagnose
from paramc.ir.assets import AssetRef, Hash
from paramc.passes import resolve
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.hashes import Hashes
from paramc.runtime.catalogue.signs import Identity, Kind

VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS folders (path TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    kind TEXT NOT NULL, family TEXT NOT NULL, base TEXT NOT NULL, alias TEXT NOT NULL,
    sha256 TEXT NOT NULL DEFAULT '', autov1 TEXT NOT NULL DEFAULT '', addnet TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS by_sha256 ON files (sha256);
"""
COLUMNS: Final = "path, size, modified, kind, family, base, alias, sha256, autov1, addnet"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model file. `modified`: nanoseconds. `alias`: the name that its trainer gave it, under which prompts call it.

    Hashes are empty until they are computed; see `Hashes`.
    """

    path: Path
    size: int
    modified: int
    identity: Identity
    alias: str
    hashes: Hashes

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.identity.kind

    @property
    def name(self) -> str:
        """The name that settings texts give it."""
        return self.path.stem

    @property
    def hashed(self) -> bool:
        """Whether its hashes were computed; a folder has none."""
        return bool(self.hashes.sha256)

    def reference(self) -> AssetRef:
        """The entry as jobs name files."""
        known = (
            Hash(algorithm="sha256", hex=self.hashes.sha256),
            Hash(algorithm="autov1", hex=self.hashes.autov1),
            Hash(algorithm="addnet", hex=self.hashes.addnet),
        )
        hashes = tuple(item for item in known if item.hex)
        return AssetRef(name=self.path.name, path=str(self.path), hashes=hashes)


def home() -> Path:
    """The folder of the catalogue: `PARAMC_HOME`, else the user's data folder."""
    chosen = os.environ.get("PARAMC_HOME")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser(), "paramc")


class Catalogue:
    """An open catalogue. Every change is on disk when the call returns, so that an interrupt loses no finished work."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._read: tuple[tuple[int, int], tuple[Entry, ...]] | None = None

    def folders(self) -> tuple[Path, ...]:
        """The folders that were scanned, in order."""
        return tuple(Path(path) for (path,) in self._database.execute("SELECT path FROM folders ORDER BY path"))

    def entries(self) -> tuple[Entry, ...]:
        """All files, by path. They are read anew after a change, also by another process."""
        (others,) = self._database.execute("PRAGMA data_version").fetchone()
        state = others, self._database.total_changes
        if self._read is None or self._read[0] != state:
            rows = self._database.execute(f"SELECT {COLUMNS} FROM files ORDER BY path")
            self._read = state, tuple(_entry(row) for row in rows)
        return self._read[1]

    def entry(self, path: Path) -> Entry | None:
        """What is known of one file."""
        row = self._database.execute(f"SELECT {COLUMNS} FROM files WHERE path = ?", (str(path),)).fetchone()
        return _entry(row) if row else None

    def add_folder(self, path: Path) -> None:
        """Remember that a folder was scanned."""
        with self._database:
            self._database.execute("INSERT OR IGNORE INTO folders VALUES (?)", (str(path),))

    def put(self, entry: Entry) -> None:
        """Add a file, or replace what was known of it."""
        row = (str(entry.path), entry.size, entry.modified, *entry.identity, entry.alias, *entry.hashes)
        with self._database:
            self._database.execute(f"INSERT OR REPLACE INTO files ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", row)

    def forget(self, path: Path) -> None:
        """Take out a file that is gone."""
        with self._database:
            self._database.execute("DELETE FROM files WHERE path = ?", (str(path),))

    def known(self) -> resolve.Catalogue:
        """What `paramc.compile` takes as its catalogue."""
        entries = self.entries()
        return resolve.Catalogue(
            tuple(entry.reference() for entry in entries), {str(entry.path): entry.kind for entry in entries}
        )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue at `path`, the user's own by default; made where there is none.

    Raises ModelError (PC523) where it can be neither read nor made.
    """
    with _explained(path or Path("models.sqlite")):
        file = path or home() / "models.sqlite"
        file.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(file, timeout=30)
        if _version(database) > VERSION:
            raise ModelError(diagnose("PC523", file=file, reason="a newer version of paramc wrote it"))
        database.executescript(SCHEMA)
        database.execute(f"PRAGMA user_version = {VERSION}")
    return Catalogue(database)


def _version(database: sqlite3.Connection) -> int:
    row: tuple[int] = database.execute("PRAGMA user_version").fetchone()
    return row[0]


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, sqlite3.DatabaseError) as error:  # RuntimeError: there is no home
        raise ModelError(diagnose("PC523", file=file, reason=error)) from error


def _entry(row: tuple[str, int, int, str, str, str, str, str, str, str]) -> Entry:
    path, size, modified, kind, family, base, alias, *hashes = row
    return Entry(Path(path), size, modified, Identity(cast(Kind, kind), family, base), alias, Hashes(*hashes))
