"""Records of other UIs, JSON or a line of words, → Job by the table of fields of their dialect."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ReadError, Span
from paramc.dialects.description import Dialect
from paramc.dialects.fields import NUMBER, Fields, Match, fields_of
from paramc.dialects.interpret import PROMPTS, UNSAID, Entry, Interpretation
from paramc.dialects.members import Leaf, Members, read_members
from paramc.dialects.prompt import read_negative, read_prompt
from paramc.dialects.registry import find_dialect
from paramc.dialects.resources import gather_resources
from paramc.dialects.scanned import Pair
from paramc.dialects.settle import settle
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.ledger import Implied, Stated
from paramc.ir.paths import plain
from paramc.ir.places import Place, View, place_of
from paramc.tables import NOTHING, as_row, section

WORDS: Final = "words"  # the layout of a line that a grammar takes apart
PROMPT_TABLE: Final = "prompt.toml"
DIALECT: Final = place_of("producer.dialect")
LANGUAGE: Final = place_of("text.language")
SIZE: Final = place_of("size")
PROMPT, NEGATIVE = place_of("prompt"), place_of("negative")
FROM_ZERO: Final = Place("controls.controlnet", ("unit",))  # numbered from 0, where items are counted from 1


class Record(NamedTuple):
    """`[record]` of dialect.toml: how the text is laid out.

    `layout`: `json`, or `words` of record.lark. `embedded`: keys whose strings hold a record of their own; `split`:
    keys whose strings hold items between commas. `beside`: other texts of the file, by the key that they stand for
    where the record has none. `language`: the dialect of the prompts, where the folder has no prompt.toml of its own.
    `pictured`: the picture's own size counts where the record has none. A record without the key `needs`, or with less
    than `fewest` known members, is none. The members of what lies `inside`, by its path, count as the record's own; so
    may those of `home` where there is no such object. `unwanted` is the pattern of what in a prompt belongs into the
    negative one.
    """

    layout: str = "json"
    embedded: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    beside: Mapping[str, str] = NOTHING
    language: str = ""
    pictured: bool = False
    needs: str = ""
    fewest: int = 1
    inside: tuple[str, ...] = ()
    unwanted: str = ""
    home: str = ""

    def key(self, path: str) -> str:
        """The key of a member, wherever it lies."""
        return next((path[len(home) + 1 :] for home in self.inside if path.startswith(f"{home}.")), path)


class _Found(NamedTuple):
    """One value of the record with the pairs that it comes to; without a `leaf` it lies beside the record."""

    leaf: Leaf | None
    pairs: tuple[Pair, ...]


def read_record(
    text: str,
    dialect: Dialect,
    *,
    strict: bool = False,
    beside: Mapping[str, str] = NOTHING,
    size: tuple[int, int] | None = None,
) -> tuple[Job, tuple[Diagnostic, ...]]:
    """The Job that a record says, and what was to be said on the way. Every member of it is in the ledger.

    beside: the other texts of the same file by their keys. size: of the picture. Raises ReadError where no member is
    known, and in strict mode where the record breaks off.
    """
    fields, about = fields_of(dialect), record_of(dialect)
    members = _members(text, dialect, fields, about)
    found = [_Found(leaf, tuple(_pairs(text, leaf, about, fields))) for leaf in members.leaves]
    if not _says_enough(found, fields, about):
        raise ReadError(diagnose("PC370", title=dialect.title))
    problems = _problems(text, members)
    if strict and problems:
        raise ReadError(*problems)
    found += _beside(found, beside, about, fields)
    meaning = Interpretation(fields)
    meaning.decode([pair for item in found for pair in item.pairs])
    meaning.place()
    _renumber(meaning)
    settle(meaning, executed=False)
    implied = (*_name_dialect(meaning, dialect, about), *_picture_size(meaning, about, size))
    _read_prompts(meaning, about)
    gather_resources(meaning)
    job = meaning.draft.job()
    ledger = tuple(_ledger(text, found, members, meaning, job))
    return job.model_copy(update={"ledger": ledger, "implied": implied}), (*problems, *meaning.diagnostics)


@cache
def record_of(dialect: Dialect) -> Record:
    """`[record]` of the dialect."""
    where = f"{dialect.name}/dialect.toml"
    return as_row(section(dialect.about, "record", where), Record, where)


def language_name(dialect: Dialect) -> str:
    """The dialect whose prompt language the records of `dialect` are written in."""
    nearest = dialect.path(PROMPT_TABLE)
    if nearest and nearest.parent == dialect.folders[0]:
        return dialect.name
    return record_of(dialect).language or (nearest.parent.name if nearest else dialect.name)


def _members(text: str, dialect: Dialect, fields: Fields, about: Record) -> Members:
    if about.layout == WORDS:
        from paramc.dialects.words import read_words  # only for the few that are no JSON

        return read_words(text, dialect)
    members = read_members(text, _opener(fields, about))
    if not about.home or any(leaf.path.startswith(f"{about.home}.") for leaf in members.leaves):
        return members
    leaves = (
        leaf if fields.match(leaf.path) else leaf._replace(path=f"{about.home}.{leaf.path}") for leaf in members.leaves
    )
    return members._replace(leaves=tuple(leaves))


def _opener(fields: Fields, about: Record) -> Callable[[str], bool]:
    """Whether an object or array holds anything that the table knows."""
    known, homes = _inner_paths(fields), frozenset(way for home in about.inside for way in _ways(home))

    def opens(path: str) -> bool:
        key = about.key(path)
        return key in known or path in homes or _numberless(key) in known

    return opens


@cache
def _inner_paths(fields: Fields) -> frozenset[str]:
    """Every path that leads to a key of the table, `{n}` for the numbers of items."""
    inner = (key.rpartition(".")[0] for key in (*fields.exact, *fields.templates) if "." in key)
    return frozenset(_numberless(way) for path in inner for way in _ways(path))


def _ways(path: str) -> Iterator[str]:
    """The path itself and every path on the way to it."""
    steps = path.split(".")
    return (".".join(steps[:count]) for count in range(1, len(steps) + 1))


def _numberless(path: str) -> str:
    return NUMBER.sub("{n}", path)


def _says_enough(found: Sequence[_Found], fields: Fields, about: Record) -> bool:
    matches = (fields.match(pair.key) for item in found for pair in item.pairs)
    known = {match.field.key for match in matches if match and match.field.kind not in ("note", "opaque")}
    return len(known) >= about.fewest and (not about.needs or about.needs in known)


def _pairs(text: str, leaf: Leaf, about: Record, fields: Fields) -> Iterator[Pair]:
    """What a value comes to: one pair, or one for each member or item of its string."""
    raw = text[leaf.start : leaf.end]
    if leaf.path in about.embedded and isinstance(leaf.value, str):
        inner = read_members(leaf.value, _opener(fields, about))
        for item in inner.leaves:
            path = about.key(f"{leaf.path}.{item.path}")
            value = leaf.value[item.start : item.end] if item.whole else _text_of(item)
            yield Pair(path, raw if value else "", value, leaf.key_start, leaf.start)
    elif leaf.path in about.split and isinstance(leaf.value, str) and leaf.value:
        for number, item_text in enumerate(leaf.value.split(","), 1):
            yield Pair(f"{about.key(leaf.path)}.{number}", raw, item_text.strip(), leaf.key_start, leaf.start)
    else:
        value, key = raw if leaf.whole else _text_of(leaf), about.key(leaf.path)
        yield Pair(key, raw if _says(leaf, fields.match(key)) else "", value, leaf.key_start, leaf.start)


def _text_of(leaf: Leaf) -> str:
    return "" if leaf.value is None else str(leaf.value)


def _says(leaf: Leaf, match: Match | None) -> bool:
    """Null says nothing, and neither does an empty string unless it is a prompt."""
    if leaf.whole or leaf.value not in (None, ""):
        return True
    return leaf.value == "" and match is not None and match.field.kind in PROMPTS


def _problems(text: str, members: Members) -> tuple[Diagnostic, ...]:
    if not members.broken:
        return ()
    end = min(members.end, max(len(text) - 1, 0))
    return (diagnose("PC371", Span(end, len(text))),)


def _beside(found: Sequence[_Found], texts: Mapping[str, str], about: Record, fields: Fields) -> Iterator[_Found]:
    """The other texts of the file that the record itself says nothing instead of."""
    if not any(key in texts for key in about.beside):
        return
    said = {
        match.field.places for item in found for pair in item.pairs if pair.raw and (match := fields.match(pair.key))
    }
    for key, stands_for in about.beside.items():
        match = fields.match(stands_for)
        if key in texts and texts[key] and match and match.field.places not in said:
            yield _Found(None, (Pair(stands_for, texts[key], texts[key], 0, 0),))


def _renumber(meaning: Interpretation) -> None:
    for part, number in list(meaning.draft.parts):
        if part == FROM_ZERO.part:
            meaning.draft.put(FROM_ZERO, number, number - 1)


def _name_dialect(meaning: Interpretation, dialect: Dialect, about: Record) -> tuple[Implied, ...]:
    """The dialect of the record and the language of its prompts, which no member says."""
    own = {DIALECT: dialect.name, LANGUAGE: language_name(dialect)}
    unsaid = {place: name for place, name in own.items() if meaning.draft.get(place, 0) is None}
    for place, name in unsaid.items():
        meaning.draft.put(place, 0, name)
    return tuple(
        Implied(path=place.text(), read=plain(name), because=f"the settings are those of {dialect.title}")
        for place, name in unsaid.items()
        if name != place.value(UNSAID)
    )


def _picture_size(meaning: Interpretation, about: Record, size: tuple[int, int] | None) -> tuple[Implied, ...]:
    if size is None or not about.pictured or meaning.draft.get(SIZE, 0) is not None:
        return ()
    meaning.draft.put(SIZE, 0, Size(*size))
    return (Implied(path="size", read=plain(Size(*size)), because="it is the size of the picture"),)


def _read_prompts(meaning: Interpretation, about: Record) -> None:
    language = find_dialect(str(meaning.draft.get(LANGUAGE, 0)))
    for entry in meaning.effective():
        if entry.match and entry.match.field.kind in PROMPTS and entry.says_own and entry.value:
            place, text = entry.places[0][0], str(entry.value)
            if about.unwanted and place == PROMPT and meaning.draft.get(NEGATIVE, 0) is None:
                text, unwanted = _parted(text, about.unwanted)
                if unwanted:
                    meaning.draft.put(NEGATIVE, 0, read_negative(unwanted, language))
                    entry.places.append((NEGATIVE, 0))
            read = read_prompt if entry.match.field.kind == PROMPTS[0] else read_negative
            meaning.draft.put(place, 0, read(text, language))


def _parted(text: str, unwanted: str) -> tuple[str, str]:
    """A prompt, and what in it is not wanted; both without the white space that this leaves."""
    found = re.findall(unwanted, text)
    return (" ".join(re.sub(unwanted, " ", text).split()), " ".join(map(str.strip, found))) if found else (text, "")


def _ledger(
    text: str, found: Sequence[_Found], members: Members, meaning: Interpretation, job: Job
) -> Iterator[Stated]:
    """One entry for each value of the record, in order; its gap is what stands before the next."""
    reading = _Reading(View(job), meaning.draft.ranks())
    entries = iter(meaning.entries)
    leaves = [item.leaf for item in found if item.leaf]
    ends = iter([leaf.key_start for leaf in leaves[1:]] + [members.end])
    for item in found:
        own = [next(entries) for _ in item.pairs]
        paths, read = reading.of(own)
        problem = next((entry.problem for entry in own if entry.problem), None)
        if item.leaf is None:
            yield Stated(key=own[0].pair.key, raw=own[0].pair.raw, paths=paths, read=read, problem=problem)
            continue
        key_start, start, end = item.leaf.key_start, item.leaf.start, item.leaf.end
        yield Stated(
            key=item.leaf.path,
            raw=text[start:end],
            span=Span(key_start, end),
            paths=paths,
            read=read,
            problem=problem,
            gap=text[end : next(ends)],
        )
    if text[members.end :].strip():
        yield Stated(key="", raw=text[members.end :], span=Span(members.end, len(text)), gap="")


class _Reading:
    """The values of a job as texts, by the entries that say them."""

    def __init__(self, view: View, ranks: Mapping[tuple[str, int], int]) -> None:
        self._view, self._ranks = view, ranks
        self._texts: dict[tuple[Place, int], str] = {}

    def of(self, entries: Sequence[Entry]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The paths that some entries of one value say, and their texts; what is one item of many says itself."""
        said: dict[str, str] = {}
        for entry in entries:
            for index, (place, number) in enumerate(entry.places):
                rank = self._ranks.get((place.part, number), 0)
                item = entry.item if index == 0 else None
                said[place.text(rank)] = self._text(place, rank) if item is None else item
        return tuple(said), tuple(said.values())

    def _text(self, place: Place, rank: int) -> str:
        if (place, rank) not in self._texts:
            self._texts[place, rank] = plain(self._view.value(place, rank))
        return self._texts[place, rank]
