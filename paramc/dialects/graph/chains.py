"""What models, text encoders and VAEs are made of: loaders, and what is laid over them."""

from collections.abc import Iterator
from math import exp
from typing import Final

from paramc.dialects.graph.found import Found, Lora, ModelChain
from paramc.dialects.graph.model import Link, Node
from paramc.dialects.graph.roles import Role
from paramc.dialects.graph.steering import NO_FILE, control_use
from paramc.dialects.graph.values import Json, as_list, as_number, as_object, as_whole
from paramc.dialects.graph.walk import LISTED, ONWARD, TAG, Walk
from paramc.ir.control import DeepShrink, FreeU, PerturbedAttention, SelfAttentionGuidance

SIMPLE: Final = "simple"  # one strength for model and text encoder
MOST_NUMBERED: Final = 50
LEAST_PATCHES: Final = 256  # of a picture, between which the shift of FLUX lies on a line
MOST_PATCHES: Final = 4096
PATCH: Final = 256  # pixels
LARGEST_MU: Final = 700.0  # beyond, the shift would be no number
PATCHES: Final = {  # by kind: each value that a node may say, as it is where the node does not
    str(defaults.pop("kind")): defaults
    for model in (FreeU, SelfAttentionGuidance, PerturbedAttention, DeepShrink)
    for defaults in [{name: field.default for name, field in model.model_fields.items()}]
}


def chain(walk: Walk, link: Link | None, kind: str) -> ModelChain:
    """Everything between a `model`, `clip` or `vae` input and the file."""
    found = ModelChain()
    seen: set[str] = set()
    while link:
        node = walk.node(link)
        if node is None:
            return found
        if node.id in seen:
            walk.say_circle(node.id)
            return found
        seen.add(node.id)
        found.nodes.append(node.id)
        role = walk.role(node)
        if _ends(walk, node, role, kind, found):
            return found
        _note(walk, node, role, found)
        if role.role in ONWARD:
            link = walk.onward(node, kind)
        else:
            known = role.role in _NOTED or role.role == "sample" or LISTED in role.takes
            link = role.link(node, kind) or (walk.stand_in(node, kind) if known else walk.passed(node, kind))
    return found


def _ends(walk: Walk, node: Node, role: Role, kind: str, found: ModelChain) -> bool:
    match role.role:
        case "checkpoint":
            found.file = walk.found(node, "file")
        case "diffusion_model":
            found.file = walk.found(node, "file")
            found.dtype = walk.found(node, "dtype")
            found.bare = True
        case "encoders":
            files = (walk.found(node, f"file{number}") for number in range(1, 5))
            found.files = [file for file in files if file.value is not None]
            found.bare = True
        case "vae":
            found.file = walk.found(node, "file")
            found.bare = True
        case "loader":
            _bundle(walk, node, kind, found)
        case _:
            return False
    return True


def _bundle(walk: Walk, node: Node, kind: str, found: ModelChain) -> None:
    """A loader of everything: its VAE is one of its own unless it names none."""
    vae = walk.found(node, "vae_file")
    if kind == "vae" and isinstance(vae.value, str) and not vae.value.startswith("Baked"):
        found.file, found.bare = vae, True
        return
    found.file = walk.found(node, "file")
    found.layer = walk.found(node, "layer")
    role = walk.role(node)
    found.loras += reversed(list(_piled(walk, role.link(node, "stack"))))
    if LISTED in role.takes:
        found.loras += _listed(walk, node)
    lora = walk.found(node, "lora")
    if isinstance(lora.value, str) and lora.value not in NO_FILE:
        found.loras.append(Lora(node.id, lora, walk.found(node, "unet"), walk.found(node, "text_encoder")))


def _note(walk: Walk, node: Node, role: Role, found: ModelChain) -> None:
    match role.role:
        case "lora" if walk.is_on(walk.found(node, "on")):
            strengths = walk.found(node, "unet"), walk.found(node, "text_encoder")
            found.loras.append(Lora(node.id, walk.found(node, "file"), *strengths))
        case "lora_stack":
            found.loras += reversed(list(_stacked(walk, node, role)))
        case "text" if LISTED in role.takes:
            found.loras += reversed(list(_listed(walk, node)))
        case "layer" if found.layer.value is None:
            found.layer = walk.found(node, "layer")
        case "shift" if found.shift.value is None:
            found.shift = walk.found(node, "shift")
        case "flux_shift" if found.shift.value is None:
            found.shift = _flux_shift(walk, node)
        case "rescale" if found.rescale.value is None:
            found.rescale = walk.found(node, "rescale")
        case "prediction":
            found.zsnr = walk.found(node, "zsnr")
        case "hypernet":
            found.hypernets.append((walk.found(node, "file"), walk.found(node, "strength")))
        case "soft":
            found.soft = True
        case "adapter":
            found.adapters.append(control_use(walk, node))
        case "merging":
            found.merging = walk.found(node, "ratio")
        case "hypertile":
            found.hypertile = [(name, walk.found(node, name)) for name in ("tile", "swap", "depth")]
        case kind if kind in PATCHES:
            found.patches[kind] = {name: walk.found(node, name) for name in PATCHES[kind]}
        case _:
            return


def _flux_shift(walk: Walk, node: Node) -> Found:
    """e^μ for the μ that the node draws on a line through 256 and 4096 patches, by the size in pixels given to it."""
    widgets = {name: walk.found(node, name) for name in ("shift", "least_shift", "width", "height")}
    largest, least, width, height = (as_number(found.value) for found in widgets.values())
    if largest is None or least is None or width is None or height is None:
        return widgets["shift"]
    slope = (largest - least) / (MOST_PATCHES - LEAST_PATCHES)
    mu = (width * height / PATCH - LEAST_PATCHES) * slope + least
    return widgets["shift"]._replace(value=exp(mu) if abs(mu) < LARGEST_MU else None)


_NOTED: Final = (
    "lora", "lora_stack", "layer", "shift", "flux_shift", "rescale", "prediction", "hypernet", "merging", "hypertile",
    "soft", "adapter", *PATCHES,
)  # fmt: skip


def _piled(walk: Walk, link: Link | None) -> Iterator[Lora]:
    """The networks of nodes that hand a pile of them on, from the one that lies lowest."""
    for node in walk.piled(link, "pile"):
        yield from _numbered(walk, node)
        yield from _listed(walk, node)


def _numbered(walk: Walk, node: Node) -> Iterator[Lora]:
    """The networks of a node that has inputs with a number for each: `#` stands for it in their names."""
    takes = walk.role(node).takes
    if "#" not in takes.get("file", ""):
        return
    simple = walk.found(node, "mode").value == SIMPLE
    most = as_whole(walk.found(node, "count").value)
    for number in range(1, min(MOST_NUMBERED if most is None else most, MOST_NUMBERED) + 1):
        named = {ours: name.replace("#", str(number)) for ours, name in takes.items()}
        file = walk.at(node, named.get("file", ""))
        active = walk.is_on(walk.at(node, named.get("on", "")))
        if isinstance(file.value, str) and file.value not in NO_FILE and active:
            unet, encoder = ("both", "both") if simple else ("unet", "text_encoder")
            yield Lora(
                f"{node.id}#{number}",
                file,
                *(walk.at(node, named.get(ours, named.get(unet, ""))) for ours in (unet, encoder)),
            )


def _stacked(walk: Walk, node: Node, role: Role) -> Iterator[Lora]:
    """The networks of a node that holds several: those piled up before it, then its own."""
    yield from _piled(walk, role.link(node, "stack"))
    yield from _numbered(walk, node)
    yield from _listed(walk, node)


def _listed(walk: Walk, node: Node) -> Iterator[Lora]:
    """The networks of a list, of values that are objects, or of tags in a text."""
    listed = walk.found(node, LISTED).value
    if isinstance(listed, str):
        for name, unet, encoder in TAG.findall(listed):
            yield Lora(node.id, Found(name), Found(_number(unet)), Found(_number(encoder or unet)))
        return
    entries: list[Json] = [*as_list(listed), *(value for value in node.inputs.values() if isinstance(value, dict))]
    for entry in map(as_object, entries):
        if "__value__" in entry:
            entries += as_list(entry["__value__"])
        name = entry.get("lora") or entry.get("name")
        active = entry.get("on", entry.get("active", True))
        if isinstance(name, str) and name not in NO_FILE and active:
            unet = entry.get("strength")
            encoder = entry.get("strengthTwo") or entry.get("clipStrength")
            yield Lora(node.id, Found(name), Found(unet), Found(unet if encoder is None else encoder))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
