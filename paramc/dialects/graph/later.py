"""Passes after the first: second passes, refiners, and whatever more there is."""

from collections.abc import Sequence
from math import ceil
from typing import Final

from paramc.dialects.description import Dialect
from paramc.dialects.graph.found import Conditioning, ModelChain, Pass, Start
from paramc.dialects.graph.making import (
    SLACK,
    SUFFIX,
    Making,
    is_silent,
    leaves_noise,
    name_of,
    put_file,
    shortest,
    size_of,
    steps_of,
)
from paramc.dialects.graph.texts import Said, negative_text, positive_text
from paramc.dialects.graph.values import Json, as_number, as_whole
from paramc.dialects.graph.walk import text_of
from paramc.ir.geometry import Size
from paramc.ir.names import MODEL_UPSCALER
from paramc.ir.places import place_of

REFINER: Final = "stages.refiner.checkpoint.name"
HIRES: Final = "stages.hires.upscaler"


def later_pass(making: Making, passes: Sequence[Pass], place: int) -> None:
    """A pass behind others: the rest of the first one, by another model perhaps, one on the enlarged picture, more."""
    first, before, made = passes[0], passes[place - 1], passes[place]
    known = making.has(HIRES) or bool(making.further)
    if goes_on(making, before, made):
        another = made.model.file.value != before.model.file.value
        if known or _walk(made) != _walk(before) or (another and making.has(REFINER)):
            _further(making, first, made, goes_on=True)
        elif another:
            _refiner(making, first, made)
        elif made.model.nodes != before.model.nodes or made.positive.parts != before.positive.parts:
            _further(making, first, made, goes_on=True)
    elif known or made.start.kind != "pass":
        _further(making, first, made, goes_on=False)
    else:
        _hires(making, first, made)


def goes_on(making: Making, before: Pass, made: Pass) -> bool:
    """Whether a pass takes over the schedule where the one before it stops, without noise of its own."""
    first, last = as_whole(made.first_step.value), as_whole(before.last_step.value)
    keeps = before.leftover.value is None or leaves_noise(making, before)
    enlarged = made.start.target is not None or made.start.scale.value is not None
    return bool(first) and first == last and keeps and is_silent(making, made) and not enlarged


def _walk(made: Pass) -> tuple[Json, ...]:
    return made.sampler.value, made.schedule.value, made.steps.value, made.cfg.value


def _refiner(making: Making, before: Pass, made: Pass) -> None:
    first, steps = as_whole(made.first_step.value), steps_of(making, made)
    put_file(making, REFINER, made.model.file)
    if first and steps:
        even = round(first / steps, 2)
        fitting = shortest((first - 1) / steps, lambda share: ceil(share * steps - SLACK) == first)
        making.put("stages.refiner.switch_at", min(even if abs(even * steps - first) < SLACK else fitting, 1.0))
        making.put("sampling.steps", steps)
    making.put("stages.refiner.counts_steps", True)
    _seed(making, "stages.refiner", before, made)


def _hires(making: Making, first: Pass, made: Pass) -> None:
    if making.has(REFINER):
        making.put("stages.refiner.passes", "first")
    making.put(HIRES, _upscaler(making, made.start), made.start.upscaler)
    _hires_size(making, made.start)
    _hires_steps(making, made)
    _own(making, "stages.hires", first, made)
    if _ends_early(making, made) or is_silent(making, made):
        making.named[made.node.id] = None  # nothing says so of a second pass


def _further(making: Making, first: Pass, made: Pass, *, goes_on: bool) -> None:
    """A pass that is said as it stands."""
    part, number, start = "stages.further[n]", making.further, made.start
    making.further += 1
    making.put(f"{part}.steered", start.kind == "steered", None, number)
    if start.target or start.scale.value is not None or start.upscaler.value is not None:
        making.put(f"{part}.upscaler", _upscaler(making, start), start.upscaler, number)
        making.put(f"{part}.scale", as_number(start.scale.value), start.scale, number)
        making.put(f"{part}.size", size_of(start), None, number)
    if steps_of(making, made) != steps_of(making, first):
        making.put(f"{part}.steps", steps_of(making, made), made.steps, number)
    else:
        making.stands("sampling.steps", made.steps)
    making.put(f"{part}.first_step", as_whole(made.first_step.value) or None, made.first_step, number)
    if _ends_early(making, made):
        making.put(f"{part}.last_step", as_whole(made.last_step.value), made.last_step, number)
    strength = as_number(made.strength.value)
    if strength is not None and strength < 1:
        making.put(f"{part}.strength", max(strength, 0.0), made.strength, number)
    _own(making, part, first, made, number)
    if start.kind not in ("pass", "steered") or is_silent(making, made) != goes_on:
        making.named[made.node.id] = None  # what it begins with is not said


def _ends_early(making: Making, made: Pass) -> bool:
    steps, end = steps_of(making, made), as_whole(made.last_step.value)
    return steps is not None and end is not None and end < steps


def _own(making: Making, part: str, first: Pass, made: Pass, number: int = 0) -> None:
    """What a pass is steered by, where it is not what steers the first one."""
    for name, ours, found, before in (
        ("sampler", "sampling.sampler", made.sampler, first.sampler),
        ("schedule", "sampling.schedule", made.schedule, first.schedule),
    ):
        word = making.roles.sampler if name == "sampler" else making.roles.schedule
        if found.value != before.value:
            making.put(f"{part}.{name}", word(text_of(found.value) or ""), found, number)
        else:
            making.stands(ours, found)
    if as_number(made.cfg.value) != as_number(first.cfg.value):
        making.put(f"{part}.cfg_scale", as_number(made.cfg.value), made.cfg, number)
    else:
        making.stands("sampling.cfg_scale", made.cfg)
    if made.model.file.value != first.model.file.value:
        making.put(f"{part}.checkpoint.name", name_of(text_of(made.model.file.value)), made.model.file, number)
    _seed(making, part, first, made, number)
    _texts(making, part, made, number)
    if _laid(made.model) != _laid(first.model):
        making.named[made.node.id] = None  # networks are those of the first pass


def _seed(making: Making, part: str, first: Pass, made: Pass, number: int = 0) -> None:
    if as_whole(made.seed.value) != as_whole(first.seed.value):
        making.put(f"{part}.seed", as_whole(made.seed.value), made.seed, number)
    else:
        making.stands("noise.seed", made.seed)


def _laid(model: ModelChain) -> list[tuple[Json, ...]]:
    return [(lora.file.value, lora.unet.value, lora.text_encoder.value) for lora in model.loras]


def _hires_steps(making: Making, made: Pass) -> None:
    """Steps that are run, and the strength that a schedule of so many is cut short by."""
    first, planned = as_whole(made.first_step.value), steps_of(making, made)
    if first and planned and 0 < first < planned:
        steps = planned - first
        fitting = shortest(steps / (planned + 1), lambda strength: int(steps / min(strength, 0.999)) == planned)
        making.put("stages.hires.strength", fitting)
        if steps != making.draft.get(place_of("sampling.steps"), 0):
            making.put("stages.hires.steps", steps)
    else:
        steps = planned or 0
        strength = as_number(made.strength.value)
        making.put("stages.hires.strength", 1.0 if strength is None else min(max(strength, 0.0), 1.0), made.strength)
        if steps > 0 and steps != making.draft.get(place_of("sampling.steps"), 0):
            making.put("stages.hires.steps", steps, made.steps)
        else:
            making.stands("sampling.steps", made.steps)


def _texts(making: Making, part: str, made: Pass, number: int) -> None:
    """Prompts that are not those of the first pass."""
    composed = making.draft.get(place_of("text.language"), 0) != making.dialect.name
    for name, own in (("prompt", made.positive), ("negative", made.negative)):
        if own is None:
            continue
        said = (positive_text if name == "prompt" else _negative)(own, making.dialect)
        if said.composed and not composed:
            making.named[made.node.id] = None
        elif said.text != making.draft.get(place_of(name), 0):
            making.put(f"{part}.{name}", said.text, said.leaf, number)


def _negative(found: Conditioning, dialect: Dialect) -> Said:
    return negative_text(found, dialect, composed=False)


def _upscaler(making: Making, start: Start) -> str:
    words = making.roles.words
    method = text_of(start.method.value) or ""
    if start.upscaler.value is not None:
        return MODEL_UPSCALER + (text_of(start.upscaler.value) or "").removesuffix(".pth").removesuffix(SUFFIX)
    if start.in_latent:
        return f"latent:{words['latent_methods'].get(method, method) or 'nearest_exact'}"
    return f"image:{words['image_methods'].get(method, method)}" if method else "latent:nearest_exact"


def _hires_size(making: Making, start: Start) -> None:
    scale = as_number(start.scale.value)
    if scale is not None:
        making.put("stages.hires.scale", scale, start.scale)
        return
    for name, side in zip(("width", "height"), start.target or (), strict=False):
        making.stands(f"stages.hires.size.{name}", side)
    size = size_of(start)
    first = making.draft.get(place_of("size"), 0)
    if size is None:
        making.put("stages.hires.scale", 1.0)
        return
    if isinstance(first, Size) and first.width and first.height:
        ratio = round(size.width / first.width, 2)
        if (int(first.width * ratio), int(first.height * ratio)) == size:
            making.put("stages.hires.scale", ratio)
            return
    making.put("stages.hires.size", size)
