"""What the pairs of a settings text mean: each value at its place, by the tables of the dialect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.codecs import Unreadable
from paramc.dialects.fields import OBJECT, UNIT, Field, Fields, Match
from paramc.dialects.scanned import Pair
from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.paths import plain
from paramc.ir.places import Draft, Place

COUNTED: Final = frozenset({"controls.controlnet", "patches.extra_network"})  # kinds that know their number
PROMPTS: Final = ("prompt", "negative")  # codecs of texts that a grammar reads
MOST_REMARKS: Final = 1000  # nobody reads more; the ledger has every problem all the same
SIDES: Final = ("width", "height")  # codecs of a size that two keys say
UNSAID: Final = Job.model_validate({})


@dataclass(slots=True)
class Entry:
    """One pair on its way into the Job. `places` are the values that it sets, its own first."""

    pair: Pair
    match: Match | None
    value: object = None
    places: list[tuple[Place, int]] = field(default_factory=list)
    problem: str | None = None
    item: str | None = None  # canonical text of what it adds to a collection
    items: list[tuple[Field, object]] = field(default_factory=list)

    @property
    def says_own(self) -> bool:
        """Does it set the value that its row is for?"""
        return bool(self.places) and self.match is not None and self.places[0][0] == self.match.field.places[0]

    @property
    def number(self) -> int:
        return self.match.number if self.match else 0


@dataclass(slots=True)
class Interpretation:
    """The pairs of one text, entry by entry, and the values of the Job so far."""

    fields: Fields
    entries: list[Entry] = field(default_factory=list)
    draft: Draft = field(default_factory=Draft)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    founded: set[tuple[str, int]] = field(default_factory=set)
    affirmed: set[tuple[str, int]] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    declined: set[str] = field(default_factory=set)  # parts that their own key says are not there
    shifts: dict[str, Place] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    lists: dict[tuple[Place, Field], dict[int, object]] = field(default_factory=dict)

    def decode(self, pairs: Sequence[Pair]) -> None:
        """Read every value, and find out which parts of a Job there are."""
        last: dict[tuple[int, int], Entry] = {}
        for pair in pairs:
            entry = Entry(pair, self.fields.match(pair.key))
            self.entries.append(entry)
            if entry.match and not pair.dropped:
                self._decode(entry, entry.match, last)
        self._found()
        self.shifts = self._shifts()

    def place(self) -> None:
        """Put what each pair says by itself into the draft; prompts are left for later."""
        for entry in self.effective():
            self._place(entry)
        self._fill_lists()

    def _decode(self, entry: Entry, match: Match, last: dict[tuple[int, int], Entry]) -> None:
        row = match.field
        try:
            if row.kind == UNIT:
                self._decode_unit(entry)
            else:
                value = row.codec.read(entry.pair.value)
                entry.value = value if row.kind == OBJECT else _unless_empty(value)
        except Unreadable as error:
            entry.match, entry.problem = None, f"not {error}"
            self.say("PC320", entry, value=short(entry.pair.value), wanted=str(error))
            return
        if row.kind not in ("note", "opaque"):
            earlier = last.get((id(row), match.number))
            if earlier is not None:
                earlier.match, earlier.problem = None, "said again later"
            last[id(row), match.number] = entry

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
                self.say("PC320", entry, value=short(text), wanted=str(error))
        if not entry.items:
            raise Unreadable("a list such as `Module: canny, Weight: 1.0`")
        entry.value = tuple(options)

    def effective(self) -> Iterator[Entry]:
        """The entries that a table knows, that can be read and that no later one overrules."""
        return (entry for entry in self.entries if entry.match and not entry.pair.dropped)

    def _found(self) -> None:
        later: list[Entry] = []
        denied: set[tuple[str, int]] = set()  # parts that a switch says are not there, whatever else speaks of them
        for entry in self.effective():
            match = entry.match
            row = match.field if match else None
            if row and row.founds and entry.value is None:
                self.declined.add(row.founds.owner)
            if row is None or entry.value is None:
                continue
            self.said.add(row.key)
            if row.kind in ("presence", "part") and entry.value is True:
                self.affirmed.add((row.key, entry.number))
            if row.founds is None:
                continue
            if row.kind == "part" and entry.value is not True:
                if row.places[0].text() == _kind_of(row.founds).text():
                    denied.add((row.founds.text(), entry.number))
                    self.declined.add(row.founds.owner)
                continue
            if row.otherwise:
                later.append(entry)
            else:
                self.founded.add((row.founds.text(), entry.number))
        for entry in later:
            row = entry.match.field if entry.match else None
            if row and row.founds and not self._exists(row.places[0], entry.number):
                self.founded.add((row.founds.text(), entry.number))
        self.founded -= denied

    def _exists(self, place: Place, number: int) -> bool:
        owner = place.owner
        if owner not in self.fields.founded:
            return True
        if place.part:
            return (owner, number) in self.founded
        return any(path.startswith(f"{owner}.") for path, _ in self.founded)

    def _shifts(self) -> dict[str, Place]:
        return {
            key: place for entry in self.effective() if entry.match for key, place in entry.match.field.shifts.items()
        }

    def _place(self, entry: Entry) -> None:
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
            places = (self.shifts[row.key],) if row.key in self.shifts else row.places
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
            if entry.value is not None:
                entry.problem = "belongs to a stage that is not there"
                if places[0].owner not in self.declined:
                    self.say("PC328", entry, part=places[0].owner)
            return
        if row.needs and (row.needs, number) not in self.affirmed:
            return
        if row.unless in self.said:
            entry.places = [(_kind_of(places[0]), number)]
            return
        if row.kind == UNIT:
            self._put_unit(entry)
            return
        entry.places = [(place, number) for place in places]
        if row.founds and entry.value is not None and not (row.otherwise and places[0] == row.places[0]):
            entry.places += [place for place in [(_kind_of(row.founds), number)] if place not in entry.places]
        if row.listed:
            self.lists.setdefault((places[0], row), {})[entry.number] = entry.value
            entry.item = plain(entry.value)
            return
        if row.kind in SIDES:
            self._put_side(places[0], number, entry)
            return
        if row.kind == OBJECT and row.founds:  # an empty one makes the part too
            self.draft.put(_kind_of(row.founds), number, row.founds.part.partition(".")[2])
        for place, value in zip(places, self._values(row, entry), strict=True):
            self._set(place, number, value, entry)

    def _put_side(self, place: Place, number: int, entry: Entry) -> None:
        """One side of a size; square as long as the other is not known."""
        if isinstance(entry.value, int) and entry.match:
            known = self.draft.get(place, number)
            size = known if isinstance(known, Size) else Size(entry.value, entry.value)
            self.draft.put(place, number, size._replace(**{entry.match.field.kind: entry.value}))

    def _fill_lists(self) -> None:
        for (place, _), items in self.lists.items():
            ordered = [items[number] for number in sorted(items)]
            if ordered[0] is not None:
                self.draft.put(place, 0, tuple(item for item in ordered if item))

    def _values(self, row: Field, entry: Entry) -> tuple[object, ...]:
        value = entry.value
        if row.kind in ("presence", "given", *PROMPTS):
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
        if value in (None, ()) or known == value:
            return
        if known is not None:
            if isinstance(known, tuple) and isinstance(value, tuple) and isinstance(value[0], AssetRef):
                names = {asset.name for asset in known}
                self.draft.put(place, number, (*known, *(asset for asset in value if asset.name not in names)))
                return
            if not place.part and value == place.value(UNSAID):
                return
            if isinstance(known, dict):
                return
            self.say("PC325", entry, value=short(entry.pair.value))
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
        pair = (entry.pair.key, entry.pair.value)
        items.append(pair)
        entry.item = plain(pair)
        entry.places = [(place, number)]
        if place.part:
            entry.places += [(Place(place.part, (name,)), number) for name in ("kind", "name")]

    def say(self, code: str, entry: Entry, **values: str) -> None:
        if len(self.diagnostics) >= MOST_REMARKS:
            return
        span, key = entry.pair.value_span, short(entry.pair.key)
        self.diagnostics.append(diagnose(code, span, suggestion=None, notes=(), key=key, **values))


def _kind_of(founded: Place) -> Place:
    """Where the kind of a part stands: `stages.hires.kind`, and `task.kind` for `task.inpaint`."""
    return Place(founded.part, ("kind",)) if founded.part else Place("", (founded.names[0], "kind"))


def _unless_empty(value: object) -> object:
    """None for a tuple that holds nothing else."""
    return None if isinstance(value, tuple) and value and all(item is None for item in value) else value


def _unit_items(text: str) -> Iterator[tuple[str, str]]:
    """`Name: value` by `Name: value`; what has no name belongs to the value before."""
    held: list[str] = []
    for piece in (*text.split(", "), ": "):
        if ": " in piece and held:
            name, colon, value = ", ".join(held).partition(": ")
            if colon:
                yield name.strip(), value
            held = []
        held.append(piece)


def short(text: str) -> str:
    """As much of a text as a message quotes."""
    return text if len(text) <= 60 else f"{text[:57]}..."
