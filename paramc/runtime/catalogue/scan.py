"""Looking through folders for model files: what is new is identified by its header, then hashed."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.hashes import Hashes, hash_file
from paramc.runtime.catalogue.header import HEADED, read_header
from paramc.runtime.catalogue.layouts import kind_by_place, suffixes
from paramc.runtime.catalogue.signs import UNKNOWN, Identity, identify
from paramc.runtime.catalogue.store import Catalogue, Entry

NO_HASHES: Final = Hashes("", "", "")
ALIAS: Final = "ss_output_name"  # where kohya's trainer puts the name that prompts use
PIPELINE: Final = "model_index.json"  # in a folder that is a model as a whole


class Progress(Protocol):
    """Is told how far the work is, in bytes."""

    def __call__(self, done: int, total: int, about: str) -> None:
        """`done` of `total` bytes; `about`: the file in hand."""
        ...


def silent(done: int, total: int, about: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan met: `files` in the folders, `new` or changed ones, `hashed` in this scan, `gone` since the last."""

    files: int
    new: int
    hashed: int
    gone: int
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A file on disk; a folder of diffusers has size 0."""

    path: Path
    size: int
    modified: int


def scan(
    catalogue: Catalogue, folders: Sequence[Path], *, hashing: bool = True, progress: Progress = silent
) -> Scanned:
    """Bring the catalogue up to date with these folders.

    Known files of the same size and time are not read again; hashes that an interrupted scan left out are made up for.
    Files that cannot be read, or are damaged, are named and left out.
    """
    said: list[Diagnostic] = []
    roots = [folder for folder in map(resolved, folders) if _usable(folder, said)]
    found = {file.path: file for root in roots for file in _files(root, said)}
    known = {entry.path: entry for entry in catalogue.entries()}
    for root in roots:
        catalogue.add_folder(root)
    gone = [path for path in known if path not in found and any(path.is_relative_to(root) for root in roots)]
    for path in gone:
        catalogue.forget(path)
    new = [file for file in found.values() if not _same(file, known.get(file.path))]
    for file in new:
        _identified(catalogue, file, said)
    waiting = [entry for entry in catalogue.entries() if entry.path in found and not entry.hashed and entry.size]
    hashed = hash_entries(catalogue, waiting, said, progress) if hashing else 0
    return Scanned(len(found), len(new), hashed, len(gone), tuple(said))


def hashed(entry: Entry) -> Entry:
    """The entry with its hashes. Raises OSError."""
    hashes = hash_file(entry.path, of_network=entry.kind in ("network", "unknown"), advance=lambda _: None)
    return replace(entry, hashes=hashes)


def hash_entries(catalogue: Catalogue, entries: Sequence[Entry], said: list[Diagnostic], progress: Progress) -> int:
    """Compute the hashes of files, storing each as it is ready. Gives how many could be read."""
    total, before, done = sum(entry.size for entry in entries), 0, 0
    for entry in entries:
        tally = _Tally(progress, total, before, entry.path.name)
        try:
            hashes = hash_file(entry.path, of_network=entry.kind in ("network", "unknown"), advance=tally.advance)
        except OSError as error:
            said.append(diagnose("PC523", file=entry.path, reason=error.strerror or error))
        else:
            catalogue.put(replace(entry, hashes=hashes))
            done += 1
        before += entry.size
    return done


@dataclass(slots=True)
class _Tally:
    """Bytes read so far, over all files."""

    progress: Progress
    total: int
    done: int
    about: str

    def advance(self, count: int) -> None:
        self.done += count
        self.progress(self.done, self.total, self.about)


def resolved(folder: Path) -> Path:
    """The folder as the catalogue names it."""
    return Path(os.path.expanduser(folder)).resolve()  # noqa: PTH111  # Path raises where there is no such user


def _usable(folder: Path, said: list[Diagnostic]) -> bool:
    if os.path.isdir(folder):  # noqa: PTH112  # Path raises for names that are too long
        return True
    said.append(diagnose("PC523", file=folder, reason="it is no folder"))
    return False


def _same(file: Found, entry: Entry | None) -> bool:
    return entry is not None and (entry.size, entry.modified) == (file.size, file.modified)


def _identified(catalogue: Catalogue, file: Found, said: list[Diagnostic]) -> None:
    """Put a file into the catalogue by what its header and its place say."""
    try:
        identity, alias = _told(file)
    except ModelError as error:
        said += error.diagnostics
        catalogue.forget(file.path)
        return
    catalogue.put(Entry(file.path, file.size, file.modified, identity, alias, NO_HASHES))


def _told(file: Found) -> tuple[Identity, str]:
    """What the file is, by its header where that tells, else by its folder; and the name that its trainer gave it."""
    if not file.size:
        return Identity("checkpoint"), ""
    by_place = Identity(kind_by_place(file.path) or "unknown")
    if file.path.suffix.lower() not in HEADED:
        return by_place, ""
    header = read_header(file.path)
    told = identify(header)
    return by_place if told == UNKNOWN else told, header.metadata.get(ALIAS, "")


def _files(root: Path, said: list[Diagnostic]) -> Iterator[Found]:
    """Model files below a folder, without walking into any folder twice: links may lead round in a circle."""
    visited: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            state = folder.stat()
            if (state.st_dev, state.st_ino) in visited:
                continue
            visited.add((state.st_dev, state.st_ino))
            with os.scandir(folder) as listing:
                items = sorted(listing, key=lambda item: item.name)
        except OSError as error:
            said.append(diagnose("PC523", file=folder, reason=error.strerror or error))
            continue
        if any(item.name == PIPELINE for item in items):
            yield Found(folder, 0, state.st_mtime_ns)
            continue
        waiting += [Path(item.path) for item in reversed(items) if _is_folder(item)]
        yield from (file for item in items if (file := _file(item, said)))


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return not item.name.startswith(".") and item.is_dir()
    except OSError:  # a link to itself; `_file` names those that look like models
        return False


def _file(item: os.DirEntry[str], said: list[Diagnostic]) -> Found | None:
    path = Path(item.path)
    if path.suffix.lower() not in suffixes() or item.name.startswith(".") or _is_folder(item):
        return None
    if not item.name.isprintable():
        said.append(diagnose("PC523", file=ascii(item.path)[1:-1], reason="its name holds characters that are no text"))
        return None
    try:
        state = item.stat()
    except OSError as error:
        said.append(diagnose("PC523", file=path, reason=error.strerror or error))
        return None
    return Found(path, state.st_size, state.st_mtime_ns) if stat.S_ISREG(state.st_mode) else None
