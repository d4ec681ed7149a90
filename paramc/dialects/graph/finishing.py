"""What is done to the finished picture: enlarged by a model, resampled, its faces painted anew, or only named."""

from collections.abc import Sequence
from math import isfinite
from typing import Final, TypeAlias

from paramc.dialects.graph.chains import chain
from paramc.dialects.graph.conditionings import Conditionings
from paramc.dialects.graph.found import Result
from paramc.dialects.graph.making import SUFFIX, Making, name_of
from paramc.dialects.graph.model import Node
from paramc.dialects.graph.texts import negative_text, positive_text
from paramc.dialects.graph.values import as_number, as_whole
from paramc.dialects.graph.walk import Walk, text_of
from paramc.ir.geometry import Size
from paramc.ir.names import MODEL_UPSCALER
from paramc.ir.places import place_of

ENLARGED: Final = "stages.post_upscale[n]"
HIRES: Final = ("stages.hires.scale", "stages.hires.size")
DETAILED: Final = "stages.detailer[n]"
MAIN_PROMPT: Final = "[PROMPT]"  # what stands for it in the text of a detailer


Step: TypeAlias = tuple[str, Node]


def finish(making: Making, result: Result) -> None:
    """Every step of the finished picture, in order; what a Job has no words for is named."""
    walk = Walk(making.graph, making.roles)
    enlarged = detailed = 0
    for role, node in _behind_paste(making, walk, result.finish):
        match role:
            case "upscale":
                _enlarged(making, walk, node, enlarged)
                enlarged += 1
            case "scale":
                _scaled(making, walk, node, enlarged)
                enlarged += 1
            case "resize" if _resized(making, walk, node, enlarged):
                enlarged = max(enlarged, 1)
            case "detailer":
                _detailed(making, walk, node, detailed)
                detailed += 1
            case _:
                making.named[node.id] = None
    making.named |= walk.opaque
    making.read |= walk.used


def _behind_paste(making: Making, walk: Walk, steps: Sequence[Step]) -> Sequence[Step]:
    """The steps behind the one that lays an inpainted part back: it and those before it are how inpainting ends."""
    pastes = [place for place, (role, _) in enumerate(steps) if role == "paste"]
    if not pastes or making.draft.get(place_of("task.kind"), 0) != "inpaint":
        return steps
    _, last = steps[pastes[-1]]
    walk.node(walk.role(last).link(last, "ground"))
    return steps[pastes[-1] + 1 :]


def _enlarged(making: Making, walk: Walk, node: Node, number: int) -> None:
    file = walk.found(walk.node(walk.role(node).link(node, "model")) or node, "file")
    label = (text_of(file.value) or "").removesuffix(".pth").removesuffix(SUFFIX)
    making.put(f"{ENLARGED}.upscaler", MODEL_UPSCALER + label, file, number)
    scale = walk.found(node, "scale")
    making.put(f"{ENLARGED}.scale", as_number(scale.value), scale, number)


def _scaled(making: Making, walk: Walk, node: Node, number: int) -> None:
    making.put(f"{ENLARGED}.upscaler", _resampling(making, walk, node), walk.found(node, "method"), number)
    scale = walk.found(node, "scale")
    making.put(f"{ENLARGED}.scale", as_number(scale.value), scale, number)


def _resized(making: Making, walk: Walk, node: Node, number: int) -> bool:
    """Whether the size that the picture is brought to is known: after an upscaler, or by resampling alone."""
    width, height = (as_whole(walk.found(node, side).value) for side in ("width", "height"))
    if not width or not height:
        return False
    wanted, place = Size(width, height), max(number - 1, 0)
    if not number:
        making.put(f"{ENLARGED}.upscaler", _resampling(making, walk, node), walk.found(node, "method"))
    made = _made_size(making)
    ratio = round(width / made.width, 4) if made and made.width else 0.0
    if made and not number and wanted == Size(int(made.width * ratio), int(made.height * ratio)):
        making.put(f"{ENLARGED}.scale", ratio)
    else:
        making.put(f"{ENLARGED}.size", wanted, None, place)
    return True


def _made_size(making: Making) -> Size | None:
    """The size of the picture as its last pass leaves it."""
    size, scale, own = (making.draft.get(place_of(path), 0) for path in ("size", *HIRES))
    if isinstance(own, Size):
        return own
    if not isinstance(size, Size) or not isinstance(scale, int | float):
        return size if isinstance(size, Size) else None
    sides = size.width * scale, size.height * scale
    return Size(*map(int, sides)) if all(map(isfinite, sides)) else None


def _resampling(making: Making, walk: Walk, node: Node) -> str:
    method = text_of(walk.found(node, "method").value) or ""
    return f"image:{making.roles.words['image_methods'].get(method, method)}"


def _detailed(making: Making, walk: Walk, node: Node, number: int) -> None:
    """Found regions painted anew."""
    role = walk.role(node)
    regions = walk.node(role.link(node, "regions")) or node
    detector = walk.node(walk.role(regions).link(regions, "detector"))
    if detector:
        file = walk.found(detector, "file")
        making.put(f"{DETAILED}.model", text_of(file.value), file, number)
    for name, ours, source in _NUMBERS:
        found = walk.found(regions if source == "regions" else node, ours)
        making.put(f"{DETAILED}.{name}", as_number(found.value), found, number)
    steps, dilation = walk.found(node, "steps"), walk.found(regions, "dilation")
    making.put(f"{DETAILED}.steps", as_whole(steps.value), steps, number)
    making.put(f"{DETAILED}.dilation", as_whole(dilation.value), dilation, number)
    for name, word in (("sampler", making.roles.sampler), ("schedule", making.roles.schedule)):
        found = walk.found(node, name)
        label = text_of(found.value)
        making.put(f"{DETAILED}.{name}", label and word(label), found, number)
    _detailed_from(making, walk, node, number)


_NUMBERS: Final = (("strength", "strength", ""), ("cfg_scale", "cfg", ""), ("confidence", "confidence", "regions"))


def _detailed_from(making: Making, walk: Walk, node: Node, number: int) -> None:
    """Texts, model and seed, where they are not those of the picture."""
    role, conditionings = walk.role(node), Conditionings(walk)
    own = walk.found(node, "prompt")
    text = text_of(own.value) or ""
    positive = positive_text(conditionings.read(role.link(node, "positive")), making.dialect)
    negative = negative_text(conditionings.read(role.link(node, "negative")), making.dialect, composed=False)
    if text:
        added = text.removeprefix(str(role.fixed.get("adds", "")))
        making.put(f"{DETAILED}.prompt", text if added == text else f"{MAIN_PROMPT}{added}", own, number)
    elif positive.text != making.draft.get(place_of("prompt"), 0):
        making.put(f"{DETAILED}.prompt", positive.text, positive.leaf, number)
    if negative.text != making.draft.get(place_of("negative"), 0):
        making.put(f"{DETAILED}.negative", negative.text, negative.leaf, number)
    file = chain(walk, role.link(node, "model"), "model").file
    if name_of(text_of(file.value)) != making.draft.get(place_of("assets.checkpoint.name"), 0):
        making.put(f"{DETAILED}.checkpoint.name", name_of(text_of(file.value)), file, number)
    seed = walk.found(node, "seed")
    if making.draft.get(place_of("noise.seed"), 0) is None:
        making.put("noise.seed", as_whole(seed.value), seed)
