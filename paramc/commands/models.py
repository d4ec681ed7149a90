"""`paramc models`: the model files at hand, found in folders, listed, and looked up by name or hash."""

import os
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from paramc.commands.outcome import EVERYTHING, Outcome, Refused, Said, not_written, refusal
from paramc.commands.outputs import make_folder
from paramc.commands.parser import Arguments, UsageError
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ParamcError
from paramc.presentation.console import Console
from paramc.presentation.layout import table

if TYPE_CHECKING:  # the runner's packages stay unloaded until a verb needs one
    from paramc.runtime.catalogue.store import Catalogue, Entry

HEAD: Final = ("kind", "family", "name", "hash", "network", "size", "path")
AUTO_V2: Final = 10  # digits of the sha256 that settings texts state of checkpoints
OF_NETWORK: Final = 12  # digits that they state of networks
PAUSE: Final = 0.2  # seconds between two lines of progress
BAR: Final = 24  # cells


def run(arguments: Arguments, console: Console) -> Outcome:
    """The counts of a scan, or the files that were asked for. Raises Refused where there are none."""
    _check(arguments)
    from paramc.runtime.catalogue.store import open_catalogue

    try:
        with open_catalogue() as catalogue:
            match arguments.what:
                case "scan":
                    return _scanned(arguments, console, catalogue)
                case "find":
                    return _found(arguments, console, catalogue)
                case "unpack":
                    return _unpacked(arguments, catalogue)
                case _:
                    return _listed(arguments, console, catalogue)
    except ParamcError as error:
        raise refusal(error) from error


def _check(arguments: Arguments) -> None:
    """Raises UsageError for names that the action does not take."""
    match arguments.what, arguments.names:
        case "list", [_, *_]:
            raise UsageError("`paramc models list` takes no name; `paramc models find NAME` looks one up")
        case "find", [] | [_, _, *_]:
            raise UsageError("`paramc models find` takes one name or hash")
        case "unpack", [] | [_] | [_, _, _, *_]:
            raise UsageError("`paramc models unpack` takes the name of a checkpoint, and a folder")
        case "unpack", [_, folder] if os.path.lexists(folder):
            raise UsageError(f"there is already something at `{folder}`")
        case _:
            pass


def _scanned(arguments: Arguments, console: Console, catalogue: "Catalogue") -> Outcome:
    from paramc.runtime.catalogue.scan import scan

    folders = [Path(name) for name in arguments.names] or list(catalogue.folders())
    if not folders:
        raise Refused(Said((diagnose("PC534"),)), 2)
    meter = Meter(console)
    try:
        result = scan(catalogue, folders, hashing=arguments.hashes, progress=meter)
    finally:
        meter.clear()
    counts = {"files": result.files, "new": result.new, "hashed": result.hashed, "gone": result.gone}
    text = ", ".join(f"{count} {what}" for what, count in counts.items())
    said = Said(result.diagnostics, shown=EVERYTHING)
    return Outcome(f"{text}\n", counts, (said,), code=said.code)


def _listed(arguments: Arguments, console: Console, catalogue: "Catalogue") -> Outcome:
    entries = [*_shipped(), *catalogue.entries()]
    return _table([item for item in entries if arguments.kind in (None, item.kind)], console)


def _found(arguments: Arguments, console: Console, catalogue: "Catalogue") -> Outcome:
    from paramc.runtime.catalogue.find import look_up

    found = look_up(catalogue, arguments.names[0], beside=_shipped())
    return _table([item for item in found if arguments.kind in (None, item.kind)], console)


def _shipped() -> "list[Entry]":
    """What comes with paramc."""
    from paramc.runtime.catalogue.scan import hashed
    from paramc.runtime.demo.shipped import shipped_entries

    return [*map(hashed, shipped_entries())]


def _unpacked(arguments: Arguments, catalogue: "Catalogue") -> Outcome:
    from paramc.ir.assets import AssetRef
    from paramc.runtime.catalogue.find import Finder
    from paramc.runtime.demo.shipped import NAME, shipped_model
    from paramc.runtime.models.checkpoint import load_checkpoint
    from paramc.runtime.models.unpacked import unpack

    name, folder = arguments.names
    asset = AssetRef(name=name, path=str(shipped_model()) if name == NAME else name)
    path = Finder(catalogue).find(asset, "checkpoint")
    place = Path(folder)
    try:
        make_folder(place.parent)
        unpack(load_checkpoint(path), place)
    except OSError as error:
        raise not_written(place, error) from error
    return Outcome(f"{folder}\n", {"folder": folder})


def _table(entries: "list[Entry]", console: Console) -> Outcome:
    rows = [_row(entry) for entry in entries]
    return Outcome(table(HEAD, rows, console.output), [_plain(entry) for entry in entries])


def _row(entry: "Entry") -> tuple[str, ...]:
    digits, network = entry.hashes.sha256[:AUTO_V2], entry.hashes.addnet[:OF_NETWORK]
    return (entry.kind, entry.identity.family, entry.name, digits, network, _size(entry.size), str(entry.path))


def _plain(entry: "Entry") -> dict[str, str | int]:
    return {
        "kind": entry.kind,
        "family": entry.identity.family,
        "name": entry.name,
        "alias": entry.alias,
        **entry.hashes._asdict(),
        "size": entry.size,
        "path": str(entry.path),
    }


def _size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


class Meter:
    """A line that tells those who watch the terminal how many bytes have been read."""

    def __init__(self, console: Console) -> None:
        self._notify = console.notify
        self._columns = console.errors.columns or 80
        self._last = 0.0

    def __call__(self, done: int, total: int, about: str) -> None:
        """Draw over the line, unless somebody could not have read it yet."""
        now = monotonic()
        if now - self._last >= PAUSE:
            self._last = now
            full = BAR * done // max(total, 1)
            line = f"[{'█' * full}{'·' * (BAR - full)}] {_size(done)} of {_size(total)} · {about}"
            self._notify(f"\r{line[: self._columns - 1]}\x1b[K")

    def clear(self) -> None:
        """Take the line away."""
        self._notify("\r\x1b[K")
