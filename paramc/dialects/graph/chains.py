"""What models, text encoders and VAEs are made of: loaders, and what is laid over them."""

import re
from collections.abc import Iterator
from typing import Final

from paramc.dialects.graph.found import Found, Lora, ModelChain
from paramc.dialects.graph.model import Link, Node
from paramc.dialects.graph.roles import Role
from paramc.dialects.graph.values import Json, as_list, as_object
from paramc.dialects.graph.walk import Walk

NO_FILE: Final = ("None", "none", "")
TAG: Final = re.compile(r"<lora:([^:<>]+):([^:<>]+)(?::([^:<>]+))?>")


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
        known = role.role in _NOTED or role.role in ("through", "sample", "any")
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
    lora = walk.found(node, "lora")
    if isinstance(lora.value, str) and lora.value not in NO_FILE:
        found.loras.append(Lora(node.id, lora, walk.found(node, "unet"), walk.found(node, "text_encoder")))


def _note(walk: Walk, node: Node, role: Role, found: ModelChain) -> None:
    match role.role:
        case "lora":
            strengths = walk.found(node, "unet"), walk.found(node, "text_encoder")
            found.loras.append(Lora(node.id, walk.found(node, "file"), *strengths))
        case "lora_stack":
            found.loras += reversed(list(_stacked(walk, node, role)))
        case "layer" if found.layer.value is None:
            found.layer = walk.found(node, "layer")
        case "shift" | "flux_shift" if found.shift.value is None:
            found.shift = walk.found(node, "shift")
        case "rescale" if found.rescale.value is None:
            found.rescale = walk.found(node, "rescale")
        case "prediction":
            found.zsnr = walk.found(node, "zsnr")
        case "hypernet":
            found.hypernets.append((walk.found(node, "file"), walk.found(node, "strength")))
        case "merging":
            found.merging = walk.found(node, "ratio")
        case "hypertile":
            found.hypertile = [(name, walk.found(node, name)) for name in ("tile", "swap", "depth")]
        case _:
            return


_NOTED: Final = (
    "lora", "lora_stack", "layer", "shift", "flux_shift", "rescale", "prediction", "hypernet", "merging", "hypertile",
)  # fmt: skip


def _stacked(walk: Walk, node: Node, role: Role) -> Iterator[Lora]:
    """The networks of a node that holds several: in a list, as values of inputs, or as tags in a text."""
    listed = walk.found(node, "list").value
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
