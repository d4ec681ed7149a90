"""What calls were told: files, strengths of adapters, texts."""

from pathlib import PurePosixPath
from typing import Final

from paramc.dialects.script.values import Made
from paramc.ir.assets import HUB

SAFE: Final = ".safetensors"
WEIGHTS: Final = (SAFE, ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft")
NEGATIVE: Final = "negative"
NEGATIVES: Final = (NEGATIVE, "neg_", "uncond")  # beginnings of keywords


def asset(told: str, *, is_file: bool) -> dict[str, object]:
    """A file, or a repository of the hub, as an AssetRef has it."""
    path = PurePosixPath(told.replace("\\", "/"))
    if not is_file and told.count("/") == 1 and not told.startswith((".", "/", "~")) and path.suffix != SAFE:
        return {"name": path.name, "urn": HUB + told}
    if path.name == told and path.suffix == SAFE:
        return {"name": path.stem}
    return {"name": path.stem if path.suffix.lower() in WEIGHTS else path.name, "path": told}


def texts_of(made: Made, index: int, *, negative: bool) -> list[str]:
    """The texts that a call was told, those of the wanted kind; of a list the one at the index."""
    named = {name: text for name, value in made.keywords.items() if (text := _text(value, index)) is not None}
    if negative:
        chosen = [value for name, value in named.items() if name.startswith(NEGATIVES)]
        if chosen or any("prompt" in name for name in named):
            return chosen
    placed = [text for item in made.arguments if (text := _text(item, index)) is not None]
    signs = ("prompt", "text")
    others = [
        value for name, value in named.items() if any(map(name.__contains__, signs)) and not name.startswith(NEGATIVES)
    ]
    return [*placed, *others]


def _text(value: object, index: int) -> str | None:
    item = value[index] if isinstance(value, list) and index < len(value) else value
    return item if isinstance(item, str) else None
