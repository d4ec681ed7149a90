"""`paramc list`: the names that paramc knows, out of the tables that it works with."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from paramc.api import PASSES
from paramc.backends.description import Target
from paramc.backends.registry import find_target, targets
from paramc.backends.report import GRADES
from paramc.commands.outcome import Outcome
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import about, grammar_folders, target_folders
from paramc.diagnostics.codes import codes
from paramc.dialects.registry import dialects, find_dialect
from paramc.ir.features import features
from paramc.ir.names import samplers, schedules
from paramc.presentation.console import Console
from paramc.presentation.layout import table
from paramc.presentation.rules import HEAD, rule_rows


class Listing(NamedTuple):
    """A table: in JSON a list of objects whose keys are the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def plain(self) -> list[dict[str, str]]:
        """The rows as JSON says them."""
        return [dict(zip(self.head, row, strict=True)) for row in self.rows]


def run(arguments: Arguments, console: Console) -> Outcome:
    """The table that was asked for, or one target's options and grades. Raises Refused for an unknown target."""
    if arguments.name is None:
        listing = _listing(arguments)
        return Outcome(table(listing.head, listing.rows, console.output), listing.plain)
    if arguments.what != "targets":
        raise UsageError(f"`paramc list {arguments.what}` takes no name; `paramc explain NAME` describes one")
    with about(None):
        target = find_target(arguments.name, target_folders(arguments))
    options, answers = _options(target), _answers(target)
    text = "\n".join(table(part.head, part.rows, console.output) for part in (options, answers) if part.rows)
    return Outcome(text, {"options": options.plain, "features": answers.plain})


def _listing(arguments: Arguments) -> Listing:
    match arguments.what:
        case "dialects":
            return _dialects(grammar_folders(arguments))
        case "targets":
            return _targets(target_folders(arguments))
        case "samplers":
            return _samplers()
        case "schedules":
            return Listing(("schedule", "title"), tuple((name, row.title) for name, row in schedules().items()))
        case "codes":
            rows = ((code, row.severity, row.name, row.message) for code, row in sorted(codes().items()))
            return Listing(("code", "severity", "name", "message"), tuple(rows))
        case "rules":
            return Listing(HEAD, rule_rows())
        case "features":
            return Listing(("feature", "meaning"), tuple((name, row.about) for name, row in features().items()))
        case _:
            return Listing(("pass",), tuple((name,) for name in PASSES))


def _samplers() -> Listing:
    rows = ((name, row.title, str(row.calls), row.draws or "none", row.automatic) for name, row in samplers().items())
    return Listing(("sampler", "title", "calls", "noise", "schedule"), tuple(rows))


def _dialects(roots: tuple[Path, ...]) -> Listing:
    found = (find_dialect(name, roots) for name in dialects(roots))
    rows = ((item.name, item.title, item.engine, _parent(item.folders)) for item in found)
    return Listing(("dialect", "title", "engine", "extends"), tuple(rows))


def _parent(lineage: tuple[Path, ...]) -> str:
    return lineage[1].name if len(lineage) > 1 else ""


def _targets(roots: tuple[Path, ...]) -> Listing:
    rows = []
    for target in (find_target(name, roots) for name in targets(roots)):
        counts = Counter(answer.grade for answer in target.answers.values())
        kept = ", ".join(f"{counts[grade]} {grade}" for grade in GRADES if counts[grade])
        rows.append((target.name, target.title, target.suffix, kept))
    return Listing(("target", "title", "suffix", "features"), tuple(rows))


def _options(target: Target) -> Listing:
    rows = (
        (name, str(option.default), ", ".join(option.choices) or option.kind, option.about)
        for name, option in target.options.items()
    )
    return Listing(("option", "default", "values", "meaning"), tuple(rows))


def _answers(target: Target) -> Listing:
    rows = ((name, answer.grade, answer.code, answer.why) for name, answer in target.answers.items())
    return Listing(("feature", "grade", "code", "why"), tuple(rows))
