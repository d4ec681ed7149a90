"""`paramc diff`: the values in which two sources differ."""

from paramc.api import Difference, Loaded, diff
from paramc.commands.outcome import Outcome, Said
from paramc.commands.parser import Arguments
from paramc.commands.sources import load_source, open_argument
from paramc.presentation.console import Console
from paramc.presentation.layout import table

UNSET = "–"


def run(arguments: Arguments, console: Console) -> Outcome:
    """One line for each value that differs; nothing when both say the same."""
    left, right = (load_source(open_argument(word, console), arguments) for word in (arguments.left, arguments.right))
    found = diff(left.job, right.job)
    head = ("path", _name(left), _name(right))
    rows = [(item.path, item.left or UNSET, item.right or UNSET) for item in found]
    return Outcome(
        table(head, rows, console.output) if found else "",
        [_plain(item) for item in found],
        tuple(Said(loaded.diagnostics, loaded.source) for loaded in (left, right)),
        remarks="" if found else "no value differs\n",
    )


def _name(loaded: Loaded) -> str:
    return loaded.source.name


def _plain(item: Difference) -> dict[str, str | None]:
    return {"path": item.path, "left": item.left, "right": item.right}
