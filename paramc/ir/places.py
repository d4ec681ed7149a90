"""Places of the IR: paths that a table may name, and a Job put together from values at places."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple, TypeAlias

from paramc.ir.base import Model
from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.ir.paths import plain

Raw: TypeAlias = dict[str, object]
CONTAINERS: Final = ("stages", "controls", "patches")  # tuples of models that carry their `kind`
KIND_ORDER: Final = (
    *("hires", "refiner", "further", "detailer", "face_restore", "post_upscale"),
    "controlnet",
    *("token_merging", "tiling", "hypernetwork", "extra_network", "hypertile"),
    *("free_u", "self_attention_guidance", "perturbed_attention", "deep_shrink", "reference", "prompt_area"),
    *("dynamic_thresholding", "latent_modifier", "tiled_diffusion", "regional_prompter", "opaque"),
)


_INDEX = re.compile(r"\[(\d+)\]")


class Place(NamedTuple):
    """A path of the Job, taken apart once.

    `part` is the kind that the path goes through (`stages.detailer`), "" for none; `names` are the steps from there.
    A `numbered` part may have several items; which one is left open.
    """

    part: str
    names: tuple[str, ...]
    numbered: bool = False

    @property
    def owner(self) -> str:
        """The part of the Job that must exist for this value, e.g. `stages.hires`, `task`, `noise`."""
        return self.part or self.names[0]

    def text(self, rank: int = 0) -> str:
        """The path, of the item `rank` (from 0)."""
        if not self.part:
            return ".".join(self.names)
        return ".".join((f"{self.part}[{rank}]" if rank else self.part, *self.names))

    def value(self, job: Job, rank: int = 0) -> object:
        """The value there, None when a step on the way is absent."""
        return View(job).value(self, rank)


class View:
    """A Job with its items sorted by kind, for many looks at it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._items: dict[str, list[Model]] = {}
        self._saying: dict[str, frozenset[str]] = {}
        for container in CONTAINERS:
            for item in job.__dict__[container]:
                self._items.setdefault(f"{container}.{item.kind}", []).append(item)

    def value(self, place: Place, rank: int = 0) -> object:
        """The value at a place of the item `rank`, None when a step on the way is absent."""
        current: object = self.job
        if place.part:
            items = self._items.get(place.part, ())
            current = items[rank] if rank < len(items) else None
        for name in place.names:
            if not isinstance(current, Model):
                return None
            current = current.__dict__.get(name)
        return current

    def at(self, path: str) -> object:
        """The value at a path as the ledger writes it."""
        return self.value(*located(path))

    def still_says(self, stated: Stated) -> bool:
        """Is every value of an entry what it was read as, where that is known, or an item of a list still in it?"""
        return all(read in self._said(path) for path, read in zip(stated.paths, stated.read, strict=False))

    def _said(self, path: str) -> frozenset[str]:
        """The value at a path as the ledger compares it, and every item of a list there; once, whoever asks."""
        if path not in self._saying:
            value = self.at(path)
            items = value if isinstance(value, tuple) else ()
            self._saying[path] = frozenset(map(plain, (value, *items)))
        return self._saying[path]

    def count(self, part: str) -> int:
        """How many items of a kind there are."""
        return len(self._items.get(part, ()))


def located(path: str) -> tuple[Place, int]:
    """The place and rank that a path of the ledger names."""
    index = _INDEX.search(path) if path.startswith(CONTAINERS) else None
    return place_of(_INDEX.sub("", path, count=1) if index else path), int(index[1]) if index else 0


@cache
def place_of(path: str) -> Place:
    """The place that a table calls `path`: `size`, `stages.hires.steps`, `stages.detailer[n].model`."""
    first, _, rest = path.partition(".")
    if first not in CONTAINERS:
        return Place("", tuple(path.split(".")))
    kind, _, names = rest.partition(".")
    return Place(f"{first}.{kind.removesuffix('[n]')}", tuple(names.split(".")) if names else (), kind.endswith("[n]"))


@dataclass(slots=True)
class Draft:
    """Values for a Job: those of plain paths as a tree, those of kinds by part and number."""

    tree: Raw = field(default_factory=dict)
    parts: dict[tuple[str, int], Raw] = field(default_factory=dict)

    def put(self, place: Place, number: int, value: object) -> None:
        """Set the value at a place."""
        home, name = self._home(place, number)
        home[name] = value

    def get(self, place: Place, number: int) -> object:
        """The value at a place, None when there is none yet."""
        home: object = self.parts.get((place.part, number)) if place.part else self.tree
        for name in place.names:
            if not isinstance(home, dict):
                return None
            home = home.get(name)
        return home

    def ranks(self) -> dict[tuple[str, int], int]:
        """The place of each item among those of its kind, from 0."""
        numbers: dict[str, int] = {}
        ranks: dict[tuple[str, int], int] = {}
        for part, number in sorted(self.parts):
            ranks[part, number] = numbers.get(part, 0)
            numbers[part] = ranks[part, number] + 1
        return ranks

    def raw(self) -> Raw:
        """All the values as one tree."""
        grouped: dict[str, list[Raw]] = {name: [] for name in CONTAINERS}
        for (part, _), values in sorted(self.parts.items(), key=_order):
            container, _, kind = part.partition(".")
            grouped[container].append({**values, "kind": kind})
        return self.tree | {name: items for name, items in grouped.items() if items}

    def job(self) -> Job:
        """The Job with all the values."""
        return Job.model_validate(self.raw())

    def _home(self, place: Place, number: int) -> tuple[Raw, str]:
        home = self.parts.setdefault((place.part, number), {}) if place.part else self.tree
        for name in place.names[:-1]:
            child = home.get(name)
            if not isinstance(child, dict):
                child = home[name] = {}
            home = child
        return home, place.names[-1]


def _order(item: tuple[tuple[str, int], Raw]) -> tuple[int, int]:
    part, number = item[0]
    return KIND_ORDER.index(part.partition(".")[2]), number
