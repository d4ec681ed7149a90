"""What the pairs of a settings text mean: each value at its place, by the tables of the dialect."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.codecs import Unreadable
from paramc.dialects.fields import UNIT, Field, Fields, Match
from paramc.dialects.names import Names
from paramc.dialects.scanned import Pair
from paramc.ir.assets import AssetRef, Hash
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.names import UNKNOWN
from paramc.ir.places import Draft, Place, place_of
from paramc.ir.prompt import Prompt

FIRST_PASS_AREA: Final = 262_144  # pixels of the first pass that old A1111 computed, rounded up to multiples of 64
DEFAULT_SIZE: Final = Size(512, 512)
COUNTED: Final = frozenset({"controls.controlnet", "patches.extra_network"})  # kinds that know their number
SAMPLING: Final = (("sampling", "steps"), ("sampling", "sampler"), ("noise", "seed"))  # any of them: something was sampled
_TUPLE = re.compile(r": \([-.\d]{1,20}$")
_UNSAID = Job()


@dataclass(slots=True)
class Entry:
    """One pair on its way into the Job. `places` are the values that it sets, its own first."""

    pair: Pair
    match: Match | None
    value: object = None
    places: list[tuple[Place, int]] = field(default_factory=list)
    problem: str | None = None
    items: list[tuple[Field, object]] = field(default_factory=list)

    @property
    def number(self) -> int:
        return self.match.number if self.match else 0


@dataclass(slots=True)
class Interpretation:
    """The pairs of one text, entry by entry, and the values of the Job so far."""

    fields: Fields
    read_prompt: Callable[[str, str], Prompt]
    entries: list[Entry] = field(default_factory=list)
    draft: Draft = field(default_factory=Draft)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    founded: set[tuple[str, int]] = field(default_factory=set)
    affirmed: set[tuple[str, int]] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    extensions: dict[str, int] = field(default_factory=dict)
    lists: dict[tuple[Place, Field], dict[int, object]] = field(default_factory=dict)

    @property
    def names(self) -> Names:
        return self.fields.names

    def take(self, pairs: Sequence[Pair], *, strict: bool) -> None:
        """Put everything that `pairs` say into the draft."""
        last: dict[tuple[int, int], Entry] = {}
        for pair in pairs:
            entry = Entry(pair, self.fields.match(pair.key))
            self.entries.append(entry)
            if entry.match and not pair.dropped:
                self._decode(entry, entry.match, last)
        self._found()
        shifts = self._shifts()
        for entry in self._effective():
            self._place(entry, shifts)
        self._fill_lists()
        self._name_samplers(executed=strict)
        self._gather_resources()
        self._compute_first_pass(shifts)
        self._settle_task()

    def _decode(self, entry: Entry, match: Match, last: dict[tuple[int, int], Entry]) -> None:
        row = match.field
        if row.kind not in ("note", "opaque"):
            earlier = last.get((id(row), match.number))
            if earlier is not None:
                self._overrule(earlier, entry)
            last[id(row), match.number] = entry
        try:
            if row.kind == UNIT:
                self._decode_unit(entry)
            else:
                entry.value = _unless_empty(row.codec.read(entry.pair.value))
        except Unreadable as error:
            entry.match, entry.problem = None, f"not {error}"
            self._say("PC320", entry, value=_short(entry.pair.value), wanted=str(error))

    def _overrule(self, earlier: Entry, entry: Entry) -> None:
        earlier.match, earlier.problem = None, "said again later"
        self._say("PC324", entry)

    def _decode_unit(self, entry: Entry) -> None:
        options: list[tuple[str, str]] = []
        for name, text in _unit_items(entry.pair.value):
            row = self.fields.item_names.get(name)
            if row is None:
                options.append((name, text))
                continue
            try:
                entry.items.append((row, row.codec.read(text)))
            except Unreadable as error:
                options.append((name, text))
                self._say("PC320", entry, value=_short(text), wanted=str(error))
        if not entry.items:
            raise Unreadable("a list such as `Module: canny, Weight: 1.0`")
        entry.value = tuple(options)

    def _effective(self) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.match and not entry.pair.dropped)

    def _found(self) -> None:
        later: list[Entry] = []
        for entry in self._effective():
            match = entry.match
            row = match.field if match else None
            if row is None or entry.value is None:
                continue
            self.said.add(row.key)
            if row.kind in ("presence", "part") and entry.value is True:
                self.affirmed.add((row.key, entry.number))
            if row.founds is None or (row.kind == "part" and entry.value is not True):
                continue
            if row.otherwise:
                later.append(entry)
            else:
                self.founded.add((row.founds.text(), entry.number))
        for entry in later:
            row = entry.match.field if entry.match else None
            if row and row.founds and not self._exists(row.places[0], entry.number):
                self.founded.add((row.founds.text(), entry.number))

    def _exists(self, place: Place, number: int) -> bool:
        owner = place.owner
        if owner not in self.fields.founded:
            return True
        if place.part:
            return (owner, number) in self.founded
        return any(path.startswith(f"{owner}.") for path, _ in self.founded)

    def _shifts(self) -> dict[str, Place]:
        return {
            key: place
            for entry in self._effective()
            if entry.match
            for key, place in entry.match.field.shifts.items()
        }

    def _place(self, entry: Entry, shifts: dict[str, Place]) -> None:
        if entry.match is None:
            return
        row, number, extension = entry.match
        if row.kind == "note":
            self._collect(row.places[0], 0, entry)
        elif row.kind == "opaque":
            index = self.extensions.setdefault(extension, len(self.extensions))
            self.draft.put(Place(row.places[0].part, ("name",)), index, extension)
            self._collect(row.places[0], index, entry)
        elif row.kind != "resources":
            places = (shifts[row.key],) if row.key in shifts else row.places
            if row.otherwise and not self._exists(places[0], number):
                places = (row.otherwise,)
            self._put(entry, row, places)

    def _put(self, entry: Entry, row: Field, places: Sequence[Place]) -> None:
        number = entry.number
        if places[0].part in self.fields.numbered and not places[0].numbered:
            number = min((n for owner, n in self.founded if owner == places[0].part), default=0)
        if row.listed:
            number = 0
        if not self._exists(places[0], number):
            entry.problem = "belongs to a stage that is not there"
            self._say("PC328", entry, part=places[0].owner)
            return
        if (row.needs and (row.needs, number) not in self.affirmed) or row.unless in self.said:
            return
        if row.kind == UNIT:
            self._put_unit(entry)
            return
        entry.places = [(place, number) for place in places]
        if row.founds and entry.value is not None and not (row.otherwise and places[0] == row.places[0]):
            entry.places.append((_kind_of(row.founds), number))
        if row.listed:
            self.lists.setdefault((places[0], row), {})[entry.number] = entry.value
            return
        for place, value in zip(places, self._values(row, entry), strict=True):
            self._set(place, number, value, entry)

    def _fill_lists(self) -> None:
        for (place, _), items in self.lists.items():
            ordered = [items[number] for number in sorted(items)]
            if ordered[0] is not None:
                self.draft.put(place, 0, tuple(item for item in ordered if item))

    def _values(self, row: Field, entry: Entry) -> tuple[object, ...]:
        value = entry.value
        if row.kind in ("prompt", "negative"):
            return (self.read_prompt(row.kind, str(value)) if value else None,)
        if row.kind == "presence":
            return (None,)
        if row.kind == "part":
            place = row.places[0]
            last = place.names[-1]
            made: object = place.part.partition(".")[2] if last == "kind" else {}
            return (made if value else None,)
        if row.codec.width == 1:
            return (value,)
        return value if isinstance(value, tuple) else (None,) * row.codec.width

    def _set(self, place: Place, number: int, value: object, entry: Entry) -> None:
        known = self.draft.get(place, number)
        if place.part in COUNTED:
            self.draft.put(Place(place.part, ("unit",)), number, number)
        if value is None or known == value:
            return
        if known is not None:
            if isinstance(known, tuple) and isinstance(value, tuple) and isinstance(value[0], AssetRef):
                names = {asset.name for asset in known}
                self.draft.put(place, number, (*known, *(asset for asset in value if asset.name not in names)))
                return
            if not place.part and value == place.value(_UNSAID):
                return
            if isinstance(known, dict):
                return
            self._say("PC325", entry, value=_short(entry.pair.value))
        self.draft.put(place, number, value)

    def _put_unit(self, entry: Entry) -> None:
        number = entry.number
        part = self.fields.items[0].places[0].part
        options = Place(part, ("options",))
        self.draft.put(Place(part, ("unit",)), number, number)
        for row, value in entry.items:
            for place, single in zip(row.places, self._values(row, Entry(entry.pair, None, value)), strict=True):
                self._set(place, number, single, entry)
        if entry.value:
            self.draft.put(options, number, entry.value)
        whole = dict.fromkeys(place for row in self.fields.items for place in row.places)
        entry.places = [(place, number) for place in (*whole, Place(part, ("unit",)), options)]

    def _collect(self, place: Place, number: int, entry: Entry) -> None:
        known = self.draft.get(place, number)
        items = known if isinstance(known, list) else []
        self.draft.put(place, number, items)
        items.append((entry.pair.key, entry.pair.value))
        entry.places = [(place, number)]
        if place.part:
            entry.places += [(Place(place.part, (name,)), number) for name in ("kind", "name")]

    def _name_samplers(self, *, executed: bool) -> None:
        schedules = {
            (place, number): entry
            for entry in self.entries
            if entry.match and entry.match.field.kind == "schedule"
            for place, number in entry.places
        }
        for entry in self._effective():
            if entry.match and entry.match.field.kind == "sampler" and entry.places and entry.value is not None:
                place, number = entry.places[0]
                beside = Place(place.part, (*place.names[:-1], "schedule"))
                own = schedules.get((beside, number))
                if executed:
                    self._execute(entry, beside, own)
                else:
                    self._mean(entry, beside, own)
        for (place, number), entry in schedules.items():
            self._check_schedule(entry, self.draft.get(place, number))

    def _mean(self, entry: Entry, beside: Place, own: Entry | None) -> None:
        place, number = entry.places[0]
        pair = self.names.meant(str(entry.value))
        self.draft.put(place, number, pair.sampler)
        if pair.sampler.startswith(UNKNOWN):
            close = self.names.closest_sampler(str(entry.value))
            self._say("PC322", entry, named=_short(str(entry.value)), hint=_did_you_mean(close))
        if pair.schedule is None:
            return
        if own is None:
            self.draft.put(beside, number, pair.schedule)
            entry.places.append((beside, number))
        elif self.draft.get(beside, number) not in (pair.schedule, None):
            self._say("PC326", entry, named=_short(str(entry.value)), other=_short(own.pair.value))

    def _execute(self, entry: Entry, beside: Place, own: Entry | None) -> None:
        """As the program itself executes the pair, its own mistakes included."""
        place, number = entry.places[0]
        pair = self.names.executed(str(entry.value), own.pair.value if own else None)
        self.draft.put(place, number, self.names.table.samplers[pair.sampler])
        self.draft.put(beside, number, self.names.table.schedules[pair.schedule or self.names.table.automatic])
        if own is None:
            entry.places.append((beside, number))

    def _check_schedule(self, entry: Entry, value: object) -> None:
        if isinstance(value, str) and value.startswith(UNKNOWN):
            close = self.names.closest_schedule(entry.pair.value)
            self._say("PC323", entry, named=_short(entry.pair.value), hint=_did_you_mean(close))

    def _gather_resources(self) -> None:
        for entry in self._effective():
            if entry.match and entry.match.field.kind == "resources" and isinstance(entry.value, Mapping):
                for label, found in entry.value.items():
                    path, family = entry.match.field.kinds[label]
                    self._add_hashes(place_of(path), family, found)
                entry.places = [(place, 0) for place in entry.match.field.places]

    def _add_hashes(self, place: Place, family: str, found: Mapping[str, Hash]) -> None:
        known = self.draft.get(place, 0)
        before = known if isinstance(known, tuple) else ()
        if place.names[-1] == "hashes":
            for hashed in found.values():
                before = _with_hash(before, hashed)
            self.draft.put(place, 0, before)
            return
        assets = {(asset.name, asset.family): asset for asset in before}
        for name, hashed in found.items():
            asset = assets.get((name, family or None)) or AssetRef.model_validate({"name": name, "family": family or None})
            hashes = _with_hash(asset.hashes, hashed)
            assets[name, family or None] = asset.model_copy(update={"hashes": hashes})
        self.draft.put(place, 0, tuple(assets.values()))

    def _compute_first_pass(self, shifts: dict[str, Place]) -> None:
        size = place_of("size")
        first = self.draft.get(size, 0)
        if not shifts or not isinstance(first, Size) or all(first):
            return
        final = next((self.draft.get(place, 0) for place in shifts.values()), None)
        width, height = final if isinstance(final, Size) else DEFAULT_SIZE
        scale = sqrt(FIRST_PASS_AREA / max(width * height, 1))
        self.draft.put(size, 0, Size(ceil(scale * width / 64) * 64, ceil(scale * height / 64) * 64))

    def _settle_task(self) -> None:
        tasks = {path.partition(".")[2] for path, _ in self.founded if path.startswith("task.")}
        kind = "inpaint" if "inpaint" in tasks else next(iter(tasks), None)
        sampled = any(self.draft.get(Place("", names), 0) is not None for names in SAMPLING)
        if kind is None and not sampled and ("stages.post_upscale", 0) in self.founded:
            kind = "enlarge"
        if kind:
            self.draft.put(Place("", ("task", "kind")), 0, kind)

    def _say(self, code: str, entry: Entry, **values: object) -> None:
        self.diagnostics.append(diagnose(code, entry.pair.value_span, key=_short(entry.pair.key), **values))


def _kind_of(founded: Place) -> Place:
    """Where the kind of a part stands: `stages.hires.kind`, and `task.kind` for `task.inpaint`."""
    return Place(founded.part, ("kind",)) if founded.part else Place("", (founded.names[0], "kind"))


def _unless_empty(value: object) -> object:
    """None for a tuple that holds nothing else."""
    return None if isinstance(value, tuple) and value and all(item is None for item in value) else value


def _unit_items(text: str) -> Iterator[tuple[str, str]]:
    """`Name: value` by `Name: value`; a value in parentheses may hold commas."""
    held: list[str] = []
    for piece in text.split(", "):
        held.append(piece)
        if ")" in piece or not _TUPLE.search(held[0]):
            yield from _unit_item(held)
            held = []
    yield from _unit_item(held)


def _unit_item(pieces: Sequence[str]) -> Iterator[tuple[str, str]]:
    name, colon, value = ", ".join(pieces).partition(": ")
    if colon:
        yield name.strip(), value


def _with_hash(known: tuple[Hash, ...], hashed: Hash) -> tuple[Hash, ...]:
    """The hashes with one more; of two prefixes of the same hash the longer stays."""
    for index, other in enumerate(known):
        if other.algorithm == hashed.algorithm and (other.hex.startswith(hashed.hex) or hashed.hex.startswith(other.hex)):
            longer = max(other, hashed, key=lambda item: len(item.hex))
            return (*known[:index], longer, *known[index + 1 :])
    return (*known, hashed)


def _did_you_mean(word: str | None) -> str:
    return f"did you mean `{word}`?" if word else "`paramc list samplers` prints the known ones"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
