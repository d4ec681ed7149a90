"""Reading the files of folders into a table, in as many processes as there is work for."""

import gc
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from sqlite3 import DatabaseError
from typing import TypeVar

from paramc.archive.entry import Answer, Entry, Reading, answer, read_line
from paramc.archive.parquet import Parquet
from paramc.archive.pool import BATCH, Lost, each
from paramc.archive.store import JsonLines, Sqlite, Store
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import SourceError

Result = TypeVar("Result")
STORES: dict[str, Callable[[Path], Store]] = {".jsonl": JsonLines, ".sqlite": Sqlite, ".parquet": Parquet}
"""Suffix of a table → what writes it."""
FEW = 16 * BATCH  # files that one process reads before others have started
AT_ONCE = 64  # rows written together, and lost at most when the process is killed
TOLD = 50  # files that failed whose names are kept


class Tally:
    """Counts of what a scan met."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.dialects: Counter[str] = Counter()
        self.known = 0  # files that the table has already
        self.failures: list[tuple[str, str]] = []

    def take(self, found: Answer) -> None:
        """One more file."""
        self.statuses[found.status] += 1
        if found.dialect:
            self.dialects[found.dialect] += 1
        if found.status == "failed" and len(self.failures) < TOLD:
            self.failures.append((found.path, found.reason))


def scan(paths: Iterable[str], reading: Reading, jobs: int) -> Generator[Answer, None, None]:
    """The rows of all files, in the order in which they are done."""
    for found in in_parallel(partial(read_line, reading), paths, jobs):
        if isinstance(found, Lost):
            yield answer(Entry(found.path, "failed", problems=("PC824",), reason=found.reason))
        else:
            yield found


def in_parallel(work: Callable[[str], Result], paths: Iterable[str], jobs: int) -> Iterator[Result | Lost]:
    """What `work` gives for each path; in this process where there are few of them."""
    gc.enable()  # a process of a moment does without; this one may run for hours
    waiting = iter(paths)
    first = list(islice(waiting, FEW + 1))
    yield from each(work, chain(first, waiting), 1 if len(first) <= FEW else jobs or processors())


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def fill(store: Store, answers: Iterable[Answer]) -> Generator[Answer, None, None]:
    """Hand the answers on, and write them in bunches; what has come is written whatever happens."""
    waiting: list[str] = []
    try:
        for found in answers:
            waiting.append(found.line)
            if len(waiting) >= AT_ONCE:
                store.add(waiting)
                waiting = []
            yield found
    finally:
        if waiting:
            store.add(waiting)


def open_store(path: Path, *, anew: bool = False) -> Store:
    """The table at `path`, to be gone on with. Raises SourceError for a file that is none."""
    kind = STORES.get(path.suffix.lower())
    if kind is None:
        raise SourceError(diagnose("PC820", name=path, reason=f"`{path.suffix}` is no kind of table"))
    try:
        if anew:
            path.unlink(missing_ok=True)
        return kind(path)
    except OSError as error:
        raise SourceError(diagnose("PC820", name=path, reason=(error.strerror or str(error)).lower())) from error
    except (ValueError, KeyError, TypeError, DatabaseError) as error:
        raise SourceError(diagnose("PC820", name=path, reason="it is no table of a scan")) from error


def entries(store: Store) -> Iterator[dict[str, object]]:
    """Every row of a table."""
    for line in store.lines():
        entry: dict[str, object] = json.loads(line)
        yield entry
