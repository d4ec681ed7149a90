"""Prompts that change while sampling: which one an evaluation sees."""

from collections.abc import Sequence
from dataclasses import dataclass

from paramc.runtime.denoise.conditioning import Conditioning


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A prompt in force up to and including evaluation `last_call` (from 0)."""

    last_call: int
    conditioning: Conditioning


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """One AND-part of an image's prompt, its entries in order."""

    entries: tuple[Entry, ...]
    weight: float = 1.0


def entry_for_call(last_calls: Sequence[int], call: int) -> int:
    """Index of the entry that an evaluation sees: the first that still lasts; past the end the first one again."""
    return next((index for index, last in enumerate(last_calls) if call <= last), 0)


def at_call(entries: Sequence[Entry], call: int) -> Conditioning:
    """The conditioning that an evaluation sees."""
    return entries[entry_for_call([entry.last_call for entry in entries], call)].conditioning
