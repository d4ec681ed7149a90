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
    fused: dict[str, tuple[object, float]] = {}  # part of the model until they are taken out again
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
            weights = _weights(call, meanings)
        elif call.name in words("networks", "fuse"):
            scale = real(call.keywords.get(words("networks", "scale")[0], 1.0))
            now = {name: (_weight(weights, name), 1.0 if scale is None else scale) for name in files}
            fused = now | fused
        elif call.name in words("networks", "unfuse"):
            fused = {}
        elif call.name in words("networks", "clear"):
            files, weights = {name: file for name, file in files.items() if name in fused}, {}
    scaled = {name: fused.get(name, (_weight(weights, name), 1.0)) for name in files}
    return [Network(files[name], *_strengths(weight, scale)) for name, (weight, scale) in scaled.items()], lost


def _weight(weights: Mapping[str, object], name: str) -> object:
    """What a network is weighed by: those that are not named are off, where any is."""
    return weights.get(name, 0.0 if weights else 1.0)


def _file(call: Made, meanings: Meanings) -> str | None:
    """The file of a network: a path, or a name within a repository."""
    told = path_of(call.arguments[0] if call.arguments else None, meanings)
    parts = [
        call.keywords.get(word)
        for word in (*meanings.listed("networks", "folder"), *meanings.listed("networks", "file"))
    ]
    return None if told is None else "/".join([told, *(part for part in parts if isinstance(part, str) and part)])


def _told(call: Made, index: int, names: Iterable[str]) -> object:
    """An argument by its place or by one of its names."""
    if len(call.arguments) > index:
        return call.arguments[index]
    return next((call.keywords[name] for name in names if name in call.keywords), None)


def _weights(call: Made, meanings: Meanings) -> dict[str, object]:
    """Adapter → strength, as a call sets them."""
    names = _told(call, 0, meanings.listed("networks", "names"))
    values = _told(call, 1, meanings.listed("networks", "weights"))
    names = names if isinstance(names, list) else [names]
    values = values if isinstance(values, list) else [1.0 if values is None else values] * len(names)
    return {str(name): value for name, value in zip(names, values, strict=False)}


def _strengths(weight: object, scale: float) -> tuple[float, float]:
    both: Mapping[object, object] = weight if isinstance(weight, dict) else {"unet": weight, "text_encoder": weight}
    parts = (real(both.get(part, both.get(TRANSFORMER, 1.0))) for part in ("unet", "text_encoder"))
    unet, text_encoder = (1.0 if part is None else part for part in parts)
    return round(unet * scale, DIGITS), round(text_encoder * scale, DIGITS)
