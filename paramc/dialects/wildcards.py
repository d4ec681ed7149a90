"""Wildcards: the texts that stand behind a name in a folder of text, JSON and YAML files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.balance import read_json

LARGEST: Final = 2**24  # bytes of a file
MOST_FILES: Final = 100_000
COMMENT: Final = "#"
TREES: Final = (".yaml", ".yml")
SUFFIXES: Final = (".txt", ".json", *TREES)
ANY_FOLDER, ANY = "**", "*"


class Wildcards:
    """The texts by name. Names are looked up among those that a walk through the folder found, so that none leads out
    of it, whatever it looks like. `problems` are of files that could not be read."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.problems: list[Diagnostic] = []

    def texts(self, name: str) -> Sequence[str]:
        """The texts of every name that fits: `*` is any part of a name, `**` any folders."""
        if ANY not in name:
            return self._texts.get(name, ())
        found = (texts for known, texts in self._texts.items() if _fits(known, name))
        return [text for texts in found for text in texts]

    @cached_property
    def _texts(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, Sequence[str]] = {}
        for path in self._files() if self._folder else ():
            name = path.relative_to(self._folder or path).with_suffix("").as_posix()
            for key, texts in self._read(path, name):
                found[key] = [*found.get(key, ()), *texts]
        return found

    def _files(self) -> Iterator[Path]:
        """The files of the folder, sorted; links that lead out of it are left alone."""
        root = Path(self._folder or "").resolve()
        listed = (Path(place, file) for place, _, files in os.walk(self._folder or "") for file in files)
        known = (path for path, _ in zip(listed, range(MOST_FILES), strict=False) if path.suffix in SUFFIXES)
        return iter(sorted(path for path in known if path.resolve().is_relative_to(root)))

    def _read(self, path: Path, name: str) -> Iterator[tuple[str, Sequence[str]]]:
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError(f"it has more than {LARGEST} bytes")
            folder = name.rpartition("/")[0]
            text = path.read_bytes().decode("utf-8-sig", "replace")
            if path.suffix == ".json":
                yield from _members(read_json(text), name)
            elif path.suffix in TREES:
                from paramc.dialects.wildcard_trees import read_tree  # a grammar that few need

                lists, unknown = read_tree(text)
                if unknown:
                    self.problems.append(diagnose("PC280", name=path.name, alias=unknown))
                yield from (("/".join((folder, *keys)).lstrip("/") or name, texts) for keys, texts in lists.items())
            else:
                yield name, [line.strip() for line in text.splitlines() if _says(line)]
        except (OSError, ValueError) as error:
            self.problems.append(diagnose("PC231", name=path.name, why=error))


def _members(value: object, name: str) -> Iterator[tuple[str, Sequence[str]]]:
    """The lists of a JSON file: one at the top by the name of the file, others by their keys below its folder."""
    folder = name.rpartition("/")[0]
    waiting: list[tuple[str, object]] = [(name, value)] if isinstance(value, list) else [(folder, value)]
    while waiting:
        place, inside = waiting.pop()
        if isinstance(inside, dict):
            waiting += ((f"{place}/{key}".lstrip("/"), item) for key, item in inside.items())
        elif isinstance(inside, list):
            yield place, [str(item) for item in inside if isinstance(item, str | int | float)]
        elif isinstance(inside, str):
            yield place, [inside]


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(COMMENT)


def _fits(name: str, pattern: str) -> bool:
    """Does a name fit? Without `**`, folder by folder."""
    if ANY_FOLDER in pattern:
        return fnmatchcase(name, pattern.replace(f"{ANY_FOLDER}/", ANY).replace(ANY_FOLDER, ANY))
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
