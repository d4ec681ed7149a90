"""A Job in the making, and what several passes are read by."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from paramc.dialects.description import Dialect
from paramc.dialects.graph.found import Found, Pass, Start
from paramc.dialects.graph.levels import limits, sigmas, variance_preserving
from paramc.dialects.graph.model import Graph
from paramc.dialects.graph.roles import Roles
from paramc.dialects.graph.values import as_number, as_whole
from paramc.dialects.graph.walk import text_of
from paramc.ir.geometry import Size
from paramc.ir.names import sampler_of
from paramc.ir.places import Draft, place_of

SUFFIX: Final = ".safetensors"  # goes without saying
RHO: Final = 7.0  # of the schedule of Karras
LONGEST: Final = 10_000  # steps whose levels are worked out
SLACK: Final = 1e-9  # of a number that is meant to be whole


@dataclass(slots=True)
class Making:
    """A Job in the making. `read` are nodes that it has its values from, `named` those that it no more than names."""

    graph: Graph
    roles: Roles
    dialect: Dialect
    draft: Draft = field(default_factory=Draft)
    widgets: dict[str, dict[Found, None]] = field(default_factory=dict)  # without their values
    named: dict[str, None] = field(default_factory=dict)
    read: dict[str, None] = field(default_factory=dict)
    further: int = 0  # passes that no other stage is

    def put(self, path: str, value: object, found: Found | None = None, number: int = 0) -> None:
        """A value of the Job, with the widget that it stands in."""
        if value is None:
            return
        place = place_of(path)
        self.draft.put(place, number, value)
        if found:
            self.stands(place.text(number), found)

    def stands(self, path: str, found: Found) -> None:
        """Note one more widget that a value stands in."""
        if found.node:
            self.widgets.setdefault(path, {})[found._replace(value=None)] = None

    def has(self, path: str) -> bool:
        """Whether a value is there already."""
        return self.draft.get(place_of(path), 0) is not None

    def number(self, path: str, found: Found) -> None:
        """A number, if it is one."""
        self.put(path, as_number(found.value), found)

    def whole(self, path: str, found: Found, *, least: int = 0) -> None:
        """A whole number, if it is one that a field can take."""
        value = as_whole(found.value)
        if value is not None and value >= least:
            self.put(path, value, found)


def steps_of(making: Making, made: Pass) -> int | None:
    """The steps of a schedule; one that is planned longer, for its last sigma to be cut off, counts without it."""
    steps = as_whole(made.steps.value)
    return steps - 1 if steps and (drops_a_sigma(making, made) or is_short(making, made)) else steps


def drops_a_sigma(making: Making, made: Pass) -> bool:
    """Whether a pass ends one step early and makes its last sigma a 0, with a sampler that drops none of its own."""
    return _ends_early(made) and not leaves_noise(making, made) and not _drops_of_its_own(making, made)


def _drops_of_its_own(making: Making, made: Pass) -> bool:
    """Whether the sampler has the schedule made one step longer, and leaves the last sigma but one out."""
    sampler = making.roles.sampler(text_of(made.sampler.value) or "")
    kept = making.dialect.about.get("keeps_sigmas", [])
    return sampler_of(sampler).drops and not (isinstance(kept, list) and sampler in kept)


def levels_of(making: Making, made: Pass, spacing: str) -> tuple[float, ...]:
    """The noise levels at which the steps of a whole pass begin; none where no formula places them."""
    planned, steps = as_whole(made.steps.value), steps_of(making, made)
    if not planned or not steps or planned > LONGEST:
        return ()
    model = variance_preserving()
    longer = planned + _drops_of_its_own(making, made)
    return (sigmas(spacing, longer, model, limits(model, 0, 0, RHO)) or ())[:steps]


def is_short(making: Making, made: Pass) -> bool:
    """Whether a pass ends one step early on the last sigma of a schedule that elsewhere has no 0 behind it."""
    schedule = making.roles.schedule(text_of(made.schedule.value) or "")
    return _ends_early(made) and leaves_noise(making, made) and schedule in making.roles.words["short_schedules"]


def leaves_noise(making: Making, made: Pass) -> bool:
    """Whether a pass that ends before its schedule keeps the noise that is left."""
    return making.roles.is_on(made.leftover.value)


def is_silent(making: Making, made: Pass) -> bool:
    """Whether a pass adds no noise to what it starts from."""
    return made.adds_noise.value is not None and not making.roles.is_on(made.adds_noise.value)


def _ends_early(made: Pass) -> bool:
    steps, end = as_whole(made.steps.value), as_whole(made.last_step.value)
    return steps is not None and end is not None and 0 < end == steps - 1


def shortest(near: float, fits: Callable[[float], bool]) -> float:
    """The number with the fewest digits from `near` on upwards that fits, a half being no more than a whole one."""
    for unit in (10, 20, 100, 1000, 10_000, 100_000, 1_000_000):
        first = ceil(near * unit - SLACK)
        found = next((value / unit for value in range(first, first + 2) if fits(value / unit)), None)
        if found is not None:
            return found
    return near


def put_file(making: Making, path: str, found: Found) -> None:
    making.put(path, name_of(text_of(found.value)), found)


def name_of(file: str | None) -> str | None:
    return file.removesuffix(SUFFIX) if file else None


def size_of(start: Start) -> Size | None:
    sides = (start.width, start.height) if start.kind == "empty" else start.target or ()
    numbers = [as_whole(side.value) for side in sides]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None or min(numbers[0], numbers[1]) <= 0:
        return None
    return Size(numbers[0], numbers[1])
