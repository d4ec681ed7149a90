"""Texts to conditioning: chunks, texts that change while sampling, several prompts at once.

An encoding is written where it is used: which part of the sampling a text belongs to depends on the pass.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from paramc.backends.graph.areas import placed, short
from paramc.backends.graph.builder import Socket, Sockets
from paramc.backends.graph.context import Context, file_name, picture_name
from paramc.backends.graph.tables import Reader
from paramc.backends.weights import chunks, weighted_text
from paramc.dialects.graph.levels import borders
from paramc.dialects.language import language_of
from paramc.dialects.registry import find_dialect
from paramc.ir.control import ControlNet
from paramc.ir.plan import ApplyControl, Average, Combine, Encode, Run, Variant

NODES = "nodes"  # the option for text nodes of packs
DEEPEST_LAYER = -24
LATENTS, TEXTS = "latents", "texts"  # beside which pictures are shown to a model
MOST_SHOWN = 3  # by the nodes of texts
STRONGEST = 10.0  # that a part of a combination can be


class Guidance(NamedTuple):
    """Both sides of classifier-free guidance and its weight: neg + cfg·(pos − neg).

    With something in the `middle`: neg + middle_cfg·(mid − neg) + cfg·(pos − mid).
    """

    positive: Socket
    negative: Socket
    cfg: float
    middle: Socket | None = None
    middle_cfg: float = 0.0


class Side(NamedTuple):
    """Where texts are encoded, and at which share of the sampling each denoiser call happens.

    `by_time`: units name shares of the time themselves, not of the steps. `title`: the variant of the nodes' titles.
    `between`: the pass can have something in the middle of its guidance.
    """

    clip: Socket
    calls: Callable[[], Sequence[float]]
    by_time: bool = False
    title: str = ""
    between: bool = False


def guidance(context: Context, positive: str, negative: str, cfg: float, side: Side) -> Guidance:
    """The conditioning of a pass.

    Several prompts at once: ComfyUI averages by weight what A1111 adds up, so the guidance is multiplied by the sum of
    the weights. A part with a weight below zero is averaged into the negative, with shares that make the sum the same:
    neg + g·(pos − neg) = u + cfg·Σ w·(c − u), g = cfg·Σ of the weights above zero, as long as cfg·Σw ≥ 1. Where that
    does not hold, two parts are said by guidance with one of them in the middle.
    """
    units: list[ControlNet] = []
    while isinstance(op := context.ops[positive.partition(".")[0]], ApplyControl):
        units.append(op.unit)
        positive, negative = op.positive, op.negative
    found = _guidance(context, positive, negative, cfg, side)
    if context.base.references == LATENTS:
        found = found._replace(positive=_shown(context, found.positive))
    for unit in reversed(units):
        if context.target.kind_of(unit) is None:
            found = _controlled(context, found, unit, side)
    return found


def bare(context: Context, reference: str) -> str:
    """The id of a conditioning before any picture steers it."""
    name, _, side = reference.partition(".")
    while isinstance(op := context.ops[name], ApplyControl):
        name, _, side = (op.negative if side == "negative" else op.positive).partition(".")
    return name


def adapters(context: Context, positive: str) -> tuple[ControlNet, ...]:
    """The units of a pass that change the model by a picture; legalising leaves those that the user has nodes for."""
    units: list[ControlNet] = []
    while isinstance(op := context.ops[positive.partition(".")[0]], ApplyControl):
        units.append(op.unit)
        positive = op.positive
    return tuple(unit for unit in reversed(units) if context.target.kind_of(unit))


def adapted(context: Context, unit: ControlNet, model: Socket) -> Sockets:
    """The model with the picture of an adapter laid over it."""
    return context.graph.add(
        "ip_adapter",
        weight=unit.weight,
        start=unit.start,
        end=unit.end,
        model=model,
        image=context.graph.add("load_image", file=_picture(context, unit))["image"],
        **context.graph.add("ip_adapter_model", file=file_name(context, "ip_adapter", unit.model)),
        **context.graph.add("vision", file=file_name(context, "vision", None)),
    )


def _controlled(context: Context, found: Guidance, unit: ControlNet, side: Side) -> Guidance:
    """Both sides steered by a picture, from one share of the sampling to another."""
    start, end = _span(unit, side)
    net = context.graph.add("control_net", file=file_name(context, "control_net", unit.model))["net"]
    image = context.graph.add("load_image", file=_picture(context, unit))["image"]

    def steered(positive: Socket) -> Sockets:
        given = {"positive": positive, "negative": found.negative, "net": net, "image": image}
        return context.graph.add("control", strength=unit.weight, start=start, end=end, **given)

    both = steered(found.positive)
    middle = None if found.middle is None else steered(found.middle)["positive"]
    return found._replace(positive=both["positive"], negative=both["negative"], middle=middle)


def _picture(context: Context, unit: ControlNet) -> str:
    """The picture of a unit; those without a name have one for each unit."""
    if unit.image.path or unit.image.md5:
        return picture_name(context, "control", unit.image)
    return f"{context.tables.files.unnamed['control']}_{unit.unit + 1}{context.tables.files.suffix['control']}"


def _span(unit: ControlNet, side: Side) -> tuple[float, float]:
    """Shares of the time: those of steps that A1111 means lie between two denoiser calls."""
    if side.by_time or (unit.start <= 0 and unit.end >= 1):
        return unit.start, unit.end
    calls = side.calls()
    last = [ceil(unit.start * len(calls)) - 1, int(unit.end * len(calls))]
    found = {
        call: share for call in last if call >= 0 and (share := next(iter(borders(calls, [call])), None)) is not None
    }
    start = found.get(last[0], 0.0 if last[0] < 0 else 1.0)
    return (start if unit.start > 0 else 0.0), (found.get(last[1], 1.0) if unit.end < 1 else 1.0)


def _shown(context: Context, conditioning: Socket) -> Socket:
    """The conditioning with the pictures that the model looks at, as latents."""
    for image in _pictures(context):
        latent = context.graph.add("encode_image", image=image, vae=context.vae)
        conditioning = context.graph.add("reference", conditioning=conditioning, **latent)["conditioning"]
    return conditioning


def _pictures(context: Context) -> list[Socket]:
    files = (picture_name(context, "image", image) for image in context.references)
    return [context.graph.add("load_image", file=file)["image"] for file in files]


def _guidance(context: Context, positive: str, negative: str, cfg: float, side: Side) -> Guidance:
    op = context.ops[positive]
    if isinstance(op, Average):
        texts = [_encoded(context, name, side) for name in op.inputs]
        whole = _joined(context, "combine", placed(context, texts, op.weights, op.areas))
        return Guidance(whole, _encoded(context, negative, side), short(cfg * sum(op.weights)))
    if not isinstance(op, Combine):
        return Guidance(_encoded(context, positive, side), _encoded(context, negative, side), cfg)
    parts = [(_encoded(context, name, side), weight) for name, weight in zip(op.inputs, op.weights, strict=True)]
    against = _encoded(context, negative, side)
    towards = [(socket, weight) for socket, weight in parts if weight > 0]
    away = [(socket, cfg * -weight) for socket, weight in parts if weight < 0]
    total = cfg * sum(weight for _, weight in towards)
    if side.between and len(parts) == 2 and total > 0 and (away or total < 1):
        return _between(parts, against, cfg)
    if away and total > 1:
        own = max(cfg * sum(op.weights) - 1, 0.0)
        against = _averaged(context, [(against, own), *away])
    return Guidance(_averaged(context, towards or parts[:1]), against, total)


def _between(parts: Sequence[tuple[Socket, float]], against: Socket, cfg: float) -> Guidance:
    """u + cfg·Σ w·(c − u) of two parts, one of them with a weight above zero, as guidance with a middle says it."""
    (pos, weight), (other, less) = sorted(parts, key=lambda part: -part[1])
    if weight + less < 0:  # the node takes no scale below zero, so that the negative prompt is in the middle
        return Guidance(pos, other, cfg * weight, against, 1 - cfg * less)
    return Guidance(pos, against, cfg * weight, other, cfg * (weight + less))


def _averaged(context: Context, parts: Sequence[tuple[Socket, float]]) -> Socket:
    parts = [part for part in parts if part[1] != 0] or parts[:1]
    if len(parts) == 1:
        return parts[0][0]
    highest = max(weight for _, weight in parts)
    scale = STRONGEST / highest if highest > STRONGEST else 1.0
    weighed = [
        context.graph.add("strength", strength=weight * scale, conditioning=socket)["conditioning"]
        for socket, weight in parts
    ]
    return _joined(context, "combine", weighed)


def _encoded(context: Context, reference: str, side: Side) -> Socket:
    op = context.ops[reference]
    if not isinstance(op, Encode):  # a combination inside a combination does not occur; its first part stands for it
        return _encoded(context, op.inputs[0], side) if isinstance(op, Combine) else context.socket(reference)
    between = borders(side.calls(), [variant.last_call for variant in op.variants[:-1]]) if op.switches else ()
    if not between:
        return text_conditioning(context, op, op.variants[0], side)
    ends = (*between, 1.0)
    pieces: list[Socket] = []
    for variant, start, end in zip(op.variants, (0.0, *between), ends, strict=False):
        text = text_conditioning(context, op, variant, side)
        pieces.append(context.graph.add("range", start=start, end=end, conditioning=text)["conditioning"])
    return _joined(context, "combine", pieces)


def text_conditioning(context: Context, op: Encode, variant: Variant, side: Side) -> Socket:
    """One text of an encoding, in chunks."""
    clip = side.clip
    if context.base.clip_skip and op.layer < -1:
        clip = context.graph.add("layer", layer=max(op.layer, DEEPEST_LAYER), clip=clip)["clip"]
    title = "_".join(filter(None, (side.title, "negative" if op.negative else "")))
    reader = context.tables.readers.get(str(context.choices.get(NODES)))
    if reader is not None and op.emphasis not in context.tables.emphases.native:
        given = _as_spelt(context, op, variant, reader)
        return context.graph.add(reader.node, title, clip=clip, **given)["conditioning"]
    role, sockets = _text_node(context, clip)
    encoded = [
        context.graph.add(role, title, text=_written(context, op, runs), **sockets)["conditioning"]
        for runs in chunks(variant.runs)
    ]
    whole = _joined(context, "concat", encoded)
    if _is_zero(context, op):
        return context.graph.add("zero", conditioning=whole)["conditioning"]
    return whole


def _text_node(context: Context, clip: Socket) -> tuple[str, Sockets]:
    """The template of a text's node, and what goes into it: for a model that is shown pictures there, they as well."""
    pictures = _pictures(context)[:MOST_SHOWN] if context.base.references == TEXTS else []
    if not pictures:
        return "prompt", {"clip": clip}
    shown = {f"image{number}": picture for number, picture in enumerate(pictures, 1)}
    return f"prompt_{len(shown)}", {"clip": clip, "vae": context.vae, **shown}


def _as_spelt(context: Context, op: Encode, variant: Variant, reader: Reader) -> dict[str, str | bool]:
    """The text for nodes that read another program's language: weights and breaks as they are spelt there."""
    language = language_of(find_dialect(reader.dialect))
    unweighted = op.emphasis in context.tables.emphases.unweighted
    pieces = (
        language.writing.write(tuple((run.text, 1.0 if unweighted else run.weight) for run in part))
        for part in chunks(variant.runs)
    )
    mean = op.emphasis in reader.restores_mean
    text = language.writing.new_chunk.join(pieces)
    for sign in reader.escaped:
        text = text.replace(sign, f"\\{sign}")
    return {"text": f"{reader.mean if mean else reader.plain}{text}", "mean": mean}


def _written(context: Context, op: Encode, runs: Sequence[Run]) -> str:
    if op.emphasis in context.tables.emphases.unweighted:
        runs = [Run(text=run.text) for run in runs]
    return weighted_text(runs, context.tables.text, context.embeddings)


def _is_zero(context: Context, op: Encode) -> bool:
    """A1111 and Forge put zeros in the place of an empty negative prompt of SDXL."""
    native = op.emphasis in context.tables.emphases.native
    return (
        op.negative and context.base.zero_negative and not native and not any(variant.text for variant in op.variants)
    )


def _joined(context: Context, role: str, parts: Sequence[Socket]) -> Socket:
    """All parts in their order, joined in pairs of pairs: a chain of hundreds would be too deep for a server."""
    while len(parts) > 1:
        pairs = [parts[index : index + 2] for index in range(0, len(parts), 2)]
        parts = [_pair(context, role, pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]


def _pair(context: Context, role: str, pair: Sequence[Socket]) -> Socket:
    return context.graph.add(role, first=pair[0], second=pair[1])["conditioning"]
