"""From the words of the command line to sources and their Jobs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from paramc.api import Loaded, Observer, check, load, unobserved
from paramc.commands.outcome import LOUD, Refused, Said, refusal
from paramc.commands.parser import Arguments, UsageError
from paramc.diagnostics.model import ParamcError, Severity
from paramc.presentation.console import Console
from paramc.resources import GRAMMARS, TARGETS
from paramc.source.detect import STANDARD_INPUT, open_source
from paramc.source.model import Source


class Attempt(NamedTuple):
    """What came of reading one SRC: `loaded` is None when nothing did, and `said` tells why."""

    name: str
    loaded: Loaded | None
    said: Said
    code: int


def attempts(arguments: Arguments, console: Console, shown: tuple[Severity, ...] = LOUD) -> tuple[Attempt, ...]:
    """Every SRC of the command line, read and checked; one that fails does not stop the others."""
    return tuple(_attempt(argument, arguments, console, shown) for argument in arguments.sources or (None,))


def open_argument(argument: str | None, console: Console) -> Source:
    """The source that an argument names, standard input for None. Raises Refused, and UsageError at a keyboard."""
    if argument is None and console.interactive:
        raise UsageError("no SRC is given, and nothing is piped in")
    with about(None):
        return open_source(STANDARD_INPUT if argument is None else argument, standard_input=console.standard_input)


def load_source(source: Source, arguments: Arguments, observe: Observer = unobserved) -> Loaded:
    """The source with its Job, read as the options ask for. Raises Refused."""
    with about(source):
        return load(
            source,
            dialect=arguments.dialect,
            strict=arguments.strict,
            grammars=grammar_folders(arguments),
            family=arguments.family,
            observe=observe,
        )


@contextmanager
def about(source: Source | None) -> Iterator[None]:
    """What goes wrong inside is about `source`, or about the command line. Raises Refused."""
    try:
        yield
    except ParamcError as error:
        raise refusal(error, source) from error


def grammar_folders(arguments: Arguments) -> tuple[Path, ...]:
    """The folders of dialects, the user's first. Raises UsageError for one that does not exist."""
    return (*_folders(arguments.grammars), GRAMMARS)


def target_folders(arguments: Arguments) -> tuple[Path, ...]:
    """The folders of targets, the user's first. Raises UsageError for one that does not exist."""
    return (*_folders(arguments.targets), TARGETS)


def _folders(names: list[str]) -> Iterator[Path]:
    for name in names:
        if not os.path.isdir(name):  # noqa: PTH112  # Path raises for names that are too long
            raise UsageError(f"there is no folder `{name}`")
        yield Path(name)


def _attempt(argument: str | None, arguments: Arguments, console: Console, shown: tuple[Severity, ...]) -> Attempt:
    try:
        loaded = load_source(open_argument(argument, console), arguments)
    except Refused as refusal:
        return Attempt(argument or STANDARD_INPUT, None, refusal.said, refusal.code)
    said = Said((*loaded.diagnostics, *check(loaded.job)), loaded.source, shown)
    return Attempt(loaded.source.place, loaded, said, said.code)
