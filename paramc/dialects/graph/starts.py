"""Where latents and pictures come from: nothing, a file, or an earlier pass, and what is done to them on the way."""

from collections.abc import Callable, Mapping
from typing import Final

from paramc.dialects.graph.found import Start
from paramc.dialects.graph.model import Link, Node
from paramc.dialects.graph.roles import Role
from paramc.dialects.graph.steering import picture
from paramc.dialects.graph.values import as_number
from paramc.dialects.graph.walk import ONWARD, SIDES, Walk


def origin(walk: Walk, link: Link | None) -> tuple[Start, Node | None]:
    """The start of a pass, and the earlier pass that it goes on from."""
    start = Start()
    seen: set[Link] = set()
    kind = "latent"
    while link and (node := walk.fresh(link, seen)):
        role = walk.role(node)
        if role.role == "sample":
            start.kind = "pass"
            return start, node
        if role.role in ("empty", "loader") or (role.role == "moving" and not role.link(node, "image")):
            _empty(walk, node, start)
            break
        if role.role == "load_image":
            start.kind = "image"
            start.image = walk.found(node, "file")
            break
        kind = "image" if role.role in _TO_PICTURE else "latent" if role.role in _TO_LATENT else kind
        link = _before(walk, node, role, start, kind)
    return start, None


_TO_PICTURE: Final = ("encode", "encode_masked", "inpaint_conditioning", "moving")
_TO_LATENT: Final = ("decode",)


def _before(walk: Walk, node: Node, role: Role, start: Start, kind: str) -> Link | None:
    """Note what a node does, and where its picture or latent comes from."""
    note = _NOTES.get(role.role)
    if note:
        note(walk, node, role, start)
        return role.link(node, "image") or role.link(node, "latent")
    if role.role in ONWARD:
        return walk.onward(node, kind)
    link = walk.passed(node, kind)
    other = "latent" if kind == "image" else "image"
    if link is None:
        link = walk.stand_in(node, other)
    return link


def _empty(walk: Walk, node: Node, start: Start) -> None:
    start.kind = "empty"
    start.width, start.height = (walk.side(node, name) for name in SIDES)
    if start.batch.value is None:
        start.batch = walk.found(node, "batch")


def _mask(walk: Walk, node: Node, role: Role, start: Start) -> None:
    """A mask, and the blur and inversion on its way; of several the one nearest to the sampler counts."""
    link = role.link(node, "mask")
    if link is None or start.is_masked:
        return
    start.is_masked = True
    seen: set[Link] = set()
    while link and link not in seen:
        seen.add(link)
        source = walk.node(link)
        if source is None:
            return
        about = walk.role(source)
        if about.role != "mask_through":
            start.mask = picture(walk, link).file
            return
        if about.fixed.get("inverts"):
            start.mask_inverted = not start.mask_inverted
        blur = walk.found(source, "blur")
        start.mask_blur = blur if blur.value is not None else start.mask_blur
        link = about.link(source, "input")


def _encode(walk: Walk, node: Node, role: Role, start: Start) -> None:
    _mask(walk, node, role, start)
    if role.role == "encode_masked":
        start.fill = "fill"


def _composite(walk: Walk, node: Node, role: Role, start: Start) -> None:
    """Of what may be laid over a latent only nothing at all is known."""
    source = walk.node(role.link(node, "source"))
    if source and walk.role(source).role == "multiply" and as_number(walk.found(source, "factor").value) == 0:
        start.fill = "latent_nothing"
    else:
        walk.opaque[node.id] = None


def _resize_latent(walk: Walk, node: Node, role: Role, start: Start) -> None:
    _resize(walk, node, role, start)
    start.in_latent = True


def _resize(walk: Walk, node: Node, role: Role, start: Start) -> None:
    """The change that happens last decides the size; an upscaler before it remains."""
    if start.target is None and start.scale.value is None:
        start.target = walk.found(node, "width"), walk.found(node, "height")
        start.cut = walk.found(node, "cut")
    if start.method.value is None:
        start.method = walk.found(node, "method")


def _scale_latent(walk: Walk, node: Node, role: Role, start: Start) -> None:
    _scale(walk, node, role, start)
    start.in_latent = True


def _scale(walk: Walk, node: Node, role: Role, start: Start) -> None:
    if start.target is None and start.scale.value is None:
        start.scale = walk.found(node, "scale")
    if start.method.value is None:
        start.method = walk.found(node, "method")


def _crop(walk: Walk, node: Node, role: Role, start: Start) -> None:
    """What is cut out before it is resized is a part; which one, only the node says."""
    if start.target is not None:
        start.is_part = True
        walk.opaque[node.id] = None
    else:
        start.target = walk.found(node, "width"), walk.found(node, "height")
    if role.role == "crop_latent":
        start.in_latent = True


def _repeat(walk: Walk, node: Node, role: Role, start: Start) -> None:
    start.batch = walk.found(node, "batch")


def _upscale(walk: Walk, node: Node, role: Role, start: Start) -> None:
    start.upscaler = walk.found(walk.node(role.link(node, "model")) or node, "file")
    if role.takes.get("scale"):
        _scale(walk, node, role, start)


def _nothing(walk: Walk, node: Node, role: Role, start: Start) -> None:
    """Decoding and pasting change nothing that a pass starts from."""


_NOTES: Final[Mapping[str, Callable[[Walk, Node, Role, Start], None]]] = {
    "masked": _mask,
    "composite": _composite,
    "encode": _encode,
    "encode_masked": _encode,
    "inpaint_conditioning": _encode,
    "resize_latent": _resize_latent,
    "scale_latent": _scale_latent,
    "crop_latent": _crop,
    "repeat": _repeat,
    "decode": _nothing,
    "resize": _resize,
    "moving": _resize,
    "scale": _scale,
    "crop": _crop,
    "upscale": _upscale,
    "paste": _nothing,
}
