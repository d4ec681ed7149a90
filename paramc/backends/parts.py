"""Functions of the runner as a script prints them: parts.toml, and the parts that a piece of source speaks of."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramc.tables import read_table, rows

APART = "\n\n\n"
TOGETHER = "\n"  # constants

_CONSTANT = re.compile(r"[\w, ]+ = ")


class Part(NamedTuple):
    """A definition, and the names of the others that it needs."""

    name: str
    needs: tuple[str, ...]
    text: str


@cache
def read_parts(path: Path) -> Mapping[str, Part]:
    """The table at `path` by name, in an order in which the parts can stand in a script."""
    return {part.name: part for part in rows(read_table(path), "parts", Part, path)}


def quoted(source: str, parts: Mapping[str, Part]) -> str:
    """The parts that `source` speaks of and all that those need, two lines apart; constants stand together."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    names = {node.id for node in nodes} - {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    waiting, found = [name for name in parts if name in names], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += parts[name].needs
    return "".join(_spaced(part.text for name, part in parts.items() if name in found))


def _spaced(texts: Iterable[str]) -> Iterator[str]:
    """The texts, and what parts them."""
    last: bool | None = None
    for text in texts:
        is_constant = _CONSTANT.match(text) is not None
        if last is not None:
            yield TOGETHER if last and is_constant else APART
        yield text
        last = is_constant
