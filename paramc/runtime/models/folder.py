"""Models in the folder layout of diffusers: a folder for each part, its configuration beside its weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch.nn import Module

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Json
from paramc.runtime.models.bases import bases
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.empty import TextModel, empty_t5, empty_text_model, empty_unet, empty_vae
from paramc.runtime.models.names import Place
from paramc.runtime.models.tensors import open_tensors
from paramc.runtime.models.transformers import CLASSES, Transformer, empty_transformer

WEIGHTS: Final = (
    "diffusion_pytorch_model.safetensors", "model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors", "model.fp16.safetensors",
)  # fmt: skip
ENCODERS: Final = ("text_encoder", "text_encoder_2", "text_encoder_3")
PROJECTED: Final = "CLIPTextModelWithProjection"
LONG: Final = "T5EncoderModel"
SHARED: Final = "shared.weight"  # a T5's words, which it knows by two names
EMBEDDED: Final = "encoder.embed_tokens.weight"
CLASS: Final = "_class_name"


def read_config(folder: Path, name: str = "config.json") -> dict[str, Json]:
    """A configuration file. Raises ModelError when there is none, or it is no JSON table."""
    path = folder / name
    try:
        loaded: Json = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(diagnose("PC523", file=path, reason=error.strerror or error)) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(diagnose("PC521", file=path, reason="it is not JSON")) from error
    if not isinstance(loaded, dict):
        raise ModelError(diagnose("PC521", file=path, reason="it is no table"))
    return loaded


def folder_unet(folder: Path, dtype: torch.dtype, device: str) -> UNet2DConditionModel:
    """The UNet in a folder of its own."""
    model = empty_unet(_settings(folder))
    _fill(Blueprint("UNet", model, {}, dtype), folder, device)
    return model


def folder_transformer(folder: Path, dtype: torch.dtype, device: str) -> Transformer:
    """The diffusion transformer in a folder of its own. Raises ModelError for a class that the runner does not know."""
    name = str(read_config(folder).get(CLASS, ""))
    if name not in CLASSES:
        known = ", ".join(row.title for row in bases().values())
        raise ModelError(diagnose("PC538", file=folder.parent, family=name or "unknown", known=known))
    model = empty_transformer(name, _settings(folder))
    _fill(Blueprint("diffusion transformer", model, {}, dtype), folder, device)
    return model


def folder_vae(folder: Path, dtype: torch.dtype, device: str) -> AutoencoderKL:
    """The autoencoder in a folder of its own."""
    model = empty_vae(_settings(folder))
    _fill(Blueprint("VAE", model, {}, dtype), folder, device)
    return model


def folder_texts(folder: Path, dtype: torch.dtype, device: str) -> tuple[TextModel, ...]:
    """The text encoders of a pipeline, in the order in which their outputs are joined."""
    return tuple(_text(folder / name, dtype, device) for name in ENCODERS if (folder / name).is_dir())


def _text(folder: Path, dtype: torch.dtype, device: str) -> TextModel:
    table = read_config(folder)
    architectures = str(table.get("architectures", ""))
    if LONG in architectures:
        t5 = empty_t5(table)
        _fill(Blueprint("T5 text encoder", t5, {}, dtype), folder, device)
        return t5
    model = empty_text_model(table, projects=PROJECTED in architectures)
    _fill(Blueprint("text encoder", model, {}, dtype), folder, device)
    return model


def _settings(folder: Path) -> dict[str, Json]:
    """The configuration without the notes of the library that wrote it."""
    return {key: value for key, value in read_config(folder).items() if not key.startswith("_")}


def _fill(blueprint: Blueprint, folder: Path, device: str) -> None:
    for path in _files(folder):
        with open_tensors(path) as file:
            blueprint.places = _places(blueprint.model, file.header.tensors)
            fill([blueprint], file)
    blueprint.finish(folder, device)


def _places(model: Module, names: Mapping[str, object]) -> dict[str, tuple[Place, ...]]:
    """Every name that the model knows, or knows without the module that older versions put around it."""
    wanted = model.state_dict().keys()
    bare = {name: name if name in wanted else name.removeprefix("text_model.") for name in names}
    places: dict[str, tuple[Place, ...]] = {name: (Place(known),) for name, known in bare.items() if known in wanted}
    if SHARED in places and EMBEDDED not in places and EMBEDDED in wanted:
        places[SHARED] = (Place(SHARED), Place(EMBEDDED))
    return places


def _files(folder: Path) -> list[Path]:
    """The files of weights: one, or the pieces that an index names. Raises ModelError where there are none."""
    for index in sorted(folder.glob("*.safetensors.index.json")):
        pieces = read_config(folder, index.name).get("weight_map")
        if isinstance(pieces, dict):
            return [folder / Path(name).name for name in sorted({str(piece) for piece in pieces.values()})]
    found = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if found is None:
        raise ModelError(diagnose("PC527", file=folder, part="file", name=WEIGHTS[0], count=1))
    return [found]
