"""What calls were told: files, strengths of adapters, texts."""

from pathlib import PurePosixPath
from typing import Final

from paramc.dialects.script.values import Made
from paramc.ir.assets import HUB

SAFE: Final = ".safetensors"
NEGATIVE: Final = "negative"


def asset(told: str, *, is_file: bool) -> dict[str, object]:
    """A file, or a repository of the hub, as an AssetRef has it."""
    path = PurePosixPath(told.replace("\\", "/"))
    if not is_file and told.count("/") == 1 and not told.startswith((".", "/", "~")) and path.suffix != SAFE:
        return {"name": path.name, "urn": HUB + told}
    if path.name == told and path.suffix == SAFE:
        return {"name": path.stem}
    return {"name": path.stem if path.suffix == SAFE else path.name, "path": told}


def weights_of(call: Made) -> dict[str, object]:
    """Adapter → strength, as a call sets them."""
    names = call.arguments[0] if call.arguments else call.keywords.get("adapter_names")
    values = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("adapter_weights")
    names = names if isinstance(names, list) else [names]
    values = values if isinstance(values, list) else [1.0 if values is None else values] * len(names)
    return {str(name): value for name, value in zip(names, values, strict=False)}


def texts_of(made: Made, *, negative: bool) -> list[str]:
    """The texts that a call was told, those of the wanted kind."""
    named = {name: value for name, value in made.keywords.items() if isinstance(value, str)}
    if negative:
        chosen = [value for name, value in named.items() if NEGATIVE in name]
        if chosen or any("prompt" in name for name in named):
            return chosen
    plain_ones = [item for item in made.arguments if isinstance(item, str)]
    lists = [item[0] for item in made.arguments if isinstance(item, list) and item and isinstance(item[0], str)]
    others = [value for name, value in named.items() if ("prompt" in name or "text" in name) and NEGATIVE not in name]
    return [*plain_ones, *lists, *others]
