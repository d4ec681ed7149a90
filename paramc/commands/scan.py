"""`paramc scan`: the settings of every picture in folders, as a table to search."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from paramc.archive.entry import Reading, Status
from paramc.archive.query import Condition, Search, parse_query
from paramc.archive.scan import STORES, Tally, entries, fill, open_store, scan
from paramc.archive.store import Store
from paramc.archive.walk import walk
from paramc.commands.outcome import ERRORS_FOUND, EVERYTHING, FINE, Outcome, Said
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import about, grammar_folders
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.diagnostics.render import escaped
from paramc.presentation.console import Console
from paramc.presentation.layout import tally
from paramc.presentation.progress import Progress

STATUSES: Final[dict[Status, str]] = {
    "read": "",
    "damaged": "settings with errors",
    "unknown": "in no known dialect",
    "none": "no settings",
    "failed": "no readable file",
}


def run(arguments: Arguments, console: Console) -> Outcome:
    """Counts of what was met, or the files that fit the query."""
    with about(None):
        conditions = () if arguments.find is None else parse_query(arguments.find)
        table = _table(arguments)
        if table is not None:
            with closing(open_store(table)) as known:
                search = Search(conditions)
                return _found(_fitting(known, search), search, ())
        store = None if arguments.to is None else open_store(Path(arguments.to), anew=arguments.force)
    for folder in arguments.folders:
        if not os.path.exists(folder):  # noqa: PTH110  # Path raises for names that are too long
            raise UsageError(f"there is no folder `{folder}`")
    try:
        return _scanned(arguments, console, store, conditions)
    finally:
        if store is not None:
            store.close()


def _table(arguments: Arguments) -> Path | None:
    """The table to be searched, when that is what the only argument names."""
    first = Path(arguments.folders[0])
    alone = len(arguments.folders) == 1 and arguments.find is not None and arguments.to is None
    return first if alone and first.suffix.lower() in STORES and os.path.isfile(first) else None  # noqa: PTH113


def _scanned(arguments: Arguments, console: Console, store: Store | None, conditions: tuple[Condition, ...]) -> Outcome:
    problems: list[Diagnostic] = []
    met = Tally()
    reading = Reading(
        arguments.dialect, arguments.family, arguments.strict, arguments.hidden, grammar_folders(arguments)
    )
    total = None if console.errors.columns is None else sum(1 for _ in _new(arguments, store, Tally(), []))
    progress = Progress(total, console.errors, console.notify)
    answers = scan(_new(arguments, store, met, problems), reading, arguments.jobs)
    fitting: list[dict[str, object]] = []
    search = Search(conditions)
    with closing(answers if store is None else fill(store, answers)) as read:
        for answer in read:
            met.take(answer)
            if store is None and conditions and search.fits(entry := json.loads(answer.line)):
                fitting.append(entry)
            progress.step()
    progress.end()
    problems += [diagnose("PC824", name=path, reason=reason) for path, reason in met.failures]
    if conditions:
        return _found(fitting if store is None else _fitting(store, search), search, tuple(problems))
    return _summary(met, tuple(problems))


def _new(arguments: Arguments, store: Store | None, met: Tally, problems: list[Diagnostic]) -> Iterator[str]:
    """The files that the table does not have yet; folders that cannot be read are noted."""
    for path in walk(arguments.folders, lambda name, why: problems.append(diagnose("PC822", name=name, reason=why))):
        if store is not None and store.holds(path):
            met.known += 1
        else:
            yield path


def _fitting(store: Store, search: Search) -> Iterator[dict[str, object]]:
    return (entry for entry in entries(store) if search.fits(entry))


def _found(fitting: Iterable[dict[str, object]], search: Search, problems: tuple[Diagnostic, ...]) -> Outcome:
    found = list(fitting)
    problems += search.unmet()
    text = "".join(f"{escaped(str(entry['path']))}\n" for entry in found)
    return Outcome(text, found, (Said(problems, shown=EVERYTHING),), code=FINE if found else ERRORS_FOUND)


def _summary(met: Tally, problems: tuple[Diagnostic, ...]) -> Outcome:
    counts = {name: met.statuses[name] for name in STATUSES}
    lines: list[tuple[int, str, str]] = [(met.statuses[name], name, meaning) for name, meaning in STATUSES.items()]
    lines += [(count, "of them", name) for name, count in met.dialects.most_common()]
    lines += [(met.known, "known", "in the table already, not read again")] if met.known else []
    result = {"files": counts, "dialects": dict(met.dialects), "known": met.known}
    code = ERRORS_FOUND if counts["failed"] else FINE
    return Outcome(tally(lines), result, (Said(problems, shown=EVERYTHING),), code=code)
