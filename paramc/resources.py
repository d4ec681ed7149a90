"""Where the data folders lie, the per-user cache, and writing that never leaves half a file."""

import os
import sys
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent
GRAMMARS = _ROOT / "grammars"
TARGETS = _ROOT / "targets"
RANDOM = 8  # characters behind the name of a file that is being written

TYPE_CHECKING = False  # the typing module would cost more than this one
if TYPE_CHECKING:
    from collections.abc import Iterable


@cache
def cache_folder() -> Path | None:
    """A folder of this user alone for derived data, or None where none can be written.

    `PARAMC_CACHE` names it; an empty value switches caching off.
    """
    chosen = os.environ.get("PARAMC_CACHE")
    if chosen == "":
        return None
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(chosen) if chosen else Path(base or Path.home() / ".cache", "paramc")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours = sys.platform == "win32" or folder.stat().st_uid == os.getuid()
    except (OSError, RuntimeError):  # no home, or one that cannot be written
        return None
    return folder if ours and os.access(folder, os.W_OK) else None


def remove_unfinished(files: "Iterable[Path]") -> None:
    """Take away what a process that was killed had begun to write of these files, all of one folder."""
    begun = {_begun(path): path.parent for path in files}
    for folder in set(begun.values()):
        for found in folder.glob(f".*.{'[a-z0-9_]' * RANDOM}"):
            if found.name[:-RANDOM] in begun:
                found.unlink(missing_ok=True)


def _begun(path: Path) -> str:
    """How the temporary name begins under which a file is written."""
    return f".{path.name[:100]}."


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path` under a temporary name first, so that no reader ever meets half a file.

    A file that is there already keeps its permissions.
    """
    import tempfile  # takes longer than all else here, and is needed only when something is written

    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_begun(path))
        unfinished = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            unfinished.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o644)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink()
            raise
    except OSError as error:
        error.filename = str(path)  # nobody knows the temporary name, and a full disk names no file at all
        raise
