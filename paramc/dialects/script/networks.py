"""The networks that a pipeline was given before it paints, and how strong each one is."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from paramc.dialects.script.amounts import real
from paramc.dialects.script.pictures import path_of
from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.values import Made

DIGITS = 10  # that products of strengths keep
TRANSFORMER = "transformer"  # what newer families have in place of a UNet


class Network(NamedTuple):
    """A file, and its strengths over the diffusion model and the text encoder."""

    file: str
    unet: float
    text_encoder: float


def networks_of(calls: Iterable[Made], meanings: Meanings) -> tuple[list[Network], list[str]]:
    """The networks that are on in the end, in the order in which they were loaded, and names of those nobody knows."""
    words = meanings.listed
    files: dict[str, str] = {}
    weights: dict[str, object] = {}
    fused: dict[str, float] = {}
    lost: list[str] = []
    for call in calls:
        if call.name in words("networks", "load"):
            file = _file(call, meanings)
            if file is None:
                lost.append(call.name)
                continue
            name = call.keywords.get(words("networks", "name")[0])
            files[name if isinstance(name, str) else f"default_{len(files)}"] = file
        elif call.name in words("networks", "weigh"):
            weights = _weights(call)
        elif call.name in words("networks", "fuse"):
            scale = real(call.keywords.get(words("networks", "scale")[0], 1.0))
            fused |= {name: 1.0 if scale is None else scale for name in files if name not in fused}
        elif call.name in words("networks", "clear"):
            files, weights, fused = {}, {}, {}
    scaled = {name: (weights.get(name, 0.0 if weights else 1.0), fused.get(name, 1.0)) for name in files}
    return [Network(files[name], *_strengths(weight, scale)) for name, (weight, scale) in scaled.items()], lost


def _file(call: Made, meanings: Meanings) -> str | None:
    """The file of a network: a path, or a name within a repository."""
    told = path_of(call.arguments[0] if call.arguments else None, meanings)
    parts = [call.keywords.get(word) for word in ("subfolder", meanings.listed("networks", "file")[0])]
    return None if told is None else "/".join([told, *(part for part in parts if isinstance(part, str) and part)])


def _weights(call: Made) -> dict[str, object]:
    """Adapter → strength, as a call sets them."""
    names = call.arguments[0] if call.arguments else call.keywords.get("adapter_names")
    values = (
        call.arguments[1]
        if len(call.arguments) > 1
        else call.keywords.get("adapter_weights", call.keywords.get("weights"))
    )
    names = names if isinstance(names, list) else [names]
    values = values if isinstance(values, list) else [1.0 if values is None else values] * len(names)
    return {str(name): value for name, value in zip(names, values, strict=False)}


def _strengths(weight: object, scale: float) -> tuple[float, float]:
    both: Mapping[object, object] = weight if isinstance(weight, dict) else {"unet": weight, "text_encoder": weight}
    parts = (real(both.get(part, both.get(TRANSFORMER, 1.0))) for part in ("unet", "text_encoder"))
    unet, text_encoder = (1.0 if part is None else part for part in parts)
    return round(unet * scale, DIGITS), round(text_encoder * scale, DIGITS)
