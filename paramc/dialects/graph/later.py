"""Passes after the first: second passes, refiners, and whatever more there is."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import Final

from paramc.dialects.description import Dialect
from paramc.dialects.graph.found import Conditioning, Found, ModelChain, Pass, Start
from paramc.dialects.graph.making import (
    SLACK,
    SUFFIX,
    Making,
    drops_a_sigma,
    is_short,
    is_silent,
    leaves_noise,
    name_of,
    put_file,
    shortest,
    size_of,
    steps_of,
)
from paramc.dialects.graph.texts import Said, negative_text, places, positive_text
from paramc.dialects.graph.values import Json, as_number, as_whole
from paramc.dialects.graph.walk import text_of
from paramc.ir.geometry import Size, multiplied
from paramc.ir.names import MODEL_UPSCALER, model_factor
from paramc.ir.places import place_of

REFINER: Final = "stages.refiner.checkpoint.name"
HIRES: Final = "stages.hires.upscaler"
USUAL: Final = "lanczos"  # what brings a picture to its size behind a model
CELL: Final = 8  # pixels per latent cell


def parts_of_first(making: Making, passes: Sequence[Pass]) -> int:
    """How many of the passes are pieces of the first one: the rest of its steps, by one more model at the most."""
    refined = False
    for place, (before, made) in enumerate(pairwise(passes), 1):
        another = _is_other_model(before, made)
        changed = made.model.nodes != before.model.nodes or made.positive.parts != before.positive.parts
        if not goes_on(making, before, made) or _walk(made) != _walk(before) or (refined if another else changed):
            return place
        refined = refined or another
    return len(passes)


def later_passes(making: Making, passes: Sequence[Pass], parts: int) -> None:
    """What follows the first pass: a model that takes over in it, a pass over the enlarged picture, and more."""
    first = passes[0]
    for before, made in pairwise(passes[:parts]):
        if _is_other_model(before, made):
            _refiner(making, first, made)
    for place, made in enumerate(passes[parts:]):
        whole = not (_ends_early(making, made) or is_silent(making, made))
        if place == 0 and whole and made.start.kind == "pass" and first.start.kind != "image":
            _hires(making, first, made)
        else:
            _further(making, first, made)


def _is_other_model(before: Pass, made: Pass) -> bool:
    return made.model.file.value != before.model.file.value


def goes_on(making: Making, before: Pass, made: Pass) -> bool:
    """Whether a pass takes over the schedule where the one before it stops, without noise of its own."""
    first, last = as_whole(made.first_step.value), as_whole(before.last_step.value)
    keeps = before.leftover.value is None or leaves_noise(making, before)
    enlarged = made.start.target is not None or made.start.scale.value is not None
    return bool(first) and first == last and keeps and is_silent(making, made) and not enlarged


def _walk(made: Pass) -> tuple[Json, ...]:
    return made.sampler.value, made.schedule.value, as_whole(made.steps.value), as_number(made.cfg.value)


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
    making.put("stages.hires.resampling", _resampling(making, made.start), made.start.method)
    _hires_size(making, made)
    _hires_steps(making, made)
    _own(making, "stages.hires", first, made)


def _further(making: Making, first: Pass, made: Pass) -> None:
    """A pass that is said as it stands."""
    part, number, start = "stages.further[n]", making.further, made.start
    making.further += 1
    making.put(f"{part}.steered", start.kind == "steered", None, number)
    if start.target or start.scale.value is not None or start.upscaler.value is not None:
        making.put(f"{part}.upscaler", _upscaler(making, start), start.upscaler, number)
        making.put(f"{part}.resampling", _resampling(making, start), start.method, number)
        making.put(f"{part}.scale", *_scale(making, made), number)
        making.put(f"{part}.size", size_of(start), None, number)
    steps, end = _planned(making, first, made), as_whole(made.last_step.value)
    if steps != steps_of(making, first):
        making.put(f"{part}.steps", steps, made.steps, number)
    else:
        making.stands("sampling.steps", made.steps)
    making.put(f"{part}.adds_noise", not is_silent(making, made), None, number)
    making.put(f"{part}.first_step", as_whole(made.first_step.value) or None, made.first_step, number)
    if steps is not None and end is not None and end < steps:
        making.put(f"{part}.last_step", end, made.last_step, number)
        making.put(f"{part}.leaves_noise", leaves_noise(making, made) or None, made.leftover, number)
    strength = as_number(made.strength.value)
    if strength is not None and strength < 1:
        making.put(f"{part}.strength", max(strength, 0.0), made.strength, number)
    _own(making, part, first, made, number)
    if start.kind not in ("pass", "steered"):
        making.named[made.node.id] = None  # what it begins with is not said


def _planned(making: Making, first: Pass, made: Pass) -> int | None:
    """The steps of a schedule; only a first pass that leaves a level out has others leave it out too."""
    leaves_out = drops_a_sigma(making, first) or is_short(making, first)
    return steps_of(making, made) if leaves_out else as_whole(made.steps.value)


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
    own, before = _guidance(making, made), _guidance(making, first)
    if as_number(own.value) != as_number(before.value):
        making.put(f"{part}.cfg_scale", as_number(own.value), own, number)
    else:
        making.stands("sampling.cfg_scale", own)
    if made.model.file.value != first.model.file.value:
        making.put(f"{part}.checkpoint.name", name_of(text_of(made.model.file.value)), made.model.file, number)
    _seed(making, part, first, made, number)
    _texts(making, part, first, made, number)
    if _laid(made.model) != _laid(first.model):
        making.named[made.node.id] = None  # networks are those of the first pass


def _guidance(making: Making, made: Pass) -> Found:
    """The guidance of a pass, with the weights of its prompt where the job's language has words for them."""
    said = positive_text(made.positive, making.dialect)
    return made.cfg if said.composed and not _is_composed(making) else said.guided(made.cfg)


def _is_composed(making: Making) -> bool:
    return making.draft.get(place_of("text.language"), 0) != making.dialect.name


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


def _texts(making: Making, part: str, first: Pass, made: Pass, number: int) -> None:
    """Prompts that are not those of the first pass; those that are count where they count there, others everywhere."""
    for name, own, before in (("prompt", made.positive, first.positive), ("negative", made.negative, first.negative)):
        if own is None:
            continue
        if before is not None and own.parts == before.parts:
            if any(each.start.value is not None for each in own.parts):
                making.named[made.node.id] = None  # texts that follow each other do so at other steps here
            continue
        said = (positive_text if name == "prompt" else _negative)(own, making.dialect)
        making.named |= dict.fromkeys(said.lost)
        is_own = said.text != making.draft.get(place_of(name), 0)
        placed = Said() if is_own else positive_text(first.positive, making.dialect)
        if name == "prompt" and places(said) != places(placed):
            making.named[made.node.id] = None
        if said.composed and not _is_composed(making):
            making.named[made.node.id] = None
        elif is_own:
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


def _resampling(making: Making, start: Start) -> str | None:
    """The filter behind a model, where it is not the usual one."""
    if start.upscaler.value is None or start.method.value is None:
        return None
    method = text_of(start.method.value) or ""
    known = making.roles.words["image_methods"].get(method, method)
    return None if known == USUAL else known


def _scale(making: Making, made: Pass) -> tuple[float | None, Found | None]:
    """The factor that a pass is enlarged by; a model's own one is known by the name of its file."""
    start = made.start
    scale = as_number(start.scale.value)
    if start.upscaler.value is None or (start.in_all and scale is not None):
        return scale, start.scale
    factor = model_factor(text_of(start.upscaler.value) or "")
    if start.target is not None:
        return None, None
    if factor is None and scale is not None:
        making.named[made.node.id] = None  # nobody knows what the factor is one of
    return None if factor is None else float(f"{factor * (1 if scale is None else scale):.10g}"), None


def _hires_size(making: Making, made: Pass) -> None:
    start = made.start
    scale, widget = _scale(making, made)
    if scale is not None or (start.target is None and start.upscaler.value is not None):
        making.put("stages.hires.scale", scale, widget)
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
        cut = Size(*(int(side * ratio) for side in first))  # where halves are not rounded
        if multiplied(first, ratio, CELL if start.in_latent else 1) == size == cut:
            making.put("stages.hires.scale", ratio)
            return
    making.put("stages.hires.size", size)
