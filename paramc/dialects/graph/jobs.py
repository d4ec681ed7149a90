"""What a trace found → a Job, and the widget that each of its values stands in."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from paramc.dialects.description import Dialect
from paramc.dialects.graph.bundles import BUNDLE
from paramc.dialects.graph.chains import PATCHES
from paramc.dialects.graph.finishing import finish
from paramc.dialects.graph.found import ControlUse, Found, Lora, ModelChain, Part, Pass, Placed, Result, Start
from paramc.dialects.graph.later import later_passes, parts_of_first
from paramc.dialects.graph.levels import shares, variance_preserving
from paramc.dialects.graph.making import (
    RHO,
    Making,
    drops_a_sigma,
    is_short,
    is_silent,
    leaves_noise,
    levels_of,
    name_of,
    put_file,
    shortest,
    size_of,
    steps_of,
)
from paramc.dialects.graph.model import Graph, Link
from paramc.dialects.graph.roles import Roles
from paramc.dialects.graph.texts import COMPOSED, Said, negative_text, positive_text
from paramc.dialects.graph.values import Json, as_number, as_whole
from paramc.dialects.graph.walk import CHOOSING, text_of
from paramc.ir.job import Job
from paramc.ir.names import sampler_of

WHOLE: Final = 0.9999  # a strength above it runs all steps
DEFAULT: Final = "default"
PARTIAL: Final = (*CHOOSING, BUNDLE)  # roles of nodes that use only some of what they are given
SILENT: Final = (BUNDLE, "through")  # roles of nodes that say nothing themselves


class Reading(NamedTuple):
    """A Job, the widgets of its values by their paths, and the node that its picture leaves the graph by."""

    job: Job
    widgets: Mapping[str, tuple[Found, ...]]
    output: str


def read_result(result: Result, graph: Graph, roles: Roles, dialect: Dialect) -> Reading:
    """The Job of one output."""
    making = Making(graph, roles, dialect)
    making.named |= dict.fromkeys(result.opaque)
    making.read |= dict.fromkeys(result.nodes)
    if result.passes:
        parts = parts_of_first(making, result.passes)
        _first_pass(making, result, parts)
        later_passes(making, result.passes, parts)
    else:
        making.put("task", {"kind": "enlarge"})
        making.put("task.init.path", text_of(result.image.value), result.image)
    finish(making, result)
    making.named |= dict.fromkeys(_unread(making, result))
    _opaque(making)
    making.put("producer.dialect", dialect.name)
    widgets = {path: tuple(found) for path, found in making.widgets.items()}
    return Reading(making.draft.job(), widgets, result.node.id)


def _first_pass(making: Making, result: Result, parts: int) -> None:
    made, last = result.passes[0], result.passes[parts - 1]
    _sampling(making, made, last)
    _part(making, made, last)
    _texts(making, made)
    _files(making, made, result)
    _patches(making, made)
    _controls(making, result, parts)
    _task(making, made)


def _sampling(making: Making, made: Pass, last: Pass) -> None:
    """The sampler and what steers it, of a pass that other nodes go on with up to `last`."""
    if as_whole(made.seed.value) is not None:
        making.put("noise.seed", as_whole(made.seed.value), made.seed)
    making.put("noise.generator", making.roles.words["generators"].get(text_of(made.generator.value) or ""))
    share = as_number(made.second_share.value)
    if share:
        making.put("noise.variation.strength", min(max(share, 0.0), 1.0), made.second_share)
        making.put("noise.variation.seed", as_whole(made.second_seed.value), made.second_seed)
    making.number("sampling.image_cfg_scale", made.image_cfg)
    sampler, schedule = text_of(made.sampler.value), text_of(made.schedule.value)
    making.put("sampling.sampler", sampler and making.roles.sampler(sampler), made.sampler)
    _schedule(making, last, schedule)
    for name, found in (("eta", made.eta), ("s_noise", made.s_noise)):
        if as_number(found.value) != 1:  # what goes without saying
            making.number(f"sampling.{name}", found)
    making.number("sampling.shift", made.model.shift)
    for name, found in (("sigma_min", made.sigma_min), ("sigma_max", made.sigma_max), ("rho", made.rho)):
        if name != "rho" or as_number(found.value) != RHO:
            making.number(f"sampling.{name}", found)
    making.number("sampling.beta_alpha", made.alpha)
    making.number("sampling.beta_beta", made.beta)
    making.number("sampling.cfg_rescale", made.model.rescale)
    if isinstance(made.model.zsnr.value, bool):
        making.put("sampling.zero_terminal_snr", made.model.zsnr.value, made.model.zsnr)
    making.put("noise.scales_by_vp", not made.plain_start)
    guidance = next((part.guidance for part in made.positive.parts if part.guidance.value is not None), None)
    if guidance:
        making.number("sampling.distilled_cfg_scale", guidance)


def _schedule(making: Making, made: Pass, word: str | None) -> None:
    """Steps and schedule; one that is cut off before its last sigma was planned a step longer."""
    name = word and making.roles.schedule(word)
    drops, short = drops_a_sigma(making, made), is_short(making, made)
    if drops or short:
        making.put("sampling.steps", steps_of(making, made))
    else:
        making.whole("sampling.steps", made.steps, least=1)
    if drops:
        making.put("sampling.drops_penultimate_sigma", True)
    if short:
        making.put("sampling.schedule", making.roles.words["short_schedules"].get(name or ""))
    else:
        making.put("sampling.schedule", name, made.schedule)


def _part(making: Making, made: Pass, last: Pass) -> None:
    """The steps that are run where they are not all, and what becomes of the noise before and behind them."""
    first, end = as_whole(made.first_step.value) or 0, as_whole(last.last_step.value)
    steps = steps_of(making, last) or 0
    if first and first >= (steps if made.start.kind == "image" else 1):
        making.put("sampling.first_step", first, made.first_step)
    if end is not None and 0 <= end < steps:
        making.put("sampling.last_step", end, last.last_step)
        making.put("sampling.leaves_noise", leaves_noise(making, last) or None, last.leftover)
    if is_silent(making, made):
        making.put("noise.multiplier", 0.0)


def _texts(making: Making, made: Pass) -> None:
    positive = positive_text(made.positive, making.dialect, _calls(making, made))
    negative = negative_text(made.negative, making.dialect, composed=positive.composed)
    if negative.composed and not positive.composed and not positive.native:
        positive = _recomposed(making, made)
    native = positive.native or negative.native
    making.put("text.language", COMPOSED if positive.composed or native else making.dialect.name)
    if not native:
        making.put("text.emphasis", "comfy")
    making.put("prompt", positive.text, positive.leaf)
    making.put("negative", negative.text, negative.leaf)
    making.named |= dict.fromkeys((*positive.lost, *negative.lost))
    telling = (
        (branch, part) for branch, part in enumerate(positive.placed) if part.area or part.weight.value is not None
    )
    for number, (branch, part) in enumerate(telling):
        _area(making, number, branch, part)
    making.number("sampling.cfg_scale", positive.guided(made.cfg))


def _area(making: Making, number: int, branch: int, part: Part) -> None:
    """Where one of several prompts counts, and how much."""
    path, area = "patches.prompt_area[n]", part.area or Placed()
    making.put(f"{path}.branch", branch, None, number)
    making.put(f"{path}.strength", as_number(part.weight.value), part.weight, number)
    making.put(f"{path}.unit", area.unit or None, None, number)
    sides = {"x": area.x, "y": area.y, "width": area.width, "height": area.height}
    for name, found in (sides | {"mask_strength": area.mask_strength}).items():
        making.put(f"{path}.{name}", as_number(found.value), found, number)
    if area.mask:
        making.put(f"{path}.mask.path", text_of(area.mask.file.value), area.mask.file, number)
        making.put(f"{path}.mask_channel", text_of(area.mask.channel.value), area.mask.channel, number)
        making.put(f"{path}.inverts_mask", area.mask.is_inverted, None, number)
        making.put(f"{path}.fits_mask", area.fits_mask, None, number)


def _calls(making: Making, made: Pass) -> tuple[float, ...]:
    """The shares of time at which a whole pass calls the model."""
    sampler = sampler_of(making.roles.sampler(text_of(made.sampler.value) or ""))
    spacing = making.roles.words["spacings"].get(making.roles.schedule(text_of(made.schedule.value) or ""), "")
    strength, eta = as_number(made.strength.value), as_number(made.eta.value)
    partial = as_whole(made.first_step.value) or (strength is not None and strength <= WHOLE)
    levels = () if partial else levels_of(making, made, spacing)
    found = shares(levels, variance_preserving(), sampler, 1.0 if eta is None else eta) if levels else ()
    return (*found, 1.0) if sampler.second and found else found  # a prompt counts two calls of the last step too


def _recomposed(making: Making, made: Pass) -> Said:
    """A positive prompt in the language that the negative one needs."""
    said = positive_text(made.positive, making.dialect)
    written = negative_text(made.positive, making.dialect, composed=True)
    return said._replace(text=written.text, composed=True, leaf=Found(None))


def _files(making: Making, made: Pass, result: Result) -> None:
    clips = made.clips
    put_file(making, "assets.checkpoint.name", made.model.file)
    dtype = text_of(made.model.dtype.value)
    if dtype and dtype != DEFAULT:
        making.put("assets.weight_dtype", dtype, made.model.dtype)
    vae = result.vae if result.vae and result.vae.bare else None
    encoders = clips[0].files if clips else []
    parted = bool(encoders) and made.model.bare
    if encoders:
        names = [*encoders, *([vae.file] if parted and vae and vae.file.value is not None else [])]
        making.put("assets.modules", [{"name": name_of(text_of(name.value))} for name in names])
    if vae and not parted:
        put_file(making, "assets.vae.name", vae.file)
    layer = next((found.layer for found in clips if found.layer.value is not None), Found(None))
    number = as_whole(layer.value)
    if number is not None and number < 0:
        making.put("text.layer", number, layer)
    _networks(making, made.model, clips)


def _networks(making: Making, model: ModelChain, clips: list[ModelChain]) -> None:
    """Networks from the file on; one that the texts do not pass through leaves the text encoder alone."""
    encoder = clips[0].loras if clips else []
    through = {lora.node for lora in encoder}
    laid = [(lora, True, lora.node in through) for lora in reversed(model.loras)]
    known = {lora.node for lora in model.loras}
    laid += [(lora, False, True) for lora in reversed(encoder) if lora.node not in known]
    for number, (lora, on_model, on_encoder) in enumerate(laid):
        _network(making, lora, number, on_model=on_model, on_encoder=on_encoder)


def _network(making: Making, lora: Lora, number: int, *, on_model: bool, on_encoder: bool) -> None:
    part = "patches.extra_network[n]"
    making.put(f"{part}.unit", number + 1, None, number)
    making.put(f"{part}.model.name", name_of(text_of(lora.file.value)) or "", lora.file, number)
    for name, found, used in (("unet", lora.unet, on_model), ("text_encoder", lora.text_encoder, on_encoder)):
        strength = as_number(found.value)
        value = 0.0 if not used else 1.0 if strength is None else strength
        making.put(f"{part}.{name}", value, found if used else None, number)


def _patches(making: Making, made: Pass) -> None:
    for number, shown in enumerate(dict.fromkeys(made.positive.references)):
        making.put("patches.reference[n].unit", number + 1, None, number)
        making.put("patches.reference[n].image.path", text_of(shown.value), shown, number)
    for number, (file, strength) in enumerate(reversed(made.model.hypernets)):
        part = "patches.hypernetwork[n]"
        making.put(f"{part}.name", (text_of(file.value) or "").removesuffix(".pt"), file, number)
        making.put(f"{part}.strength", as_number(strength.value), strength, number)
    ratio = as_number(made.model.merging.value)
    making.put("patches.token_merging.ratio", ratio, made.model.merging)
    if made.model.hypertile:
        making.put("patches.hypertile.unet", True)
        for name, found in made.model.hypertile:
            making.put(f"patches.hypertile.unet_{name}", as_whole(found.value), found)
    for kind, values in made.model.patches.items():
        making.put(f"patches.{kind}.kind", kind)
        for name, found in values.items():
            making.put(f"patches.{kind}.{name}", _like(PATCHES[kind][name], found.value), found)


def _like(default: object, value: Json) -> object:
    """A value of the kind that the default is of; None for any other."""
    match default:
        case bool():
            return value if isinstance(value, bool) else None
        case int():
            return as_whole(value)
        case float():
            return as_number(value)
        case _:
            return text_of(value)


def _controls(making: Making, result: Result, parts: int) -> None:
    """What steers the passes; of several a unit may steer the first or the second alone."""
    first = _units(result.passes[0])
    second = _units(result.passes[parts]) if parts < len(result.passes) else first
    for number, (mark, use) in enumerate((first | second | first).items()):
        part = "controls.controlnet[n]"
        making.put(f"{part}.unit", number, None, number)
        if mark not in second or mark not in first:
            making.put(f"{part}.passes", "first" if mark in first else "second", None, number)
        making.put(f"{part}.preprocessor", use.kind or None, None, number)
        for name, found in use.settings:
            value = as_whole(found.value) if name == "resolution" else as_number(found.value)
            making.put(f"{part}.{name}", value, found, number)
        making.put(f"{part}.model.name", name_of(text_of(use.file.value)), use.file, number)
        making.put(f"{part}.image.path", text_of(use.image.value), use.image, number)
        for name, found in (("weight", use.strength), ("start", use.start), ("end", use.end)):
            making.put(f"{part}.{name}", as_number(found.value), found, number)


def _units(made: Pass) -> dict[tuple[str, ...], ControlUse]:
    """What steers a pass, by what tells it from others: file, picture, strength, and which of several alike."""
    found: dict[tuple[str, ...], ControlUse] = {}
    alike: Counter[tuple[str, ...]] = Counter()
    for use in (*made.positive.controls, *reversed(made.model.adapters)):
        name = tuple(str(value.value) for value in (use.file, use.image, use.strength))
        found[*name, str(alike[name])] = use
        alike[name] += 1
    return found


def _task(making: Making, made: Pass) -> None:
    start = made.start
    size = size_of(start)
    if size:
        making.put("size", size)
        _note_size(making, start)
    batch = as_whole(start.batch.value)
    if batch is not None and batch > 0:
        making.put("batch.size", batch, start.batch)
    strength = as_number(made.strength.value)
    if start.kind == "image":
        making.put("task.kind", "inpaint" if start.is_masked else "image_to_image")
        making.put("task.init.path", text_of(start.image.value), start.image)
        _strength(making, made)
        crop = making.roles.words["crops"].get(text_of(start.cut.value) or "")
        making.put("task.resize", crop, None)
        if start.is_masked:
            _mask(making, start)
            making.put("task.soft", {} if made.model.soft else None)
    elif strength is not None and strength <= WHOLE and start.kind == "empty":
        making.put("sampling.share", min(max(strength, 0.0), 1.0), made.strength)
    if start.kind == "unknown":
        making.named[made.node.id] = None


def _strength(making: Making, made: Pass) -> None:
    """How far the picture is changed; of a pass that starts at a step, the least that A1111 starts there with."""
    first, steps = as_whole(made.first_step.value), steps_of(making, made)
    if first and steps and 0 < first < steps:
        encoded = steps - first - 1
        making.put("task.strength", shortest(encoded / steps, lambda strength: int(strength * steps) == encoded))
        return
    strength = as_number(made.strength.value)
    making.put("task.strength", 1.0 if strength is None else min(max(strength, 0.0), 1.0), made.strength)
    if strength is not None and strength <= WHOLE:
        making.put("task.exact_steps", True)


def _mask(making: Making, start: Start) -> None:
    making.put("task.mask.path", text_of(start.mask.value), start.mask)
    blur = as_number(start.mask_blur.value)
    making.put("task.mask_blur", 0.0 if blur is None else blur, start.mask_blur)
    making.put("task.inverts_mask", start.mask_inverted)
    making.put("task.fill", start.fill)
    if start.is_part:
        making.put("task.area", "masked")
        making.put("task.padding", 0)


def _note_size(making: Making, start: Start) -> None:
    sides = (start.width, start.height) if start.kind == "empty" else start.target or ()
    for name, side in zip(("width", "height"), sides, strict=False):
        making.stands(f"size.{name}", side)


def _unread(making: Making, result: Result) -> Iterator[str]:
    """Nodes that nodes of the picture take something from and that nothing has been read of.

    What a node that saves the picture is told beside it says nothing about the picture.
    """
    seen = set(making.read)
    ended = () if result.passes and result.passes[-1].node.id == result.node.id else (result.node.id,)
    waiting = [(name, True) for name in making.read if name not in ended]
    while waiting:
        name, is_known = waiting.pop()
        node = making.graph.nodes[name]
        if is_known and making.roles.of(node).role in PARTIAL:
            continue
        fresh = {value.node for value in node.inputs.values() if isinstance(value, Link)} - seen
        for other in sorted(fresh & making.graph.nodes.keys()):
            role = making.roles.of(making.graph.nodes[other]).role
            seen.add(other)
            waiting.append((other, is_known and role == BUNDLE))
            if role not in SILENT:
                yield other


def _opaque(making: Making) -> None:
    """Nodes that matter and are not understood, by name, with everything that they say."""
    present = (making.graph.nodes[name] for name in making.named if name in making.graph.nodes)
    for number, node in enumerate(sorted(present, key=lambda node: (len(node.id), node.id))):
        part = "patches.opaque[n]"
        making.put(f"{part}.name", node.type or "unknown", None, number)
        making.put(f"{part}.fields", (("node", node.id), *sorted(_fields(node.inputs))), None, number)


def _fields(inputs: Mapping[str, "Json | Link"]) -> Iterator[tuple[str, str]]:
    """The values as texts; browsers write 1 for 1.0."""
    for name, value in inputs.items():
        if isinstance(value, float) and value.is_integer():
            yield name, str(int(value))
        elif isinstance(value, str | int | float):
            yield name, str(value)
