"""Where the files of a script are looked for, and under which names its networks are loaded."""

import re
from collections.abc import Iterable, Mapping, Sequence

from paramc.backends.literals import Value
from paramc.backends.pipelines import ModelRow
from paramc.ir.assets import HUB, AssetRef
from paramc.ir.control import ControlNet
from paramc.ir.plan import ApplyNetwork

SUFFIX = ".safetensors"
SUFFIXES = (SUFFIX, ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft")
SINGLE, FOLDER = "from_single_file", "from_pretrained"
LONGEST = 40  # characters of an adapter's name


def is_file(path: str) -> bool:
    """Whether the path is one of a file with weights, by its suffix."""
    return path.lower().endswith(SUFFIXES)


def repository_of(asset: AssetRef) -> str:
    """The repository of the hub that an asset is, empty for a file."""
    urn = asset.urn or ""
    return urn.removeprefix(HUB) if urn.startswith(HUB) else ""


def file_name(asset: AssetRef) -> str:
    """The path of an asset where one was found, else its name with a suffix."""
    if asset.path:
        return asset.path
    name = asset.name or "model"
    return name if is_file(name) else name + SUFFIX


def net_name(asset: AssetRef) -> str:
    """The repository or the file of a model that steers."""
    return repository_of(asset) or file_name(asset)


def net_loader(model: ModelRow, units: Sequence[ControlNet]) -> str:
    """How the models that steer are loaded: from files, where their class reads them, else from folders."""
    published = bool(units) and all(unit.model and repository_of(unit.model) for unit in units)
    return f"{model.net}.{SINGLE if model.net_files and not published else FOLDER}"


def adapters(networks: Iterable[ApplyNetwork], model: ModelRow) -> dict[str, Value]:
    """Adapter name → (file, strength). A network that is laid twice counts with the sum of its strengths."""
    strengths: dict[str, tuple[float, float]] = {}
    assets: dict[str, AssetRef] = {}
    for op in networks:
        name = op.asset.name or ""
        before = strengths.get(name, (0.0, 0.0))
        strengths[name] = (before[0] + op.model_strength, before[1] + op.clip_strength)
        assets[name] = op.asset
    slugs = _slugs(strengths)
    return {slugs[name]: (file_name(assets[name]), _strength(model, *both)) for name, both in strengths.items()}


def _strength(model: ModelRow, diffusion: float, text: float) -> Value:
    if diffusion == text:
        return diffusion
    parts: Mapping[str, float] = {model.part: diffusion} | dict.fromkeys(model.encoders, text)
    return parts  # a part that is not named would count fully


def _slugs(names: Iterable[str]) -> dict[str, str]:
    """A name of ASCII letters, digits and underscores for each, none twice."""
    taken: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")[:LONGEST] or "lora"
        slug, number = stem, 1
        while slug in taken.values():
            number += 1
            slug = f"{stem}_{number}"
        taken[name] = slug
    return taken
