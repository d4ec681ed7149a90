"""`paramc fields`: the mapping that the program's own reader makes of a settings text."""

from paramc.api import fields
from paramc.commands.outcome import Outcome, Said
from paramc.commands.parser import Arguments
from paramc.commands.sources import about, grammar_folders, open_argument
from paramc.passes.sniff import sniff
from paramc.presentation.console import Console
from paramc.presentation.layout import table


def run(arguments: Arguments, console: Console) -> Outcome:
    """Keys and values in the reader's order, its losses, defaults and corrections included."""
    source = open_argument(arguments.source, console)
    roots = grammar_folders(arguments)
    with about(source):
        found = fields(source.text, arguments.dialect or sniff(source.text, roots)[0], grammars=roots)
    rows = [(key, str(value)) for key, value in found.items()]
    return Outcome(table(("key", "value"), rows, console.output), found, (Said(source.diagnostics, source),))
