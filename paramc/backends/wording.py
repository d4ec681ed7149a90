"""What a dialect's fields say of a job: key and text, row by row, and whether they need saying."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from paramc.dialects.codecs import quoted
from paramc.dialects.fields import NOTES, OPAQUE, UNIT, Field, Fields
from paramc.ir.assets import AssetRef, Hash
from paramc.ir.base import Model
from paramc.ir.names import is_known
from paramc.ir.places import Place, View
from paramc.ir.prompt import Prompt

AUTOMATIC: Final = "automatic"
EXTRA_HASHES: Final = 1  # hashes of a file that have a field of their own; further ones are said together


class Said(NamedTuple):
    """One field to be written: `text` is its value before quoting."""

    key: str
    text: str
    row: Field
    rank: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """A job in the words of a dialect. `implied` is what each path would be taken for if nothing were said of it."""

    view: View
    fields: Fields
    implied: Mapping[str, object]

    def all(self) -> Iterator[Said]:
        """Everything that can be said, in the order of writing, whether it needs saying or not."""
        rows = self.fields.rows
        start = 0
        while start < len(rows):
            end = start + 1
            while end < len(rows) and _same_block(rows[start], rows[end]):
                end += 1
            for rank, number in self._items(rows[start]):
                for row in rows[start:end]:
                    yield from self._said(row, rank, number)
            start = end

    def say(self, row: Field, rank: int, number: int) -> str | None:
        """The text of a row's value, None where it cannot say it."""
        if row.kind == UNIT:
            return self._unit(rank)
        if row.kind == "resources":
            return row.codec.write(self._resources(row))
        values = tuple(self.view.value(place, rank) for place in self.places(row, rank))
        if row.kind == "sampler":
            return self._sampler(row, rank)
        if row.kind in ("prompt", "negative"):
            return values[0].text if isinstance(values[0], Prompt) else None
        if row.listed:
            return _listed(row, values[0], number)
        return row.codec.write(values if row.codec.width > 1 else values[0])

    def places(self, row: Field, rank: int) -> tuple[Place, ...]:
        """Where the values of a row are in this job."""
        if row.otherwise and not _has(self.view, row.places[0], rank):
            return (row.otherwise,)
        return row.places

    def needs_saying(self, row: Field, rank: int) -> bool:
        """Would the value be taken for another if the row were left out?"""
        if row.kind in (UNIT, "resources"):
            return True
        return any(self.differs(place, rank) for place in self.places(row, rank))

    def differs(self, place: Place, rank: int) -> bool:
        """Is the value another than the one taken for granted?"""
        path = place.text(rank)
        value = self.view.value(place, rank)
        return value != self.implied[path] if path in self.implied else not self.is_default(place, rank)

    def is_default(self, place: Place, rank: int) -> bool:
        """Is the value the one that its field has anyway, or is there no such field?"""
        return not _has(self.view, place, rank) or self.view.value(place, rank) == _default(self.view, place, rank)

    def is_due(self, said: Said) -> bool:
        """Does the program itself write the field, or does it need saying?"""
        row, rank = said.row, said.rank
        if row.write == "never":
            return False
        if row.kind == "schedule" and self.fields.names.joined:
            sampler = Place(row.places[0].part, (*row.places[0].names[:-1], "sampler"))
            return self.joined(sampler, rank) is None and self.needs_saying(row, rank)
        if row.write in ("always", "part") or self.needs_saying(row, rank):
            return True
        return row.beside is not None and self.differs(row.beside, rank)

    def joined(self, place: Place, rank: int) -> str | None:
        """Sampler and schedule in one text, None where the schedule cannot stand behind the sampler.

        place: the sampler's; its schedule is beside it.
        """
        sampler = self.view.value(place, rank)
        beside = beside_sampler(place)
        schedule = self.view.value(beside, rank)
        if not isinstance(sampler, str):
            return None
        label = self.fields.names.sampler_label(sampler)
        if schedule is None or schedule == self.implied.get(beside.text(rank)):
            return label
        if not isinstance(schedule, str) or schedule == AUTOMATIC or not (is_known(schedule) and is_known(sampler)):
            return None
        endings = self.fields.names.table.endings
        if endings:
            return label + endings[schedule] if schedule in endings else None
        return f"{label} {self.fields.names.schedule_label(schedule)}"

    def _items(self, row: Field) -> Iterator[tuple[int, int]]:
        """(rank, number) of every item that a row speaks of."""
        place = row.places[0]
        if row.listed:
            items = self.view.value(place)
            yield from ((0, index + 1) for index in range(max(len(items), 1) if isinstance(items, tuple) else 1))
        elif place.numbered:
            for rank in range(self.view.count(place.part)):
                yield rank, self.number(place.part, rank)
        else:
            yield 0, 0

    def number(self, part: str, rank: int) -> int:
        unit = self.view.value(Place(part, ("unit",)), rank)
        return unit if isinstance(unit, int) else rank + 1

    def _said(self, row: Field, rank: int, number: int) -> Iterator[Said]:
        if row.key == NOTES:
            yield from (Said(key, text, row, 0, ("producer.notes",)) for key, text in self.view.job.producer.notes)
        elif row.key == OPAQUE:
            yield from self._extensions(row, rank)
        else:
            text = self.say(row, rank, number)
            if text is not None:
                paths = tuple(_leaf(place).text(rank) for place in self.places(row, rank))
                yield Said(row.key_of(number), text, row, rank, paths)

    def _extensions(self, row: Field, rank: int) -> Iterator[Said]:
        place = row.places[0]
        pairs = self.view.value(place, rank)
        if isinstance(pairs, tuple):
            yield from (Said(str(key), str(text), row, rank, (place.text(rank),)) for key, text in pairs)

    def _sampler(self, row: Field, rank: int) -> str | None:
        value = self.view.value(row.places[0], rank)
        if self.fields.names.joined and isinstance(value, str):
            return self.joined(row.places[0], rank) or row.codec.write(value)
        return row.codec.write(value)

    def _unit(self, rank: int) -> str | None:
        said = [
            f"{item.key}: {text}"
            for item in self.fields.items
            if item.write == "always" or (item.write == "changed" and self.needs_saying(item, rank))
            if (text := self.say(item, rank, 0)) is not None
        ]
        options = self.view.value(Place(self.fields.items[0].places[0].part, ("options",)), rank)
        said += [f"{name}: {text}" for name, text in options] if isinstance(options, tuple) else []
        return ", ".join(said)

    def _resources(self, row: Field) -> dict[str, dict[str, Hash]]:
        """The hashes that no other row says."""
        found: dict[str, dict[str, Hash]] = {}
        listed = {other.places[0].text() for other in self.fields.rows if other.kind == "sha256_list"}
        for label, (path, network) in row.kinds.items():
            if path in listed:
                continue
            value = self.view.value(Place("", tuple(path.split("."))))
            if isinstance(value, tuple):
                named = dict(_further(value, network))
                if named:
                    found[label] = named
        return found


def beside_sampler(place: Place) -> Place:
    """Where the schedule stands that belongs to a sampler."""
    return Place(place.part, (*place.names[:-1], "schedule"))


def said_text(key: str, text: str) -> str:
    """A field as it is spelt; one whose value is its key is the key alone."""
    return key if key == text else f"{key}: {quoted(text)}"


def _further(values: tuple[object, ...], network: str) -> Iterator[tuple[str, Hash]]:
    """By name, the hashes that have no field of their own: a file's second, a network's sha256."""
    for index, value in enumerate(values):
        if isinstance(value, Hash) and index >= EXTRA_HASHES:
            yield "", value
        elif isinstance(value, AssetRef) and (value.network or "") == network:
            yield from ((value.name or "", item) for item in value.hashes if item.algorithm == "sha256")


def _leaf(place: Place) -> Place:
    """The place itself; for a whole item, the place of its kind."""
    return place if place.names else Place(place.part, ("kind",))


def _listed(row: Field, items: object, number: int) -> str | None:
    if isinstance(items, tuple) and items:
        return row.codec.write(items[number - 1]) if number <= len(items) else None
    return row.codec.write(items)


def _same_block(first: Field, other: Field) -> bool:
    place = first.places[0]
    return place.numbered and other.places[0].numbered and other.places[0].part == place.part


def _parent(view: View, place: Place, rank: int) -> object:
    return view.value(Place(place.part, place.names[:-1]), rank)


def _has(view: View, place: Place, rank: int) -> bool:
    parent = _parent(view, place, rank)
    return isinstance(parent, Model) and place.names[-1] in parent.__dict__


def _default(view: View, place: Place, rank: int) -> object:
    parent = _parent(view, place, rank)
    return type(parent).model_fields[place.names[-1]].default if isinstance(parent, Model) else None
