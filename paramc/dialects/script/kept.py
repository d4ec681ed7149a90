"""A script that carries the settings it was made from: the text, and what was changed in its constants since."""

import ast
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, InvalidValue
from paramc.dialects.description import Dialect
from paramc.dialects.reading import read_job
from paramc.dialects.registry import dialects, find_dialect
from paramc.dialects.script.tables import Meanings
from paramc.ir.job import Job
from paramc.ir.paths import value_at

CELL = 8  # pixels, of which a script's sides are multiples


class Kept(NamedTuple):
    """A settings text in a dialect, the numbers at the top of the script by name, and the words of its prompts."""

    text: str
    dialect: str
    numbers: Mapping[str, int | float]
    words: Mapping[str, frozenset[str]]


def kept_settings(tree: ast.Module, meanings: Meanings) -> Kept | None:
    """What the constants of a script say; None where they hold no settings."""
    found = dict(_constants(tree))
    text, dialect = (found.get(meanings.listed("kept", name)[0]) for name in ("text", "dialect"))
    if not isinstance(text, str) or not isinstance(dialect, str):
        return None
    numbers = {name: value for name, value in found.items() if isinstance(value, int | float)}
    words = {name: frozenset(_words_below(value)) for name, value in _prompts(tree, meanings.listed("kept", "prompts"))}
    return Kept(text, dialect, numbers, words)


def read_kept(kept: Kept, meanings: Meanings, dialect: Dialect) -> tuple[Job, tuple[Diagnostic, ...]] | None:
    """The Job of the settings, with the numbers as they stand now; None for a dialect that nobody knows."""
    if kept.dialect not in dialects(dialect.roots):
        return None
    job, said = read_job(kept.text, find_dialect(kept.dialect, dialect.roots))
    stated = frozenset(_words(kept.text))
    said = (*said, *(diagnose("PC708", name=name) for name, words in kept.words.items() if not words <= stated))
    changed: dict[str, object] = {
        path: number
        for name, number in kept.numbers.items()
        if (path := meanings.word("kept_numbers", name)) and _differs(value_at(job, path), number)
    }
    sides = [kept.numbers.get(name) for name in meanings.listed("kept", "size")]
    if job.size is not None and [max(side // CELL, 1) * CELL for side in job.size] != sides and all(sides):
        changed["size"] = f"{sides[0]}x{sides[1]}"
    for path, value in changed.items():
        try:
            job = job.replace({path: value})
        except InvalidValue as error:  # a number that no job can have stays what the settings say
            said = (*said, *error.diagnostics)
    return job, said


def _constants(tree: ast.Module) -> Iterator[tuple[str, object]]:
    """The plain values that names are given at the top level, the first of each name last."""
    for node in reversed(tree.body):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                yield name, value
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)),
            ):
                yield name, -value


def _prompts(tree: ast.Module, names: tuple[str, ...]) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in names:
                yield name, value
            case _:
                continue


def _words_below(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _words(node.value)


def _words(text: str) -> list[str]:
    """Words as a tokeniser compares them."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower())


def _differs(stated: object, number: float) -> bool:
    return isinstance(stated, int | float) and stated != number
