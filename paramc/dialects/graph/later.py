"""Passes after the first: second passes and refiners."""

from math import ceil

from paramc.dialects.description import Dialect
from paramc.dialects.graph.found import Conditioning, ModelChain, Pass, Start
from paramc.dialects.graph.making import (
    SLACK,
    SUFFIX,
    Making,
    is_silent,
    leaves_noise,
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


def later_pass(making: Making, before: Pass, made: Pass, number: int) -> None:
    """A second pass: the rest of the first one, with another model perhaps, or one on the enlarged picture."""
    if goes_on(making, before, made):
        if making.draft.get(place_of("stages.refiner.checkpoint.name"), 0) is not None:
            making.named[made.node.id] = None
        elif made.model.file.value != before.model.file.value:
            _refiner(making, made)
        elif made.model.nodes != before.model.nodes or made.positive.parts != before.positive.parts:
            making.named[made.node.id] = None
        if _walk(made) != _walk(before):
            making.named[made.node.id] = None
        return
    if number or made.start.kind != "pass":
        making.named[made.node.id] = None
        return
    _hires(making, before, made)


def goes_on(making: Making, before: Pass, made: Pass) -> bool:
    """Whether a pass takes over the schedule where the one before it stops, without noise of its own."""
    first, last = as_whole(made.first_step.value), as_whole(before.last_step.value)
    keeps = before.leftover.value is None or leaves_noise(making, before)
    enlarged = made.start.target is not None or made.start.scale.value is not None
    return bool(first) and first == last and keeps and is_silent(making, made) and not enlarged


def _walk(made: Pass) -> tuple[Json, ...]:
    return made.sampler.value, made.schedule.value, made.steps.value, made.cfg.value


def _refiner(making: Making, made: Pass) -> None:
    first, steps = as_whole(made.first_step.value), steps_of(making, made)
    put_file(making, "stages.refiner.checkpoint.name", made.model.file)
    if first and steps:
        even = round(first / steps, 2)
        fitting = shortest((first - 1) / steps, lambda share: ceil(share * steps - SLACK) == first)
        making.put("stages.refiner.switch_at", min(even if abs(even * steps - first) < SLACK else fitting, 1.0))
        making.put("sampling.steps", steps)
    making.put("stages.refiner.counts_steps", True)


def _hires(making: Making, before: Pass, made: Pass) -> None:
    start = made.start
    making.put("stages.hires.upscaler", _upscaler(making, start), start.upscaler)
    _hires_size(making, start)
    _hires_steps(making, made)
    if made.sampler.value != before.sampler.value:
        making.put("stages.hires.sampler", making.roles.sampler(text_of(made.sampler.value) or ""), made.sampler)
    else:
        making.stands("sampling.sampler", made.sampler)
    if made.schedule.value != before.schedule.value:
        making.put("stages.hires.schedule", making.roles.schedule(text_of(made.schedule.value) or ""), made.schedule)
    else:
        making.stands("sampling.schedule", made.schedule)
    if as_number(made.cfg.value) != as_number(before.cfg.value):
        making.put("stages.hires.cfg_scale", as_number(made.cfg.value), made.cfg)
    else:
        making.stands("sampling.cfg_scale", made.cfg)
    if made.model.file.value != before.model.file.value:
        put_file(making, "stages.hires.checkpoint.name", made.model.file)
    _hires_texts(making, before, made)
    if as_whole(made.seed.value) != as_whole(before.seed.value):
        making.put("stages.hires.seed", as_whole(made.seed.value), made.seed)
    else:
        making.stands("noise.seed", made.seed)
    steps, end = steps_of(making, made), as_whole(made.last_step.value)
    ends_early = steps is not None and end is not None and end < steps
    if ends_early or is_silent(making, made) or _laid(made.model) != _laid(before.model):
        making.named[made.node.id] = None  # nothing says so of a second pass


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


def _hires_texts(making: Making, before: Pass, made: Pass) -> None:
    composed = making.draft.get(place_of("text.language"), 0) != making.dialect.name
    for name, own in (("prompt", made.positive), ("negative", made.negative)):
        if own is None:
            continue
        said = (positive_text if name == "prompt" else _negative)(own, making.dialect)
        if said.composed and not composed:
            making.named[made.node.id] = None
        elif said.text != making.draft.get(place_of(name), 0):
            making.put(f"stages.hires.{name}", said.text, said.leaf)


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
