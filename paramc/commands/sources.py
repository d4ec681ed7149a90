"""From the words of the command line to sources and their Jobs."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from paramc.api import Loaded, Observer, check, load, unobserved
from paramc.api import compile as compile_job
from paramc.commands.outcome import LOUD, Refused, Said, refusal
from paramc.commands.parser import Arguments, UsageError
from paramc.diagnostics.model import Diagnostic, ParamcError, Severity
from paramc.ir.job import Job
from paramc.presentation.console import Console
from paramc.resources import GRAMMARS, TARGETS
from paramc.source.detect import STANDARD_INPUT, open_source
from paramc.source.model import LIMIT, Source
from paramc.tables import NOTHING

if TYPE_CHECKING:
    from paramc.backends.report import Artifact, Grade


class Attempt(NamedTuple):
    """What came of reading one SRC: `loaded` is None when nothing did, and `said` tells why. `path`: of a file."""

    name: str
    loaded: Loaded | None
    said: Said
    code: int
    path: str = ""


Judge: TypeAlias = Callable[[Loaded], tuple[Diagnostic, ...]]
"""What is to be said of a source."""


def everything(loaded: Loaded) -> tuple[Diagnostic, ...]:
    """All that reading and checking found."""
    return (*loaded.diagnostics, *check(loaded.job))


def attempts(
    arguments: Arguments, console: Console, shown: tuple[Severity, ...] = LOUD, judge: Judge = everything
) -> tuple[Attempt, ...]:
    """Every SRC of the command line, read and judged; one that fails does not stop the others."""
    tried = ((argument, _attempt(argument, arguments, console, judge)) for argument in arguments.sources or (None,))
    return tuple(
        attempt._replace(
            path=_path(argument), said=attempt.said._replace(shown=shown) if attempt.loaded else attempt.said
        )
        for argument, attempt in tried
    )


def open_argument(argument: str | None, console: Console, *, hidden: bool = False, limit: int | None = None) -> Source:
    """The source that an argument names, standard input for None. Raises Refused, and UsageError at a keyboard."""
    if argument is None and console.interactive:
        raise UsageError("no SRC is given, and nothing is piped in")
    with about(None):
        name = STANDARD_INPUT if argument is None else argument
        most = max(limit or 0, LIMIT)
        return open_source(name, standard_input=console.standard_input, hidden=hidden, limit=most)


def load_source(source: Source, arguments: Arguments, observe: Observer = unobserved) -> Loaded:
    """The source with its Job, read as the options ask for. Raises Refused."""
    with about(source):
        return load(
            source,
            dialect=arguments.dialect,
            strict=arguments.strict,
            grammars=grammar_folders(arguments),
            family=arguments.family,
            pick=arguments.pick,
            limit=arguments.limit,
            observe=observe,
        )


def compiled(
    job: Job,
    target: str,
    arguments: Arguments,
    *,
    options: Mapping[str, str] = NOTHING,
    at_least: "Grade | None" = None,
    observe: Observer = unobserved,
) -> "Artifact":
    """The job as a target says it, with the folders of the command line. Raises as `paramc.compile` does."""
    return compile_job(
        job,
        target,
        at_least=at_least,
        options=options,
        targets=target_folders(arguments),
        grammars=grammar_folders(arguments),
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


def model_folders(arguments: Arguments) -> list[Path]:
    """The folders with model files. Raises UsageError for one that does not exist."""
    return list(_folders(arguments.models))


def _folders(names: list[str]) -> Iterator[Path]:
    for name in names:
        if not os.path.isdir(name):  # noqa: PTH112  # Path raises for names that are too long
            raise UsageError(f"there is no folder `{name}`")
        yield Path(name)


def _attempt(argument: str | None, arguments: Arguments, console: Console, judge: Judge) -> Attempt:
    try:
        loaded = load_source(_opened(argument, arguments, console), arguments)
    except Refused as refusal:
        return Attempt(argument or STANDARD_INPUT, None, refusal.said, refusal.code)
    said = Said(judge(loaded), loaded.source)
    return Attempt(loaded.source.place, loaded, said, said.code)


def _opened(argument: str | None, arguments: Arguments, console: Console) -> Source:
    return open_argument(argument, console, hidden=arguments.hidden, limit=arguments.limit)


def _path(argument: str | None) -> str:
    """The argument where it names a file."""
    is_file = argument is not None and argument != STANDARD_INPUT and os.path.isfile(argument)  # noqa: PTH113  # as above
    return argument or "" if is_file else ""
