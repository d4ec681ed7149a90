"""What the field's terms mean, and what each program calls them; the names come from the tables."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple, get_args, get_origin

from paramc.dialects.description import Dialect
from paramc.dialects.fields import Field, fields_of
from paramc.dialects.names import names_of
from paramc.dialects.registry import dialects, find_dialect
from paramc.ir.base import Model
from paramc.ir.features import feature_of, features
from paramc.ir.job import Job
from paramc.ir.paths import PROVENANCE
from paramc.ir.prompt import Prompt
from paramc.tables import as_row, read_table

KINDS: Final = frozenset({"stages", "controls", "patches"})  # tuples whose items a path names by their kind
ENGINE: Final = "infotext"  # dialects with a table of keys
BETWEEN: Final = " · "
_MARKED: Final = re.compile(r"\W+")


class Term(NamedTuple):
    """A row of terms.toml, whose head explains the columns."""

    about: str
    words: tuple[str, ...] = ()
    traps: tuple[str, ...] = ()


@cache
def terms() -> dict[str, Term]:
    """Every explained term by the path of its value."""
    path = Path(__file__).with_suffix(".toml")
    rows = read_table(path).items()
    return {name: as_row(row, Term, f"{path}: {name}") for name, row in rows}


@cache
def job_paths() -> tuple[str, ...]:
    """The path of every value of a Job and of every group of values, in field order; provenance is none."""
    return tuple(dict.fromkeys(_walk(Job, "")))


def path_of(word: str) -> str | None:
    """The path of the value that a word stands for: a path itself, a term, a name in the Job, or a program's key."""
    plain = _plain(word)
    if word in job_paths():
        return word
    called = (path for path, term in terms().items() if plain in map(_plain, term.words))
    named = (path for path in job_paths() if plain == _plain(path.rpartition(".")[2]))
    keyed = (path for key, path in _keys() if _plain(key) == plain)
    return next(chain(called, named, keyed), None) if plain else None


def meaning(path: str) -> str:
    """What the value at a path is, in a sentence."""
    term = terms().get(path)
    feature = _feature(path)
    return term.about if term else features()[feature].about if feature else ""


def keys_of(path: str) -> dict[str, tuple[str, ...]]:
    """What the programs call the value at a path: title → keys; programs that share all keys are named together."""
    titles: dict[tuple[str, ...], list[str]] = {}
    for dialect in _texts():
        keys = tuple(dict.fromkeys(row.key for row in fields_of(dialect).rows if _says(row, path)))
        if keys:
            titles.setdefault(keys, []).append(dialect.title)
    return {BETWEEN.join(named): keys for keys, named in titles.items()}


def labels_of(kind: str, identifier: str) -> dict[str, str]:
    """What the programs call a sampler or a schedule: label → titles."""
    titles: dict[str, list[str]] = {}
    for dialect in _texts():
        names = names_of(dialect)
        label = (names.sampler_labels if kind == "sampler" else names.schedule_labels).get(identifier)
        if label:
            titles.setdefault(label, []).append(dialect.title)
    return {label: BETWEEN.join(named) for label, named in titles.items()}


def _walk(model: type[Model], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name in PROVENANCE or name == "kind":
            continue
        path = f"{prefix}{name}"
        yield path
        for each in _models(field.annotation):
            kind = f".{each.model_fields['kind'].default}" if name in KINDS else ""
            is_one_value = each is Prompt or (_is_list(field.annotation) and not kind)
            if not is_one_value:
                yield f"{path}{kind}"
                yield from _walk(each, f"{path}{kind}.")


def _is_list(annotation: object) -> bool:
    return any(get_origin(part) is tuple for part in (annotation, *get_args(annotation)))


def _models(annotation: object) -> list[type[Model]]:
    """The models that an annotation is made of."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _texts() -> Iterator[Dialect]:
    found = (find_dialect(name) for name in dialects())
    return (dialect for dialect in found if dialect.engine == ENGINE and dialect.path("fields.toml"))


@cache
def _keys() -> tuple[tuple[str, str], ...]:
    """Every key of every program with the path of its value."""
    rows = (row for dialect in _texts() for row in fields_of(dialect).rows)
    return tuple((row.key, row.places[0].text()) for row in rows if row.places)


def _says(row: Field, path: str) -> bool:
    """Is the value of this key at the path, or a part of what is there?"""
    places = (*row.places, *([row.otherwise] if row.otherwise else []))
    return any(place.text() == path or place.text().startswith(f"{path}.") for place in places)


def _feature(path: str) -> str | None:
    return feature_of(path, None)


def _plain(word: str) -> str:
    return _MARKED.sub(" ", word.replace("_", " ")).strip().casefold()
