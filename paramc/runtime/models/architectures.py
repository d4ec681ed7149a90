"""Diffusion transformers in their authors' layouts: the rows of architectures.toml, and a file read by one of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

from paramc.runtime.models.names import Place
from paramc.runtime.models.shapes import Shapes
from paramc.tables import NOTHING, Table, TableValue, read_table, rows


class Architecture(NamedTuple):
    """A row of architectures.toml, where its words are explained."""

    base: str
    model: str
    sign: str
    prefixes: Sequence[str]
    names: Mapping[str, Sequence[str]]
    sizes: Mapping[str, Sequence[TableValue]] = NOTHING
    roots: Mapping[str, Sequence[TableValue]] = NOTHING
    counts: Mapping[str, str] = NOTHING
    listed: Mapping[str, str] = NOTHING
    has: Mapping[str, str] = NOTHING
    when: Mapping[str, Table] = NOTHING
    fixed: Mapping[str, TableValue] = NOTHING


@cache
def architectures() -> tuple[Architecture, ...]:
    """All rows."""
    return rows(read_table(_PATH), "architectures", Architecture, _PATH.name)


def architecture_of(base: str, names: Mapping[str, object]) -> tuple[Architecture, str] | None:
    """The layout of a file of this base, and what stands before its names; None for one in another layout."""
    return next(
        (
            (row, prefix)
            for row in architectures()
            for prefix in row.prefixes
            if row.base == base and prefix + row.sign in names
        ),
        None,
    )


def configuration(row: Architecture, shapes: Shapes) -> dict[str, object]:
    """The settings of diffusers' class, read off the shapes of a file."""
    config: dict[str, object] = dict(row.fixed)
    for setting, (name, dimension, *over) in row.sizes.items():
        size = shapes.size(str(name), cast(int, dimension))
        config[setting] = size // cast(int, config[str(over[0])]) if over else size
    for setting, (name, dimension) in row.roots.items():
        config[setting] = math.isqrt(shapes.size(str(name), cast(int, dimension)))
    config |= {setting: shapes.count(pattern) for setting, pattern in row.counts.items()}
    config |= {setting: tuple(_numbers(shapes, pattern)) for setting, pattern in row.listed.items()}
    config |= {setting: name in shapes for setting, name in row.has.items()}
    for name, settings in row.when.items():
        config |= settings if name in shapes else {}
    return config


def _numbers(shapes: Shapes, pattern: str) -> Iterator[int]:
    """The numbers of the blocks that have a tensor."""
    before, after = pattern.split("{}")
    for name in shapes.names:
        number = name.removeprefix(before).removesuffix(after)
        if number.isdigit() and name == pattern.format(number):
            yield int(number)


def places(row: Architecture, name: str, shapes: Mapping[str, Sequence[int]], swapped: frozenset[str]) -> list[Place]:
    """Where a tensor of the file goes; `shapes` are those of the model.

    `swapped`: modules in which the scale comes before the shift, which the authors have the other way round.
    """
    module, _, leaf = name.rpartition(".")
    pieces = module.split(".")
    number = pieces[1] if len(pieces) > 1 and pieces[1].isdigit() else ""
    pattern = ".".join([pieces[0], "{}", *pieces[2:]]) if number else module
    targets = [target.format(number) for target in row.names.get(pattern, ())]
    leaf = "weight" if leaf == "scale" else leaf
    found = []
    start = 0
    for target in targets:
        place = f"{target}.{leaf}"
        size = shapes[place][0] if place in shapes else 0
        part = (start, start + size) if len(targets) > 1 else None
        found.append(Place(place, rows=part, swapped=target in swapped))
        start += size
    return [place for place in found if place.name in shapes]


_PATH = Path(__file__).with_name("architectures.toml")
