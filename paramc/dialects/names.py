"""What a program calls samplers, schedules and upscalers: labels to canonical ids and back.

Two readings of the same words: `meant` is what the settings were made with, `executed`, `pasted` and `hires_pasted` are
what the program itself takes them for today.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from paramc.dialects.codecs import Codec
from paramc.dialects.description import Dialect
from paramc.ir.names import MODEL_UPSCALER, UNKNOWN, sampler_of, samplers, schedules, upscalers
from paramc.tables import NOTHING, as_row, nearest, read_table, section

FILE: Final = "names.toml"
NO_SCHEDULE: Final = "uniform"  # `automatic` of a sampler that has no schedule of its own


class Pair(NamedTuple):
    """A sampler and a schedule: canonical ids from `meant`, the program's labels from the others."""

    sampler: str
    schedule: str | None


class _Table(NamedTuple):
    """names.toml as it is written."""

    style: str
    bare_until: str
    default_sampler: str
    same_sampler: str
    same_schedule: str
    automatic: str
    samplers: Mapping[str, str]
    schedules: Mapping[str, str]
    upscalers: Mapping[str, str]
    schedule_spellings: Mapping[str, str] = NOTHING
    sampler_aliases: Mapping[str, str] = NOTHING
    schedule_aliases: Mapping[str, str] = NOTHING
    endings: Mapping[str, str] = NOTHING  # where joined: what stands behind the sampler for each schedule; no others do
    by_number: tuple[str, ...] = ()  # the labels that a number stands for, from 0


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """The names of one dialect. `known_*` map every spelling, lower case included, to its id."""

    table: _Table
    known_samplers: Mapping[str, str]
    known_schedules: Mapping[str, str]
    suffixes: tuple[tuple[str, str], ...]  # lower case with the sign before it, longest first
    sampler_labels: Mapping[str, str]
    schedule_labels: Mapping[str, str]
    upscaler_labels: Mapping[str, str]

    @property
    def joined(self) -> bool:
        """Does the schedule stand behind the sampler in one field?"""
        return self.table.style == "joined"

    def meant(self, label: str) -> Pair:
        """The sampler that `label` names, and the schedule where the name carries one.

        A name that no table knows stays as it is, behind `unknown:`.
        """
        word = self._by_number(label.strip())
        found = self.known_samplers.get(word) or self.known_samplers.get(word.lower())
        if found:
            return Pair(found, None)
        return self._split(word.lower()) or Pair(UNKNOWN + label, None)

    def schedule(self, label: str) -> str:
        """The schedule that `label` names; one that no table knows stays as it is, behind `unknown:`."""
        word = label.strip()
        return self.known_schedules.get(word) or self.known_schedules.get(word.lower()) or UNKNOWN + label

    def upscaler(self, label: str) -> str:
        """The upscaler that `label` names; every other name is a file's."""
        return self.table.upscalers.get(label) or (label if label in upscalers() else MODEL_UPSCALER + label)

    def sampler_label(self, identifier: str) -> str:
        """What the program calls a sampler; a canonical id that it does not know is written as it is."""
        return self.sampler_labels.get(identifier) or identifier.removeprefix(UNKNOWN)

    def schedule_label(self, identifier: str) -> str:
        """What the program calls a schedule."""
        return self.schedule_labels.get(identifier) or identifier.removeprefix(UNKNOWN)

    def closest_sampler(self, label: str) -> str | None:
        """The label most like one that is not known."""
        return nearest(label, [*self.table.samplers, *self.table.sampler_aliases])

    def closest_schedule(self, label: str) -> str | None:
        """The label most like one that is not known."""
        return nearest(label, self.table.schedules)

    def executed(self, sampler: str | None, schedule: str | None) -> Pair:
        """The pair of labels that the program itself samples with."""
        name = sampler or self.table.default_sampler
        chosen = self._exact_schedule(schedule)
        for label, spellings in self._spellings():
            for spelling in spellings:
                if name.endswith(f" {spelling}"):
                    chosen, name = label, name[: -len(spelling) - 1]
                    break
        return Pair(name if name in self.table.samplers else self.table.default_sampler, chosen)

    def pasted(self, sampler: str | None, schedule: str | None) -> Pair:
        """The pair of labels that the program shows after pasting; it hides a schedule that is the sampler's own."""
        pair = self.executed(sampler, schedule)
        own = sampler_of(self.table.samplers[pair.sampler]).automatic
        is_own = own != NO_SCHEDULE and pair.schedule == self.schedule_labels[own]
        return Pair(pair.sampler, self.table.automatic if is_own else pair.schedule)

    def hires_pasted(
        self, sampler: str | None, schedule: str | None, hires_sampler: str | None, hires_schedule: str | None
    ) -> Pair:
        """The same for the second pass, with the program's words for what stays as in the first."""
        same, same_schedule = self.table.same_sampler, self.table.same_schedule
        pair = self.pasted(
            sampler if hires_sampler in (None, same) else hires_sampler,
            schedule if hires_schedule in (None, same_schedule) else hires_schedule,
        )
        return Pair(
            same if pair.sampler == sampler else pair.sampler,
            same_schedule if pair.schedule == schedule else pair.schedule,
        )

    def _by_number(self, word: str) -> str:
        labels = self.table.by_number
        known = len(word) < 4 and word.isdecimal() and int(word) < len(labels)
        return labels[int(word)] if known else word

    def _exact_schedule(self, schedule: str | None) -> str:
        names = self.table.schedules
        return next((label for label in names if schedule in (label, names[label])), self.table.automatic)

    def _spellings(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        further = self.table.schedule_spellings
        for label, identifier in self.table.schedules.items():
            yield label, (label, identifier, *(word for word, meant in further.items() if meant == identifier))

    def _split(self, word: str) -> Pair | None:
        for suffix, identifier in self.suffixes:
            if word.endswith(suffix):
                sampler = self.known_samplers.get(word[: -len(suffix)])
                if sampler:
                    return Pair(sampler, identifier)
        return None


@cache
def names_of(dialect: Dialect) -> Names:
    """The names that a dialect uses."""
    table = as_row(dialect.table(FILE), _Table, f"{dialect.name}/{FILE}")
    known_samplers = {name: name for name in samplers()} | dict(table.sampler_aliases) | dict(table.samplers)
    known_schedules = {name: name for name in schedules()}
    known_schedules |= {**table.schedule_aliases, **table.schedule_spellings, **table.schedules}
    spellings = {spelling.lower(): identifier for spelling, identifier in known_schedules.items()}
    signed = [(sign + spelling, identifier) for spelling, identifier in spellings.items() for sign in " _"]
    return Names(
        table,
        {name.lower(): identifier for name, identifier in known_samplers.items()} | known_samplers,
        spellings | known_schedules,
        tuple(sorted(signed, key=lambda item: -len(item[0]))),
        _nearest_labels(dialect, "samplers"),
        _nearest_labels(dialect, "schedules"),
        _nearest_labels(dialect, "upscalers"),
    )


def upscaler_codec(names: Names) -> Codec:
    """Upscalers by their labels."""

    def write(value: object) -> str | None:
        if not isinstance(value, str) or not value:
            return None
        return names.upscaler_labels.get(value) or value.removeprefix(MODEL_UPSCALER)

    return Codec(names.upscaler, write)


def sampler_codec(names: Names) -> Codec:
    """Samplers by their labels; what is read is the label itself, because its meaning depends on other fields."""
    return Codec(str, lambda value: names.sampler_label(value) if isinstance(value, str) else None)


def schedule_codec(names: Names) -> Codec:
    """Schedules by their labels."""
    return Codec(names.schedule, lambda value: names.schedule_label(value) if isinstance(value, str) else None)


def _nearest_labels(dialect: Dialect, name: str) -> dict[str, str]:
    """The label of each id that is written: the first of the nearest dialect that has one."""
    labels: dict[str, str] = {}
    for folder in reversed(dialect.folders):
        if (folder / FILE).is_file():
            own = section(read_table(folder / FILE), name, folder)
            labels |= _labels({label: str(identifier) for label, identifier in own.items()})
    return labels


def _labels(table: Mapping[str, str]) -> dict[str, str]:
    return {table[label]: label for label in reversed(list(table))}
