"""The source of a job, entry by entry, with only what changed since written anew."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from paramc.backends.wording import Said, Wording, beside_sampler
from paramc.dialects.codecs import quoted
from paramc.dialects.description import Dialect
from paramc.dialects.fields import NOTES, OPAQUE, UNIT, Field, Fields, Match, fields_of
from paramc.dialects.layout import reading
from paramc.dialects.read_infotext import SEPARATOR
from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.ir.paths import plain, value_at
from paramc.ir.places import CONTAINERS, Place, place_of
from paramc.passes.upgrade import implied_values, own_fields

BETWEEN: Final = ", "
PROMPT, NEGATIVE = -2, -1  # ranks of the prompts; those of fields are the numbers of their rows
MOST_ROUNDS: Final = 2  # of adding what is missing
LAST: Final = 1_000_000  # rank of lines after the fields
_INDEX = re.compile(r"\[(\d+)\]")


def revised(job: Job, dialect: Dialect) -> str:
    """The text that the job was read from: unchanged entries as they were spelt and in their order, changed ones
    written anew in their place, entries of values that are gone left out, new values where the program writes them."""
    revision = _Revision(job, dialect)
    for stated in job.ledger:
        if stated.span is not None:
            revision.keep_or_rewrite(stated, stated.span.end - stated.span.start)
    revision.add_prompts()
    for _ in range(MOST_ROUNDS):
        revision.add_missing()
    return "".join(line.text + line.gap for line in revision.lines)


def is_kept(stated: Stated, job: Job) -> bool:
    """Does the job still have what the entry said?"""
    return all(plain(value_at(job, path)) == read for path, read in zip(stated.paths, stated.read, strict=True))


def implied_by(job: Job, dialect: Dialect, stated: Collection[str]) -> dict[str, object]:
    """What each path would be taken for if nothing were said of it; `stated` have a field of their own."""
    return {path: rule.value for path, rule in implied_values(job, dialect, stated).items()}


def ranks_of(fields: Fields) -> dict[str, int]:
    """The place of each key in the program's own order."""
    ranks = {row.key: index for index, row in enumerate(fields.rows)}
    unit = next((index for index, row in enumerate(fields.rows) if row.kind == UNIT), 0)
    return {item.key: unit for item in fields.items} | ranks


@dataclass(slots=True)
class _Line:
    """An entry on its way into the text; `rank` is its place in the program's own order."""

    key: str
    raw: str
    rank: int
    gap: str = ""
    separator: str = SEPARATOR

    @property
    def text(self) -> str:
        return f"{self.key}{self.separator}{self.raw}" if self.key else self.raw


class _Revision:
    """The lines so far, and the paths and keys that they speak of."""

    def __init__(self, job: Job, dialect: Dialect) -> None:
        self.job, self.dialect, self.fields = job, dialect, fields_of(dialect)
        self.negative_label = reading(dialect).negative
        self.wording = Wording(job, self.fields, implied_by(job, dialect, own_fields(job)))
        self.ranks = ranks_of(self.fields)
        self.filled = {item.path for item in job.implied}
        self.own = set(own_fields(job))
        self.covered: set[str] = set()
        self.keys: set[str] = set()
        self.lines: list[_Line] = []

    def keep_or_rewrite(self, stated: Stated, width: int) -> None:
        """Append the entry as it was, or written anew where a value of it changed, or not at all."""
        match = self.fields.match(stated.key) if stated.paths and stated.key else None
        separator = SEPARATOR[: width - len(stated.key) - len(stated.raw)]
        line = _Line(stated.key, stated.raw, self._rank(stated, match), stated.gap, separator)
        self.covered.update(stated.paths)
        if not is_kept(stated, self.job):
            line.separator = SEPARATOR
            raw = self._rewritten(line, stated, match) if match else self._prompt(line.rank)
            if raw is None:
                self.covered.difference_update(stated.paths)
                self._drop(line)
                return
            line.raw = raw
        self.keys.add(line.key)
        self.lines.append(line)

    def add_prompts(self) -> None:
        """Insert prompts that the source had none of."""
        if self.job.prompt.text and "prompt" not in self.covered:
            self._insert(_Line("", self.job.prompt.text, PROMPT))
        if self.job.negative.text and "negative" not in self.covered:
            self._insert(_Line(self.negative_label, self.job.negative.text, NEGATIVE))

    def add_missing(self) -> None:
        """Insert what no entry says yet; a new field can change what another is taken for when it is left out."""
        implied = implied_by(self.job, self.dialect, self.own)
        self.wording = Wording(self.job, self.fields, implied)
        for said in [said for said in self.wording.all() if self._is_missing(said)]:
            self._insert(_Line(said.key, quoted(said.text), self.ranks[said.row.key]))
            self.covered.update(said.paths)
            self.own.add(said.paths[0])
            self.keys.add(said.key)

    def _is_missing(self, said: Said) -> bool:
        """Does the job have a value that no entry speaks of, and that would be taken for another?"""
        row = said.row
        if row.key in (NOTES, OPAQUE) or row.kind == "resources":
            return said.key not in self.keys
        if row.kind == UNIT:
            return not self._speaks_of(said.paths[0].removesuffix(".kind"))
        if all(path in self.covered for path in said.paths) or not self.wording.is_due(said):
            return False
        owner = row.places[0].owner
        is_new = bool(row.places[0].part) and not self._speaks_of(Place(owner, ()).text(said.rank))
        return is_new or any(self._is_set(place, said.rank) for place in self.wording.places(row, said.rank))

    def _insert(self, line: _Line) -> None:
        """Put a line where the program would write it: behind the last line that it comes after."""
        index = max((at for at, other in enumerate(self.lines) if other.rank <= line.rank), default=-1)
        follows = index + 1 < len(self.lines) and 0 <= self.lines[index + 1].rank < LAST
        if index < 0:
            line.gap = "\n" if line.rank < 0 and self.lines else BETWEEN if follows else line.gap
        elif self.lines[index].rank < 0 <= line.rank and follows:
            line.gap = BETWEEN
        else:
            before = self.lines[index]
            line.gap, before.gap = before.gap, "\n" if before.rank < 0 else BETWEEN
        self.lines.insert(index + 1, line)

    def _is_set(self, place: Place, rank: int) -> bool:
        """Would the value be taken for another, and was it ever filled in or changed?"""
        was_open = place.text(rank) not in self.filled and self.wording.is_default(place, rank)
        return self.wording.differs(place, rank) and not was_open

    def _drop(self, line: _Line) -> None:
        if line.gap != BETWEEN and self.lines:
            self.lines[-1].gap = line.gap

    def _rank(self, stated: Stated, match: Match | None) -> int:
        if match:
            is_tail = match.field.key == NOTES and self.lines and "\n" in self.lines[-1].gap and self.lines[-1].rank >= 0
            return LAST if is_tail else self.ranks[match.field.key]
        if stated.paths in (("prompt",), ("negative",)):
            return PROMPT if stated.paths == ("prompt",) else NEGATIVE
        return self.ranks[self.fields.unknown_before] - 1 if stated.key else LAST

    def _prompt(self, rank: int) -> str | None:
        prompt = self.job.prompt if rank == PROMPT else self.job.negative
        return prompt.text or ("" if rank == NEGATIVE and self.fields.empty_negative else None)

    def _rewritten(self, line: _Line, stated: Stated, match: Match) -> str | None:
        """The new spelling of a changed entry, None where its value is gone or no longer needs saying."""
        row = match.field
        place, rank = _located(stated.paths[0])
        if row.key in (NOTES, OPAQUE):
            pairs = value_at(self.job, stated.paths[0])
            text = dict(pairs).get(stated.key) if isinstance(pairs, tuple) else None
            return None if text is None else quoted(str(text))
        text = self._text(row, place, rank, stated, match.number)
        needed = (
            row.kind in (UNIT, "resources")
            or row.write in ("always", "part")
            or any(self.wording.differs(*_located(path)) for path in stated.paths[: row.codec.width])
        )
        if not text or not needed:
            return None
        if row.places[0].numbered and row.key_of(match.number) == stated.key:
            line.key = row.key_of(self.wording.number(place.part, rank))
        return quoted(text)

    def _text(self, row: Field, place: Place, rank: int, stated: Stated, number: int) -> str | None:
        beside = beside_sampler(place).text(rank)
        if row.kind == "sampler" and beside in stated.paths:
            joined = self.wording.joined(place, rank)
            if joined is None:
                self.covered.discard(beside)
                return self.wording.say(row, rank, number)
            return joined
        if row.kind in (UNIT, "resources", "prompt", "negative", "sampler") or row.listed:
            return self.wording.say(row, rank, number)
        values = tuple(value_at(self.job, path) for path in stated.paths[: row.codec.width])
        return row.codec.write(values if row.codec.width > 1 else values[0])

    def _speaks_of(self, path: str) -> bool:
        return any(known.startswith(f"{path}.") for known in self.covered)


def _located(path: str) -> tuple[Place, int]:
    """The place and rank that a path of the ledger names."""
    index = _INDEX.search(path) if path.startswith(CONTAINERS) else None
    return place_of(_INDEX.sub("", path, count=1) if index else path), int(index[1]) if index else 0
