"""Work on many files in several processes; one that dies or hangs costs the file that it was at, and no other."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

Result = TypeVar("Result")
BATCH = 32  # files handed over at once: enough to keep a process busy, few enough to keep memory flat
TOGETHER = 8  # results that come back at once
PATIENCE = 60.0  # seconds that they may take
_TICK = 1.0
_FORKS = sys.platform == "linux"  # a copy of this process has imported everything already
_HUNG, _ENDED = f"it took longer than {PATIENCE:.0f} seconds", "the process that read it ended"


class Lost(NamedTuple):
    """A file that was given up, and why."""

    path: str
    reason: str


class _Worker(NamedTuple):
    """A process, and the pipe to it."""

    process: BaseProcess
    pipe: "Connection[list[str] | None, object]"


class _Task(Generic[Result]):
    """What a process is at: the files that it has not answered yet, and when it answered last."""

    def __init__(self, worker: _Worker, paths: list[str]) -> None:
        self.worker = worker
        self.left = deque(paths)
        self.since = monotonic()
        worker.pipe.send(paths)


def each(work: Callable[[str], Result], paths: Iterable[str], jobs: int) -> Iterator[Result | Lost]:
    """What `work` gives for each path, in the order in which it is done; `work` must be picklable.

    At most `jobs` batches are under way, so neither paths nor results pile up.
    """
    waiting = iter(paths)
    if jobs == 1:
        yield from (_guarded(work, path) for path in waiting)
        return
    tasks: dict[Connection[list[str] | None, object], _Task[Result]] = {}
    try:
        yield from _distributed(work, waiting, jobs, tasks)
    finally:
        for task in tasks.values():
            _end(task.worker)


def _distributed(
    work: Callable[[str], Result],
    waiting: Iterator[str],
    jobs: int,
    tasks: "dict[Connection[list[str] | None, object], _Task[Result]]",
) -> Iterator[Result | Lost]:
    returned: deque[str] = deque()  # files of a batch whose process was lost
    idle: list[_Worker] = []
    while True:
        while len(tasks) < jobs and (batch := _batch(returned, waiting)):
            worker = idle.pop() if idle else _start(work, [*tasks, *(worker.pipe for worker in idle)])
            tasks[worker.pipe] = _Task(worker, batch)
        if not tasks:
            break
        ready = wait(list(tasks), _TICK)
        for pipe in list(tasks):
            task = tasks[pipe]
            if pipe in ready:
                yield from _answers(task)
            lost = monotonic() - task.since > PATIENCE
            if lost or not task.worker.process.is_alive():
                if not lost:
                    yield from _answers(task)  # what it said before it ended
                if len(task.left) == 1:
                    yield Lost(task.left.popleft(), _HUNG if lost else _ENDED)
                returned.extend(task.left)  # each alone from now on, until the bad one shows itself
                _end(tasks.pop(pipe).worker)
            elif not task.left:
                idle.append(tasks.pop(pipe).worker)
    for worker in idle:
        _end(worker)


def _batch(returned: "deque[str]", waiting: Iterator[str]) -> list[str]:
    if returned:
        return [returned.popleft()]
    return list(islice(waiting, BATCH))


def _answers(task: "_Task[Result]") -> "Iterator[Result | Lost]":
    """All results that lie in the pipe."""
    try:
        while task.left and task.worker.pipe.poll():
            results: list[Result | Lost] = task.worker.pipe.recv()  # type: ignore[assignment]  # what `_serve` sends
            task.since = monotonic()
            for result in results:
                task.left.popleft()
                yield result
    except (EOFError, OSError):
        return


def _start(work: Callable[[str], Result], others: "Sequence[Connection[list[str] | None, object]]") -> _Worker:
    """A process, told of the pipes to the `others`: a copy of this one holds them open as well."""
    ours, theirs = Pipe()
    process: BaseProcess
    if _FORKS:
        process = get_context("fork").Process(target=_serve, args=(work, theirs, (ours, *others)), daemon=True)
    else:
        process = get_context("spawn").Process(target=_serve, args=(work, theirs, ()), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _serve(
    work: Callable[[str], Result],
    pipe: "Connection[object, list[str] | None]",
    inherited: "Sequence[Connection[list[str] | None, object]]",
) -> None:
    """The life of a process: batches in, results out, until the pipe closes, be it that the parent was killed."""
    for other in inherited:
        other.close()
    try:
        while (paths := pipe.recv()) is not None:
            for start in range(0, len(paths), TOGETHER):
                pipe.send([_guarded(work, path) for path in paths[start : start + TOGETHER]])
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _guarded(work: Callable[[str], Result], path: str) -> Result | Lost:
    try:
        return work(path)
    except Exception as error:  # the outermost frame of this file: a bug that it meets is no reason to leave the others
        return Lost(path, f"{type(error).__name__}: {error}")


def _end(worker: _Worker) -> None:
    worker.process.terminate()
    worker.process.join()
    worker.pipe.close()
