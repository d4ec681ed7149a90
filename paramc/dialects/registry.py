"""Finding dialects: the folders of `grammars/`, folders named by the user, and plug-ins on a miss."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from paramc.diagnostics.unknown import unknown_name
from paramc.dialects.description import Dialect
from paramc.resources import GRAMMARS
from paramc.tables import TableError, merged, read_table

ENTRY_POINTS = "paramc.dialects"
LONGEST_NAME = 100  # file systems refuse to look for much longer ones


@cache
def dialects(roots: Sequence[Path] = (GRAMMARS,)) -> tuple[str, ...]:
    """The names of all dialects under `roots`, sorted."""
    return tuple(sorted(path.parent.name for root in roots for path in root.glob("*/dialect.toml")))


@cache
def find_dialect(name: str, roots: tuple[Path, ...] = (GRAMMARS,)) -> Dialect:
    """The dialect called `name`. Raises UnknownName with the closest known name."""
    lineage: list[Path] = []
    about = None
    if not name:
        raise unknown_name("dialect", name, dialects(tuple(roots)))
    wanted: str | None = name
    while wanted:
        folder = _folder(wanted, roots)
        if folder is None:
            raise unknown_name("dialect", wanted, dialects(tuple(roots)))
        if folder in lineage:
            raise TableError(f"{folder}/dialect.toml: `extends` runs in a circle")
        lineage.append(folder)
        table = read_table(folder / "dialect.toml")
        about = merged(table, about or {})
        parent = table.get("extends")
        wanted = str(parent) if parent else None
    return Dialect(name, tuple(lineage), about or {}, roots)


def _folder(name: str, roots: Sequence[Path]) -> Path | None:
    if len(name) > LONGEST_NAME or not name.replace("_", "").replace("-", "").isalnum():
        return None
    folder = next((root / name for root in roots if (root / name / "dialect.toml").is_file()), None)
    return folder or _plugin_folder(name)


def _plugin_folder(name: str) -> Path | None:
    from importlib.metadata import entry_points  # scanned only when a name is not built in
    from importlib.resources import files

    for point in entry_points(group=ENTRY_POINTS, name=name):
        folder = Path(str(files(point.value)))
        if (folder / "dialect.toml").is_file():
            return folder
    return None
