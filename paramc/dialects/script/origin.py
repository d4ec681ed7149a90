"""The settings at the end of a script, in remarks: what it was made from, and what its code said of them then.

A mark stands for a value that the code was made to say otherwise than the settings. Where the code still says it, the
settings count; what the code says anew counts instead of them.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias
from zlib import crc32

from paramc.diagnostics.model import InvalidValue, ReadError, Span
from paramc.dialects.description import Dialect
from paramc.dialects.reading import read_job
from paramc.dialects.registry import dialects, find_dialect
from paramc.dialects.script.folded import BEGINS, GOES_ON, parts_of, unfolded
from paramc.ir.control import Control, Patch
from paramc.ir.job import Job
from paramc.ir.paths import leaves, plain, value_at
from paramc.ir.places import CONTAINERS, KIND_ORDER
from paramc.ir.stages import Stage
from paramc.ir.wishes import known_paths

Item: TypeAlias = Stage | Control | Patch
KIND: Final = ".kind"
PLACE: Final = 4  # signs of a mark that stand for the path
TOGETHER: Final = (  # values that mean something side by side only
    ("prompt", "negative", "text.language", "text.emphasis", "stages.hires.prompt", "stages.hires.negative",
     "patches.extra_network"),
    ("sampling.sampler", "sampling.schedule"),
    ("stages.hires.sampler", "stages.hires.schedule"),
    ("stages.hires.size", "stages.hires.scale"),
)  # fmt: skip
_HEAD: Final = re.compile(r"# (\w+):((?: [0-9a-f]{8})*)")  # dialect and marks
_PART: Final = re.compile(rf"(?:{'|'.join(CONTAINERS)})\.\w+")  # a kind of items


class Origin(NamedTuple):
    """The text, its dialect, and the marks; for each remark of the text where it begins and ends in the script."""

    text: str
    dialect: str
    marks: frozenset[str]
    remarks: tuple[str, ...]
    places: tuple[Span, ...]

    def moved(self, spans: Iterable[Span]) -> Iterator[Span]:
        """Places in the text as places in the script; what is folded or a literal there is longer than in the text."""
        parts = tuple(parts_of(self.remarks))
        starts = [part.start for part in parts]
        for span in spans:
            first, last = (parts[bisect_right(starts, at) - 1] for at in (span.start, max(span.start, span.end - 1)))
            start, end = self.places[first.remark].start, self.places[last.remark + max(last.literal - 1, 0)].end
            if not first.literal:
                start += len(BEGINS) + span.start - first.start
            if not last.literal:
                end = self.places[last.remark].start + len(BEGINS) + span.end - last.start
            yield Span(start, end)


def origin_of(after: int, ended: Sequence[str]) -> Origin | None:
    """What the lines behind the last statement of a script say, which begin there; None where they are no settings."""
    lines = [line.rstrip("\r\n") for line in ended]
    start = next((number for number, line in enumerate(lines) if _HEAD.fullmatch(line)), None)
    if start is None:
        return None
    end = next((number for number in range(start + 1, len(lines)) if not lines[number].startswith(GOES_ON)), len(lines))
    head = _HEAD.fullmatch(lines[start])
    ends = accumulate(map(len, ended), initial=after)
    shown = [(line, Span(at, at + len(line))) for line, at in zip(lines, ends, strict=False)][end:]
    remarks, places = tuple(line for line, _ in shown if line), tuple(place for line, place in shown if line)
    text = unfolded(remarks)
    if head is None or text is None:
        return None
    marks = " ".join((head[2], *(line[len(GOES_ON) :] for line in lines[start + 1 : end])))
    return Origin(text, head[1], frozenset(marks.split()), remarks, places)


def read_origin(origin: Origin, dialect: Dialect) -> Job | None:
    """The Job of the settings, placed in the script; None where they cannot be read, or are one more script."""
    if origin.dialect not in dialects(dialect.roots):
        return None
    written = find_dialect(origin.dialect, dialect.roots)
    if written.engine == dialect.engine:
        return None
    try:
        job = read_job(origin.text, written)[0]
    except ReadError:
        return None
    spans = origin.moved(entry.span for entry in job.ledger if entry.span)
    ledger = (entry.model_copy(update={"span": next(spans)}) if entry.span else entry for entry in job.ledger)
    return job.model_copy(update={"ledger": tuple(ledger)})


def marks_of(settings: Job, code: Job) -> Iterator[str]:
    """A mark for each value of which the code says something else than the settings."""
    code = _placed(code, settings)
    asked, said = _values(settings, code), _values(code, settings)
    return (_mark(path, said) for path in dict.fromkeys((*asked, *said)) if asked.get(path) != said.get(path))


def merged(settings: Job, code: Job, marks: Collection[str]) -> Job:
    """The settings, with all that the code says otherwise now than when it was made of them."""
    code = _placed(code, settings)
    asked, said = _values(settings, code), _values(code, settings)
    now = {path: _mark(path, said) for path in (*asked, *said) if asked.get(path) != said.get(path)}
    anew = dict.fromkeys(path for path, mark in now.items() if mark not in marks)
    gone = {mark[:PLACE] for mark in marks} - {mark[:PLACE] for mark in now.values()}
    if gone:
        anew |= dict.fromkeys(path for path in _paths() if _sum(path) in gone)
    for group in TOGETHER:
        if any(path in group or _part(path) in group for path in anew):
            anew |= dict.fromkeys(group)
    whole = {_owner(path) for path in anew if path.endswith(KIND) or path == _part(path)}
    job = settings
    for owner in sorted(whole):
        job = _with_owner(job, code, owner)
    for path in anew:
        if _owner(path) not in whole and value_at(job, path) != value_at(code, path):
            job = _with_value(job, code, path)
    return job


def _placed(code: Job, settings: Job) -> Job:
    """The code with the seed of the picture that the settings are of: it begins with the batch's first."""
    place, noise = settings.batch.place, code.noise
    if not place or noise.seed is None:
        return code
    return code.model_copy(update={"noise": noise.model_copy(update={"seed": noise.seed + place})})


def _values(job: Job, other: Job) -> dict[str, object]:
    """Every value that is not its field's default; a kind of items that the other job has none of is one value."""
    found: dict[str, object] = {}
    for path, value in leaves(job):
        part = _part(path)
        if part and not _items(other, part):
            found[part] = _items(job, part)
        else:
            found[path] = value
    return found


def _mark(path: str, said: Mapping[str, object]) -> str:
    """A sum of the path, and one of the value."""
    return _sum(path) + _sum(plain(said[path]) if path in said else "")


def _sum(text: str) -> str:
    return f"{crc32(text.encode('utf-8', 'surrogatepass')) & 0xFFFF:04x}"


def _paths() -> Iterator[str]:
    """Every path that a value may have had that is no longer there."""
    yield from known_paths()
    yield from (f"{container}.{kind}" for container in CONTAINERS for kind in KIND_ORDER)


def _part(path: str) -> str:
    """The kind of items that a path goes through, empty for none."""
    found = _PART.match(path)
    return found[0] if found else ""


def _owner(path: str) -> str:
    """What is taken as a whole where its kind is another."""
    return _part(path) or path.partition(".")[0]


def _items(job: Job, part: str) -> tuple[Item, ...]:
    container, _, kind = part.partition(".")
    return tuple(item for item in job.__dict__[container] if item.kind == kind)


def _with_owner(job: Job, code: Job, owner: str) -> Job:
    """The job with the task, or the items of a kind, that the code has."""
    container, _, kind = owner.partition(".")
    if not kind:
        return job.model_copy(update={owner: code.__dict__[owner]})
    others = [item for item in job.__dict__[container] if item.kind != kind]
    items = sorted((*others, *_items(code, owner)), key=_place)
    return job.model_copy(update={container: tuple(items)})


def _place(item: Item) -> int:
    return KIND_ORDER.index(item.kind)


def _with_value(job: Job, code: Job, path: str) -> Job:
    try:
        return job.replace({path: value_at(code, path)})
    except InvalidValue:  # there is no such place beside what the settings say
        return _with_owner(job, code, _owner(path))
