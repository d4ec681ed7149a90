"""`paramc prompt`: a prompt as one program reads it, in the words of another, or what a template can say."""

import os
from pathlib import Path

from paramc.api import prompt, rephrase, variants
from paramc.commands.outcome import EVERYTHING, Outcome, Said
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import about, open_argument
from paramc.diagnostics.model import Diagnostic
from paramc.presentation.console import Console
from paramc.presentation.layout import table
from paramc.source.model import Source


def run(arguments: Arguments, console: Console) -> Outcome:
    """The runs of the text, the text rewritten where another language is asked for, or the variants of a template."""
    if arguments.variants is None and (arguments.seed is not None or arguments.wildcards is not None):
        raise UsageError("--seed and --wildcards are for --variants")
    source = open_argument(arguments.source, console)
    text = source.text.removesuffix("\n")
    with about(source):
        if arguments.variants is not None:
            return _variants(text, arguments.variants, arguments, source)
        if arguments.to is None:
            reading = prompt(text, arguments.speaks)
            rows = [(f"{weight:g}", piece) for piece, weight in reading.runs()]
            found = {"runs": reading.runs(), "branches": reading.branches(), "networks": reading.networks()}
            return Outcome(table(("weight", "text"), rows, console.output), found, (Said(reading.diagnostics, source),))
        rephrased = rephrase(text, arguments.speaks, arguments.to)
    said = Said(rephrased.diagnostics, source, EVERYTHING)
    return Outcome(f"{rephrased.text}\n", {"text": rephrased.text}, (said,), laid_out=False)


def _variants(text: str, most: int, arguments: Arguments, source: Source) -> Outcome:
    """A line for each variant, in the words of another program where one is asked for."""
    told = variants(text, most, arguments.seed, _folder(arguments.wildcards))
    texts, lost = told.texts, dict[str, Diagnostic]()
    if arguments.to is not None:
        rephrased = [rephrase(one, arguments.speaks, arguments.to) for one in texts]
        texts = tuple(one.text for one in rephrased)
        lost = {item.code + item.message: _placeless(item) for one in rephrased for item in one.diagnostics}
    shown = Said((*told.diagnostics, *lost.values()), source, EVERYTHING)
    return Outcome("".join(f"{one}\n" for one in texts), {"texts": texts}, (shown,), laid_out=False, code=shown.code)


def _folder(name: str | None) -> Path | None:
    if name is None:
        return None
    if not os.path.isdir(name):  # noqa: PTH112  # Path raises for names that are too long
        raise UsageError(f"there is no folder `{name}`")
    return Path(name)


def _placeless(item: Diagnostic) -> Diagnostic:
    """Without its places, which are in a variant instead of the template."""
    from dataclasses import replace  # rarely needed

    return replace(item, labels=())
