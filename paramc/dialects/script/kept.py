"""A script that carries the settings it was made from: the text, and what was changed in its constants since."""

import ast
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, InvalidValue
from paramc.dialects.description import Dialect
from paramc.dialects.language import language_of
from paramc.dialects.reading import read_job
from paramc.dialects.registry import dialects, find_dialect
from paramc.dialects.script.respelt import Pieces, is_one_text, pieces_of, respelt
from paramc.dialects.script.tables import Meanings
from paramc.ir.control import PromptArea
from paramc.ir.job import Job
from paramc.ir.paths import replaced, value_at
from paramc.ir.prompt import Prompt

CELL = 8  # pixels, of which a script's sides are multiples


class Kept(NamedTuple):
    """A settings text in a dialect, the numbers at the top of the script by name, and the words of its prompts.

    pieces: of prompts that are one text throughout, None between two chunks.
    areas: the numbers of the places of prompts, by the prompt's number and the name of the field.
    """

    text: str
    dialect: str
    numbers: Mapping[str, int | float]
    words: Mapping[str, frozenset[str]]
    pieces: Mapping[str, Pieces]
    areas: Mapping[tuple[int, str], int | float]


def kept_settings(tree: ast.Module, meanings: Meanings) -> Kept | None:
    """What the constants of a script say; None where they hold no settings."""
    found = dict(_constants(tree))
    text, dialect = (found.get(meanings.listed("kept", name)[0]) for name in ("text", "dialect"))
    if not isinstance(text, str) or not isinstance(dialect, str):
        return None
    numbers = {name: value for name, value in found.items() if isinstance(value, int | float)}
    prompts = dict(_prompts(tree, tuple(meanings.words["kept_prompts"])))
    words = {name: frozenset(_words_below(value)) for name, value in prompts.items()}
    pieces = {name: cut for name, value in prompts.items() if (cut := pieces_of(value)) is not None}
    listed = (value for _, value in _prompts(tree, meanings.listed("kept", "areas")))
    areas = {(branch, name): number for value in listed for branch, name, number in _areas(value)}
    return Kept(text, dialect, numbers, words, pieces, areas)


def read_kept(kept: Kept, meanings: Meanings, dialect: Dialect) -> tuple[Job, tuple[Diagnostic, ...]] | None:
    """The Job of the settings, with the numbers as they stand now; None for a dialect that nobody knows."""
    if kept.dialect not in dialects(dialect.roots):
        return None
    job, said = read_job(kept.text, find_dialect(kept.dialect, dialect.roots))
    stated = frozenset(_words(kept.text))
    changed: dict[str, object] = {}
    for name, words in kept.words.items():
        place = meanings.word("kept_prompts", name) or ""
        prompt = value_at(job, place)
        pieces = kept.pieces.get(name)
        if isinstance(prompt, Prompt) and pieces is not None and is_one_text(prompt):
            language = language_of(find_dialect(job.text.language, dialect.roots))
            text = respelt(prompt, pieces, language, job.text.emphasis)
            changed |= {} if text is None else {place: text}
        elif not words <= stated:
            said = (*said, diagnose("PC708", name=name))
    changed |= {
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
    job, moved = _moved(job, kept.areas)
    return job, (*said, *moved)


def _moved(job: Job, numbers: Mapping[tuple[int, str], int | float]) -> tuple[Job, tuple[Diagnostic, ...]]:
    """The Job with numbers of the places of prompts as they stand now; of several places the first one counts."""
    patches, said = [*job.patches], list[Diagnostic]()
    areas = [(place, patch.branch) for place, patch in enumerate(patches) if isinstance(patch, PromptArea)]
    places = {branch: place for place, branch in reversed(areas)}
    for (branch, name), number in numbers.items():
        if branch in places and _differs(patches[places[branch]].__dict__.get(name), number):
            try:
                patches[places[branch]] = replaced(patches[places[branch]], name, number)
            except InvalidValue as error:
                said += error.diagnostics
    return job.model_copy(update={"patches": tuple(patches)}), tuple(said)


def _areas(value: ast.expr) -> Iterator[tuple[int, str, int | float]]:
    """What a list says of places of prompts: the prompt's number, a name, a number."""
    for branch, said in enumerate(value.elts if isinstance(value, ast.List) else ()):
        for key, told in zip(said.keys, said.values, strict=True) if isinstance(said, ast.Dict) else ():
            match key, told:
                case ast.Constant(value=str(name)), ast.Constant(value=int() | float() as number):
                    yield branch, name, number
                case _:
                    continue


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
