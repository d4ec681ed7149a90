"""Where the files of a script are looked for, and under which names its networks are loaded."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from paramc.backends.literals import Value
from paramc.backends.pipelines import ImagePromptRow, ModelRow
from paramc.ir.assets import HUB, AssetRef
from paramc.ir.control import ControlNet
from paramc.ir.plan import ApplyNetwork

SUFFIX = ".safetensors"
SUFFIXES = (SUFFIX, ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft")
SINGLE, FOLDER = "from_single_file", "from_pretrained"
HUB_PARTS = 2
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


def net_name(asset: AssetRef, *, is_file: bool) -> str:
    """The repository of a model that steers, or its file or folder."""
    return repository_of(asset) or (file_name(asset) if is_file else asset.path or asset.name or "model")


def net_files(model: ModelRow, units: Sequence[ControlNet]) -> bool:
    """Are the models that steer loaded from files? So they are where their class reads them, else from folders."""
    return model.net_files and not (units and all(unit.model and repository_of(unit.model) for unit in units))


def image_adapter(asset: AssetRef, row: ImagePromptRow) -> tuple[str, str, str]:
    """Repository or folder, folder in it and file of an adapter that is shown a picture."""
    name = asset.name or "model"
    if asset.path is None and name in row.files:
        return row.repository, row.folder, name + SUFFIX
    path = PurePosixPath(file_name(asset).replace("\\", "/"))
    folders = path.parts[:-1]
    inside = 0 if path.is_absolute() else HUB_PARTS  # a repository of the hub has a name of two parts
    home, rest = (folders[:inside], folders[inside:]) if inside else (folders, ())
    return str(PurePosixPath(*home)), "/".join(rest), path.name


def adapters(passes: Sequence[Sequence[ApplyNetwork]], model: ModelRow) -> dict[str, Value]:
    """Adapter name → (file, strength in the first pass), for the networks of all passes."""
    files = {op.asset.name or "": file_name(op.asset) for networks in passes for op in networks}
    strengths = adapter_strengths(passes, 0, model)
    return {slug: (files[name], strengths[slug]) for name, slug in _slugs(files).items()}


def adapter_strengths(passes: Sequence[Sequence[ApplyNetwork]], number: int, model: ModelRow) -> dict[str, Value]:
    """Adapter name → strength in one pass, for the networks of all. One that is laid twice counts with the sum."""
    both: dict[str, tuple[float, float]] = {op.asset.name or "": (0.0, 0.0) for networks in passes for op in networks}
    for op in passes[number] if passes else ():
        before = both[op.asset.name or ""]
        both[op.asset.name or ""] = (before[0] + op.model_strength, before[1] + op.clip_strength)
    return {slug: _strength(model, *both[name]) for name, slug in _slugs(both).items()}


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
