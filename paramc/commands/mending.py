"""`paramc check --fix`: suggestions carried out in the text that they are about, and nothing else changed."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from paramc.api import Loaded
from paramc.commands.outcome import Output, Said
from paramc.commands.parser import Arguments
from paramc.commands.sources import load_source
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Applicability, Diagnostic, Suggestion
from paramc.source.model import BARE, Source

ROUNDS = 10  # of looking again: what one suggestion mends can bring another to light
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # at the head of some files, a sign of their encoding


class Mended(NamedTuple):
    """A source after its suggestions, and how many were carried out; `files` is what to write in its place."""

    loaded: Loaded
    carried_out: int
    files: tuple[Output, ...] = ()
    said: tuple[Said, ...] = ()


def mended(loaded: Loaded, arguments: Arguments, judge: Callable[[Loaded], Sequence[Diagnostic]]) -> Mended:
    """The source with every suggestion carried out that is as certain as the user asks for. Raises Refused."""
    allowed: set[Applicability] = {"safe", "maybe"} if arguments.fix == "maybe" else {"safe"}
    count = 0
    for _ in range(ROUNDS):
        due = _apart(item.suggestion for item in judge(loaded) if item.suggestion)
        due = [suggestion for suggestion in due if suggestion.applicability in allowed]
        if not due:
            break
        count += len(due)
        loaded = load_source(loaded.source._replace(text=replaced(loaded.source.text, due)), arguments)
    return Mended(loaded, count)


def written(mend: Mended, before: Source, argument: str | None) -> Mended:
    """With the file to write, where the source is a text file whose every byte is known; said why, where it is not."""
    after = mend.loaded.source
    if not mend.carried_out or argument is None or not os.path.isfile(argument):  # noqa: PTH113  # Path raises for long names
        return mend
    path = Path(argument).resolve() if os.path.islink(argument) else Path(argument)  # noqa: PTH114  # a link stays one
    data = path.read_bytes()
    for head in ("", MARK):
        if before.carrier == BARE and (head + before.text).encode("utf-8", "replace") == data:
            return mend._replace(files=(Output(path, head + after.text),))
    return mend._replace(said=(Said((diagnose("PC489", name=before.name),), before),))


def replaced(text: str, suggestions: Iterable[Suggestion]) -> str:
    """The text after suggestions that do not overlap, the last place first."""
    for suggestion in sorted(suggestions, key=lambda item: item.span, reverse=True):
        text = text[: suggestion.span.start] + suggestion.replacement + text[suggestion.span.end :]
    return text


def _apart(suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    """Those that do not overlap, the first ones in the text before others; what is left waits for the next round."""
    kept: list[Suggestion] = []
    for suggestion in sorted(dict.fromkeys(suggestions), key=lambda item: item.span):
        if not kept or suggestion.span.start >= kept[-1].span.end:
            kept.append(suggestion)
    return kept
