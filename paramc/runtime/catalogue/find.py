"""Finding the file that a job means: by hash first, then by name, and never another one in silence."""

import os
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.assets import AssetRef, Hash
from paramc.passes.resolve import same_hash, stem_of
from paramc.runtime.catalogue.errors import ModelError, ModelNotFound
from paramc.runtime.catalogue.header import HEADED, read_header
from paramc.runtime.catalogue.scan import Progress, hash_entries, hashed, resolved, silent
from paramc.runtime.catalogue.signs import Kind, called, kind_called
from paramc.runtime.catalogue.store import Catalogue, Entry
from paramc.runtime.demo.shipped import NAME as DEMO

ALIKE = 4  # leading digits in common that make a hash worth naming as close


class Match(NamedTuple):
    """A file that was found, and what is to be said about it."""

    entry: Entry
    diagnostics: tuple[Diagnostic, ...] = ()


def find_model(
    catalogue: Catalogue, asset: AssetRef, kind: Kind, progress: Progress = silent, *, first: Sequence[Path] = ()
) -> Match:
    """The file of this kind that the asset names. Of several of its name, one in a folder of `first` is taken.

    Where it states a hash, files without one are hashed: those of its name first, and the others only if none of them
    is it. Raises ModelNotFound with where was looked and what comes close.
    """
    files = [entry for entry in catalogue.entries() if entry.kind in (kind, "unknown")]
    named = [entry for entry in files if _called(entry, asset)]
    found = _by_hash(catalogue, asset, files, named, progress)
    if found:
        return Match(found)
    if not named:
        raise ModelNotFound(_missing(catalogue, asset, kind, files))
    best = min(
        named,
        key=lambda entry: (_rank(entry, first), not _placed(entry, asset.name or ""), entry.kind == "unknown"),
    )
    best = catalogue.entry(best.path) or best  # with the hashes that were computed meanwhile
    return Match(best, tuple(_doubts(best, asset)))


class Finder:
    """The files of a catalogue for the runner; `said` is what was noticed while finding them.

    first: folders whose files go before others of the same name. beside: files that are at hand though they were not
    scanned, for names that nothing in the catalogue has.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        progress: Progress = silent,
        *,
        first: Sequence[Path] = (),
        beside: Sequence[Entry] = (),
    ) -> None:
        self._catalogue = catalogue
        self._progress = progress
        self._first = tuple(map(resolved, first))
        self._beside = beside
        self.said: list[Diagnostic] = []

    def find(self, asset: AssetRef, kind: Kind) -> Path:
        """The file that the asset names; one with a path of its own is that path. Raises ModelNotFound."""
        if asset.path is not None and os.path.exists(asset.path):  # noqa: PTH110  # Path raises for names that are too long
            return Path(asset.path)
        try:
            match = find_model(self._catalogue, asset, kind, self._progress, first=self._first)
        except ModelNotFound:
            known = next((entry for entry in self._beside if entry.kind == kind and _called(entry, asset)), None)
            if known is None:
                raise
            match = Match(known, tuple(_doubts(hashed(known) if asset.hashes else known, asset)))
        self.said += match.diagnostics
        return match.entry.path

    @property
    def folders(self) -> Sequence[Path]:
        """Where it looks."""
        return self._catalogue.folders()

    def of_kind(self, kind: Kind) -> Sequence[Path]:
        """All files of a kind."""
        return [entry.path for entry in self._scanned(kind)]

    def words(self) -> Sequence[tuple[str, Path]]:
        """All learned words at hand: their names in prompts, and their files."""
        shipped = (entry for entry in self._beside if entry.kind == "embedding")
        found: dict[str, Path] = {}
        for entry in (*self._scanned("embedding"), *shipped):
            found.setdefault(entry.name, entry.path)
        return list(found.items())

    def _scanned(self, kind: Kind) -> list[Entry]:
        """The catalogue's files of a kind, those of the first folders first."""
        entries = [entry for entry in self._catalogue.entries() if entry.kind == kind]
        return sorted(entries, key=lambda entry: _rank(entry, self._first))


def _rank(entry: Entry, first: Sequence[Path]) -> int:
    """The place of the first folder that the file lies in, behind all of them for other files."""
    return next((place for place, folder in enumerate(first) if entry.path.is_relative_to(folder)), len(first))


def look_up(catalogue: Catalogue, text: str, *, beside: Sequence[Entry] = ()) -> tuple[Entry, ...]:
    """Every file of that hash, by any algorithm, or else of that name. Raises ModelNotFound when there is none.

    beside: files that are at hand though they were not scanned.
    """
    hashes = _as_hashes(text)
    files = (*beside, *catalogue.entries())
    by_hash = tuple(entry for entry in files if any(_has(entry, wanted) for wanted in hashes))
    by_name = tuple(entry for entry in files if _called(entry, AssetRef(name=text)))
    if by_hash or by_name:
        return by_hash or by_name
    raise ModelNotFound(_missing(catalogue, AssetRef(name=text, hashes=hashes[:1]), "unknown", files))


def _as_hashes(text: str) -> tuple[Hash, ...]:
    digits = text.strip().lower()
    if not 8 <= len(digits) <= 64 or set(digits) - set("0123456789abcdef"):
        return ()
    return tuple(Hash(algorithm=algorithm, hex=digits) for algorithm in ("sha256", "addnet", "autov1"))


def _by_hash(
    catalogue: Catalogue, asset: AssetRef, files: Sequence[Entry], named: Sequence[Entry], progress: Progress
) -> Entry | None:
    """The first file with one of the hashes, those of the asset's name first."""
    if not asset.hashes:
        return None
    rest = [entry for entry in files if entry not in named]
    return next(
        (
            entry
            for group in (named, rest)
            for choose in (_hashed, _hashing(catalogue, progress))
            for entry in choose(group)
            if any(_has(entry, wanted) for wanted in asset.hashes)
        ),
        None,
    )


def _hashed(entries: Sequence[Entry]) -> Iterator[Entry]:
    return (entry for entry in entries if entry.hashed)


def _hashing(catalogue: Catalogue, progress: Progress) -> Callable[[Sequence[Entry]], Iterator[Entry]]:
    """Hashes files that have no hashes yet, one after the other, as far as they are asked for."""

    def choose(entries: Sequence[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if not entry.hashed and entry.size:
                hash_entries(catalogue, [entry], [], progress)
                yield catalogue.entry(entry.path) or entry

    return choose


def _has(entry: Entry, wanted: Hash) -> bool:
    return any(same_hash(wanted, known) for known in entry.reference().hashes)


def _called(entry: Entry, asset: AssetRef) -> bool:
    wanted = stem_of(asset.name or "")
    return bool(wanted) and wanted in (stem_of(entry.path.name), entry.alias.lower())


def _placed(entry: Entry, name: str) -> bool:
    """Whether the folders in a name, if there are any, are those that the file lies in."""
    folders = name.replace("\\", "/").lower().split("/")[:-1]
    return [part.lower() for part in entry.path.parts[-1 - len(folders) : -1]] == folders


def _doubts(entry: Entry, asset: AssetRef) -> Iterator[Diagnostic]:
    """What speaks against a file that was found by name."""
    known = {stated.algorithm: stated.hex for stated in entry.reference().hashes}
    other = next((wanted for wanted in asset.hashes if wanted.algorithm in known), None)
    if other is not None:
        found = known[other.algorithm][: len(other.hex)]
        yield diagnose("PC532", file=entry.path, found=found, wanted=other.hex)
    if not _placed(entry, asset.name or ""):
        yield diagnose("PC533", name=asset.name, file=entry.path)


def _missing(catalogue: Catalogue, asset: AssetRef, kind: Kind, files: Sequence[Entry]) -> Diagnostic:
    """What was looked for, where, and what comes close."""
    what = "file" if kind == "unknown" else kind.replace("_", " ")
    if not asset.name and not asset.hashes:
        return diagnose("PC540", kind=what)
    other = next((entry for entry in catalogue.entries() if _called(entry, asset)), None) if not asset.hashes else None
    if other is not None:
        return diagnose("PC525", file=other.path, found=_called_by_people(other), wanted=kind_called(kind))
    folders = catalogue.folders()
    damage = _damage(asset, folders)
    if damage is not None:
        return damage
    named = [f"called `{asset.name}`"] if asset.name else []
    wanted = " or ".join((*named, *(f"of the hash `{item.hex}`" for item in asset.hashes)))
    looked = ", ".join(map(str, folders)) or "nowhere: no folder was scanned"
    close = _close(asset, files)
    hint = f"did you mean `{close[0]}`?" if close else "`paramc models scan DIR` looks through another folder"
    if stem_of(asset.name or "") == DEMO and kind == "checkpoint":
        hint = "`--model demo` paints with the model that comes with paramc"
    notes = (f"looked for among {len(files)} files in: {looked}", *(f"close: `{name}`" for name in close[1:]))
    return diagnose("PC520", kind=what, wanted=wanted, hint=hint, notes=notes)


def _damage(asset: AssetRef, folders: Sequence[Path]) -> Diagnostic | None:
    """What is wrong with a file of the name, which is in no catalogue for it."""
    name = (asset.name or "").replace("\\", "/").rpartition("/")[2]
    for path in (folder / each for folder in folders for each in (name, *(name + suffix for suffix in sorted(HEADED)))):
        if path.suffix.lower() in HEADED and os.path.isfile(path):  # noqa: PTH113  # Path raises for names that are too long
            try:
                read_header(path)
            except ModelError as error:
                return error.diagnostics[0]
    return None


def _called_by_people(entry: Entry) -> str:
    """What a file is, in words; its header may say more than the catalogue keeps."""
    if entry.path.suffix.lower() not in HEADED:
        return kind_called(entry.kind)
    try:
        return called(read_header(entry.path), entry.kind)
    except ModelError:
        return kind_called(entry.kind)


def _close(asset: AssetRef, files: Sequence[Entry]) -> list[str]:
    """Names of files that resemble what was wanted."""
    starts = tuple(item.hex[:ALIKE].lower() for item in asset.hashes)
    by_hash = [entry.path.name for entry in files if starts and entry.hashes.sha256.startswith(starts)]
    names = {stem_of(entry.path.name): entry.path.name for entry in files}
    near = get_close_matches(stem_of(asset.name or ""), names, 3, 0.6)
    return list(dict.fromkeys((*by_hash, *(names[name] for name in near))))[:4]
