"""The source of a job, entry by entry, with only what changed since written anew."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from paramc.backends.wording import Said, Wording, beside_sampler
from paramc.dialects.codecs import quoted
from paramc.dialects.description import Dialect
from paramc.dialects.fields import NOTES, OPAQUE, UNIT, Field, Fields, Match, fields_of
from paramc.dialects.layout import reading
from paramc.dialects.read_infotext import SEPARATOR
from paramc.ir.job import Job
from paramc.ir.ledger import Ledger, Stated
from paramc.ir.paths import plain, value_at
from paramc.ir.places import CONTAINERS, Place, View, located, place_of
from paramc.passes.upgrade import implied_values, own_fields

BETWEEN: Final = ", "
PROMPT, NEGATIVE = -2, -1  # ranks of the prompts; those of fields are the numbers of their rows
MOST_ROUNDS: Final = 2  # of adding what is missing
LAST: Final = 1_000_000  # rank of lines after the fields
TAILS: Final = frozenset(
    map(place_of, ("producer.notes", "producer.template", "producer.negative_template"))
)  # of lines


def revised(job: Job, dialect: Dialect) -> str:
    """The text that the job was read from: unchanged entries as they were spelt and in their order, changed ones
    written anew in their place, entries of values that are gone left out, new values where the program writes them."""
    revision = _Revision(job, dialect)
    for stated in job.ledger:
        if stated.span is not None:
            revision.keep_or_rewrite(stated, stated.span.end - stated.span.start)
    revision.add_prompts()
    for _ in range(MOST_ROUNDS):
        if not revision.add_missing():
            break
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
        self.view = View(job)
        self.own = set(own_fields(job))
        self.wording = Wording(self.view, self.fields, implied_by(job, dialect, self.own))
        self.ranks = ranks_of(self.fields)
        self.filled = {item.path for item in job.implied}
        self.collections = _Collections(self.view, job.ledger)
        self.covered: set[str] = set()
        self.items: set[str] = set()  # `stages.detailer[1]` for every item that an entry speaks of
        self.keys: set[str] = set()
        self.lines: list[_Line] = []

    def keep_or_rewrite(self, stated: Stated, width: int) -> None:
        """Append the entry as it was, or written anew where a value of it changed, or not at all."""
        match = self.fields.match(stated.key) if stated.paths and stated.key else None
        separator = SEPARATOR[: width - len(stated.key) - len(stated.raw)]
        line = _Line(stated.key, stated.raw, self._rank(stated, match), stated.gap, separator)
        self._cover(stated.paths)
        if not self._is_kept(stated, match):
            line.separator = SEPARATOR
            raw = self._rewritten(line, stated, match) if match else self._prompt(line.rank)
            if raw is None:
                self.covered.difference_update(stated.paths[: match.field.codec.width if match else 1])
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
            label = reading(self.dialect).negative
            self._insert(_Line(label, self.job.negative.text, NEGATIVE))

    def add_missing(self) -> bool:
        """Insert what no entry says yet. True where a field is new: others may be taken for something else then."""
        self.wording = Wording(self.view, self.fields, implied_by(self.job, self.dialect, self.own))
        missing = [said for said in self.wording.all() if self._is_missing(said)]
        for said in missing:
            self._insert(_Line(said.key, quoted(said.text), self.ranks[said.row.key]))
            self._cover(said.paths)
            self.own.add(said.paths[0])
            self.keys.add(said.key)
        return bool(missing)

    def _is_missing(self, said: Said) -> bool:
        """Does the job have a value that no entry speaks of, and that would be taken for another?"""
        row = said.row
        item = Place(row.places[0].part, ()).text(said.rank) if row.places[0].part else ""
        if row.key in (NOTES, OPAQUE) or row.kind == "resources":
            return said.key not in self.keys
        if row.kind == UNIT:
            return item not in self.items
        if all(path in self.covered for path in said.paths):
            return row.listed and said.key not in self.keys and self.collections.changed(said.paths[0])
        if not self.wording.is_due(said):
            return False
        is_new = bool(item) and item not in self.items
        places = zip(self.wording.places(row, said.rank), said.paths, strict=True)
        return is_new or any(self._is_set(place, said.rank) for place, path in places if path not in self.covered)

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

    def _drop(self, line: _Line) -> None:
        if line.gap != BETWEEN and self.lines:
            self.lines[-1].gap = line.gap

    def _cover(self, paths: Collection[str]) -> None:
        self.covered.update(paths)
        self.items.update(".".join(path.split(".", 2)[:2]) for path in paths if path.startswith(CONTAINERS))

    def _is_set(self, place: Place, rank: int) -> bool:
        """Would the value be taken for another, and was it ever filled in or changed?"""
        was_open = place.text(rank) not in self.filled and self.wording.is_default(place, rank)
        return self.wording.differs(place, rank) and not was_open

    def _is_kept(self, stated: Stated, match: Match | None) -> bool:
        if match and (match.field.key in (NOTES, OPAQUE) or match.field.listed):
            return self.collections.has(stated)
        now = (plain(self.view.at(path)) for path in stated.paths)
        return all(value == read for value, read in zip(now, stated.read, strict=True))

    def _rank(self, stated: Stated, match: Match | None) -> int:
        if match:
            before = self.lines[-1] if self.lines else None
            is_tail = match.field.places[0] in TAILS and before and before.rank >= 0 and "\n" in before.gap
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
        if row.key in (NOTES, OPAQUE):
            return self.collections.spelling(stated)
        if row.listed:
            return None  # the items are numbered anew
        place, rank = located(stated.paths[0])
        text = self._text(row, place, rank, stated, match.number)
        needed = (
            row.kind in (UNIT, "resources")
            or row.write in ("always", "part")
            or any(self.wording.differs(*located(path)) for path in stated.paths[: row.codec.width])
        )
        if not text or not needed:
            return None
        if row.places[0].numbered and row.key_of(match.number) == stated.key:
            line.key = row.key_of(self.wording.number(place.part, rank))
        return text if line.rank == LAST else quoted(text)

    def _text(self, row: Field, place: Place, rank: int, stated: Stated, number: int) -> str | None:
        beside = beside_sampler(place).text(rank)
        if row.kind == "sampler" and beside in stated.paths:
            joined = self.wording.joined(place, rank)
            if joined is None:
                self.covered.discard(beside)
                return self.wording.say(row, rank, number)
            return joined
        if row.kind in (UNIT, "resources", "prompt", "negative", "sampler"):
            return self.wording.say(row, rank, number)
        values = tuple(self.view.at(path) for path in stated.paths[: row.codec.width])
        return row.codec.write(values if row.codec.width > 1 else values[0])


@dataclass(frozen=True, slots=True)
class _Collection:
    """A value that many entries say together, as it is now. `pairs` are the texts by key where its items have keys."""

    items: frozenset[str]  # canonical texts
    pairs: Mapping[str, str]
    changed: bool


class _Collections:
    """Notes, extensions' fields and modules: each of their entries says one item."""

    def __init__(self, view: View, ledger: Ledger) -> None:
        self.view = view
        self.said: dict[str, list[str]] = {}
        for stated in ledger:
            if stated.span is not None and stated.paths:
                self.said.setdefault(stated.paths[0], []).append(stated.read[0])
        self.now: dict[str, _Collection] = {}

    def has(self, stated: Stated) -> bool:
        """Is the item of this entry still there, and a list as a whole unchanged?"""
        now = self._of(stated.paths[0])
        return stated.read[0] in now.items if now.pairs else not now.changed

    def changed(self, path: str) -> bool:
        """Are the items of a list others than those that were read?"""
        return self._of(path).changed

    def spelling(self, stated: Stated) -> str | None:
        """What the key of an entry now stands for."""
        text = self._of(stated.paths[0]).pairs.get(stated.key)
        return None if text is None else quoted(text)

    def _of(self, path: str) -> _Collection:
        if path not in self.now:
            value = self.view.at(path)
            items = value if isinstance(value, tuple) and value else (value,)
            texts = [plain(item) for item in items]
            pairs = {str(item[0]): str(item[1]) for item in items if isinstance(item, tuple) and len(item) == 2}
            self.now[path] = _Collection(frozenset(texts), pairs, texts != self.said.get(path))
        return self.now[path]
