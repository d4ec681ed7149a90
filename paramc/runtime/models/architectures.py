"""Diffusion transformers in their authors' layouts: the rows of architectures.toml, and a file read by one of them."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, cast

from paramc.runtime.models.names import Place
from paramc.runtime.models.shapes import Shapes
from paramc.tables import NOTHING, Table, TableValue, read_table, rows

NUMBER: Final = re.compile(r"\.(\d+)(?=\.|$)")  # of a block, inside a name
LEAVES: Final = {"weight": ("weight", "scale")}  # what authors call the tensors of modules
FURTHEST: Final = 512  # places on a side; no model knows more


class Architecture(NamedTuple):
    """A row of architectures.toml, where its words are explained."""

    base: str
    model: str
    sign: str
    prefixes: Sequence[str]
    guided: str = ""
    idle: Sequence[str] = ()
    names: Mapping[str, Sequence[str]] = NOTHING
    sizes: Mapping[str, Sequence[TableValue]] = NOTHING
    roots: Mapping[str, Sequence[TableValue]] = NOTHING
    shared: Mapping[str, Sequence[str]] = NOTHING
    counts: Mapping[str, str] = NOTHING
    listed: Mapping[str, str] = NOTHING
    has: Mapping[str, str] = NOTHING
    chosen: Mapping[str, Sequence[TableValue]] = NOTHING
    when: Mapping[str, Table] = NOTHING
    lists: Mapping[str, Sequence[str]] = NOTHING
    climbs: Mapping[str, Sequence[str]] = NOTHING
    fixed: Mapping[str, TableValue] = NOTHING

    @property
    def bases(self) -> tuple[str, ...]:
        """The bases whose models are built so."""
        return (self.base, self.guided) if self.guided else (self.base,)


@cache
def architectures() -> tuple[Architecture, ...]:
    """All rows."""
    return rows(read_table(_PATH), "architectures", Architecture, _PATH.name)


def architecture_of(base: str, names: Mapping[str, object]) -> tuple[Architecture, str]:
    """How models of this base are built, and what stands before the names of a file of it."""
    [row] = [row for row in architectures() if base in row.bases]
    return row, next((prefix for prefix in row.prefixes if prefix + row.sign in names), "")


def by_authors(row: Architecture, shapes: Shapes) -> Shapes | None:
    """The shapes that a file by the names of diffusers has in its authors' layout; None for one in that layout."""
    modules: dict[str, list[str]] = {}
    for name in shapes.names:
        module, _, leaf = name.rpartition(".")
        modules.setdefault(module, []).append(leaf)
        modules[name] = [""]
    known = dict(lying_in(row.names, modules))
    if not known:
        return None
    found = {name: shapes.of(name) for name in shapes.names}
    for original, inside in known.items():
        for leaf in modules[inside[0]]:
            parts = [shapes.of(f"{module}.{leaf}" if leaf else module) for module in inside]
            shape = (sum(part[0] for part in parts), *parts[0][1:])
            found |= {f"{original}.{each}" if each else original: shape for each in LEAVES.get(leaf, (leaf,))}
    return Shapes(found)


def configuration(row: Architecture, shapes: Shapes) -> dict[str, object]:
    """The settings of diffusers' class, read off the shapes of a file."""
    config: dict[str, object] = dict(row.fixed)
    for setting, (name, dimension, by_size) in row.chosen.items():
        found = str(shapes.size(str(name), cast(int, dimension)))
        config |= {setting: cast(Table, by_size)[found]} if found in cast(Table, by_size) else {}
    for setting, (name, dimension, *over) in row.sizes.items():
        size = shapes.size(str(name), cast(int, dimension))
        config[setting] = size // cast(int, config[str(over[0])]) if over else size
    for setting, (name, dimension, *times) in row.roots.items():
        if name in shapes:
            root = min(math.isqrt(shapes.size(str(name), cast(int, dimension))), FURTHEST)
            config[setting] = root * cast(int, config[str(times[0])]) if times else root
    for setting, (name, head, heads) in row.shared.items():
        config[setting] = (shapes.size(name) // cast(int, config[head]) - cast(int, config[heads])) // 2
    config |= {setting: shapes.count(pattern) for setting, pattern in row.counts.items()}
    config |= {setting: tuple(_numbers(shapes, pattern)) for setting, pattern in row.listed.items()}
    config |= {setting: name in shapes for setting, name in row.has.items()}
    config |= {setting: tuple(config[part] for part in parts) for setting, parts in row.lists.items()}
    for setting, parts in row.climbs.items():
        numbers = range(sum(cast(int, config[part]) for part in parts))
        config[setting] = tuple(min(number, cast(int, config["_top"])) for number in numbers)
    for name, settings in row.when.items():
        config |= settings if name in shapes else {}
    return {setting: value for setting, value in config.items() if not setting.startswith("_")}


def _numbers(shapes: Shapes, pattern: str) -> Iterator[int]:
    """The numbers of the blocks that have a tensor."""
    before, after = pattern.split("{}")
    for name in shapes.names:
        number = name.removeprefix(before).removesuffix(after)
        if number.isdigit() and name == pattern.format(number):
            yield int(number)


def places(row: Architecture, name: str, shapes: Mapping[str, Sequence[int]], swapped: frozenset[str]) -> list[Place]:
    """Where a tensor of the file goes; `shapes` are those of the model, `swapped` what `scale_first` gives."""
    if name in row.names:  # a tensor without a module
        return [Place(place) for place in row.names[name]]
    module, _, leaf = name.rpartition(".")
    targets = renamed(row.names, module)
    leaf = "weight" if leaf == "scale" else leaf
    found = []
    start = 0
    for target in targets:
        place = f"{target}.{leaf}" if target else leaf
        size = shapes[place][0] if place in shapes else 0
        part = (start, start + size) if len(targets) > 1 else None
        # what keeps its name was written by diffusers, in its order
        found.append(Place(place, rows=part, swapped=target in swapped and target != module))
        start += size
    return [place for place in found if place.name in shapes]


def originals(base: str, modules: Collection[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Modules of the authors' files that diffusers calls otherwise, each with those of `modules` that lie in it."""
    for row in architectures():
        if base in row.bases:
            yield from lying_in(row.names, modules)


def lying_in(names: Mapping[str, Sequence[str]], modules: Collection[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The same for a table of names, with the number of a block left open in both."""
    for original, targets in names.items():
        for found in filter(None, map(_pattern(targets[0]).fullmatch, modules)):
            inside = tuple(_filled(target, found) for target in targets)
            if all(module in modules for module in inside):
                yield _filled(original, found), inside


def _pattern(name: str) -> re.Pattern[str]:
    escaped = re.escape(name).replace(r"\*", "(?P<kind>[^.]+)", 1).replace(r"\{\}", r"(?P<number>\d+)", 1)
    return re.compile(escaped)


def _filled(name: str, found: re.Match[str]) -> str:
    words = found.groupdict("")
    return name.replace("*", words.get("kind", "")).replace("{}", words.get("number", ""))


def renamed(names: Mapping[str, Sequence[str]], module: str) -> Sequence[str]:
    """What a module is called by diffusers: its own name, where no row says another."""
    if module in names:
        return names[module]
    kind, dot, rest = module.partition(".")
    number = NUMBER.search(module)
    numbered = NUMBER.sub(".{}", module, count=1)
    for pattern, first in ((numbered, ""), (f"*{dot}{NUMBER.sub('.{}', '.' + rest, count=1)[1:]}", kind)):
        if pattern in names:
            return [name.replace("*", first, 1).format(number[1] if number else "") for name in names[pattern]]
    return [module]


_PATH = Path(__file__).with_name("architectures.toml")
