"""Pictures that steer: what they were made of and by which preprocessor, and adapters that take them."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from paramc.dialects.script.amounts import real
from paramc.dialects.script.pictures import path_of
from paramc.dialects.script.sought import ancestors
from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.values import Made

HERE: Final = "."  # the folder that a script is run in


class Preprocessed(NamedTuple):
    """A preprocessor and its thresholds, where it has any."""

    name: str
    thresholds: tuple[float, ...] = ()


def preprocessed(picture: object, meanings: Meanings) -> Preprocessed | None:
    """What a picture that steers was made by."""
    for made in ancestors(picture):
        for name in _names(made):
            found = meanings.word("preprocessors", name)
            if found is not None:
                told = [real(item) for item in made.arguments[1:3]]
                return Preprocessed(found, tuple(item for item in told if item is not None))
    return None


def _names(made: Made) -> Iterator[str]:
    """A function by its name in a module, a class by its name alone, also where a method of it made the thing."""
    yield made.name
    yield from reversed(made.name.split("."))


def listed_in(value: object, meanings: Meanings) -> list[object]:
    """One thing or several: a list of them, or what holds a list."""
    if isinstance(value, Made) and value.name.rpartition(".")[2] in meanings.listed("several", "nets"):
        held = value.arguments[0] if value.arguments else next(iter(value.keywords.values()), None)
        return held if isinstance(held, list) else [held]
    return value if isinstance(value, list) else [value]


class Adapter(NamedTuple):
    """A model that takes a picture as a prompt, and how much that counts."""

    file: str
    weight: float


def adapters_of(calls: Iterable[Made], meanings: Meanings) -> list[Adapter]:
    """The adapters that a pipeline has in the end."""
    words = meanings.listed
    files: list[str] = []
    weights: list[object] = []
    for call in calls:
        if call.name in words("adapters", "load"):
            files += _files(call, meanings)
        elif call.name in words("adapters", "weigh") and call.arguments:
            told = call.arguments[0]
            weights = told if isinstance(told, list) else [told] * len(files)
        elif call.name in words("adapters", "clear"):
            files, weights = [], []
    told_weights = [real(weight) for weight in weights] + [None] * len(files)
    return [Adapter(file, 1.0 if it is None else it) for file, it in zip(files, told_weights, strict=False)]


def _files(call: Made, meanings: Meanings) -> Iterator[str]:
    """The files that a call was told: one or several names, each in a folder of a repository, or all in the same."""
    homes, folders, names = (
        told if isinstance(told, list) else [told]
        for told in (
            call.arguments[0] if call.arguments else None,
            call.keywords.get(meanings.listed("adapters", "folder")[0]),
            call.keywords.get(meanings.listed("adapters", "file")[0]),
        )
    )
    for number, name in enumerate(names):
        home, folder = (told[min(number, len(told) - 1)] if told else None for told in (homes, folders))
        path = path_of(home, meanings)
        parts = [part for part in (path if path != HERE else None, folder, name) if isinstance(part, str) and part]
        if path is not None:
            yield "/".join(parts)
