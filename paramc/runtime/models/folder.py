"""Models in the folder layout of diffusers: a folder for each part, its configuration beside its weights."""

import json
from collections.abc import Callable, Container, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch.nn import Module

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Json, read_header
from paramc.runtime.models.bases import not_run
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.empty import (
    TextModel,
    Vae,
    empty_language_model,
    empty_t5,
    empty_text_model,
    empty_unet,
    empty_vae,
)
from paramc.runtime.models.fitting import SETTINGS, fitting, require_bounds
from paramc.runtime.models.names import Place
from paramc.runtime.models.tensors import open_tensors
from paramc.runtime.models.transformers import CLASSES, Transformer, empty_transformer
from paramc.runtime.text.bpe import SHARED as SHARED_WORDS
from paramc.runtime.text.bpe import are_merges, token_names, vocabulary

WEIGHTS: Final = (
    "diffusion_pytorch_model.safetensors", "model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors", "model.fp16.safetensors",
)  # fmt: skip
ENCODERS: Final = ("text_encoder", "text_encoder_2", "text_encoder_3", "text_encoder_4")
CLIP: Final = "clip_text_model"
PROJECTED: Final = "CLIPTextModelWithProjection"
DECODERS: Final = {
    "Qwen2": "qwen2",
    "Qwen3": "qwen3",
    "Mistral": "mistral",
    "Llama": "llama",
    "Gemma2": "gemma2",
    "ChatGLM": "chatglm",
}  # by how their classes begin
INSIDE: Final = ("text_model.", "model.language_model.", "model.")  # modules that others put around a text encoder
UMT5: Final = "UMT5"  # how the class of a T5 begins whose layers each count positions for themselves
LONG: Final = "T5EncoderModel"
SHARED: Final = "shared.weight"  # a T5's words, which it knows by two names
EMBEDDED: Final = "encoder.embed_tokens.weight"
CLASS: Final = "_class_name"
WORDS: Final = "tokenizer.json"
CONFIG: Final = "config.json"
PACKED: Final = "quantization_config"  # how a library would read weights in few bits, which tell it themselves


M = TypeVar("M", bound=Module)


def read_config(folder: Path, name: str = CONFIG) -> dict[str, Json]:
    """A configuration file. Raises ModelError when there is none, or it is no JSON table."""
    path = folder / name
    try:
        loaded: Json = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelError(diagnose("PC541", folder=folder, file=name)) from error
    except OSError as error:
        raise ModelError(diagnose("PC523", file=path, reason=error.strerror or error)) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(diagnose("PC521", file=path, reason="it is not JSON")) from error
    if not isinstance(loaded, dict):
        raise ModelError(diagnose("PC521", file=path, reason="it is no table"))
    return loaded


def folder_merges(folder: Path, words: int) -> str:
    """The merges of a folder's own vocabulary, or those that models share, unless its text encoder has too few `words`.

    Raises ModelError where the vocabulary is damaged, or not numbered as its merges follow each other.
    """
    if words > vocabulary().end or not (folder / "tokenizer" / WORDS).is_file():
        return SHARED_WORDS
    model = read_config(folder / "tokenizer", WORDS).get("model")
    table = model if isinstance(model, dict) else {}
    pairs = table.get("merges")
    merges = "\n".join(_line(pair) for pair in pairs) if isinstance(pairs, list) else ""
    if not are_merges(merges) or table.get("vocab") != token_names(merges):
        raise ModelError(diagnose("PC594", file=folder / "tokenizer" / WORDS, key="merges"))
    return merges


def _line(pair: Json) -> str:
    """A pair as older files have it, in one text, or as newer ones, in two."""
    return " ".join(map(str, pair)) if isinstance(pair, list) else str(pair)


def folder_unet(folder: Path, dtype: torch.dtype, device: str) -> UNet2DConditionModel:
    """The UNet in a folder of its own."""
    settings = _settings(folder)
    return _filled(folder, "UNet", settings, lambda: empty_unet(settings), dtype, device)


def folder_transformer(folder: Path, dtype: torch.dtype, device: str) -> Transformer:
    """The diffusion transformer in a folder of its own. Raises ModelError for a class that the runner does not know."""
    name = str(read_config(folder).get(CLASS, ""))
    if name not in CLASSES:
        raise not_run(folder.parent, name or "unknown")
    settings = _settings(folder)
    return _filled(folder, "diffusion transformer", settings, lambda: empty_transformer(name, settings), dtype, device)


def folder_vae(folder: Path, dtype: torch.dtype, device: str) -> Vae:
    """The autoencoder in a folder of its own."""
    settings, kind = _settings(folder), str(read_config(folder).get(CLASS))
    return _filled(folder, "VAE", settings, lambda: empty_vae(settings, kind), dtype, device)


def folder_texts(folder: Path, dtype: torch.dtype, device: str) -> tuple[TextModel, ...]:
    """The text encoders of a pipeline, in the order in which their outputs are joined."""
    return tuple(_text(folder / name, dtype, device) for name in ENCODERS if (folder / name).is_dir())


def _text(folder: Path, dtype: torch.dtype, device: str) -> TextModel:
    table = {key: value for key, value in read_config(folder).items() if key != PACKED}
    architectures = str(table.get("architectures", ""))
    if LONG in architectures:
        everywhere = UMT5 in architectures
        t5 = partial(empty_t5, table, counts_everywhere=everywhere)
        return _filled(folder, "T5 text encoder", table, t5, dtype, device)
    layout = next((layout for name, layout in DECODERS.items() if name in architectures), None)
    if layout is not None:
        inner = table.get("text_config")  # of models that see pictures, too
        language = partial(empty_language_model, layout, inner if isinstance(inner, dict) else table)
        return _filled(folder, "text encoder", table, language, dtype, device)
    kind = str(table.get("model_type", CLIP))
    if kind != CLIP and PROJECTED not in architectures:
        raise not_run(folder.parent, kind)
    clip = partial(empty_text_model, table, projects=PROJECTED in architectures)
    return _filled(folder, "text encoder", table, clip, dtype, device)


def _settings(folder: Path) -> dict[str, Json]:
    """The configuration without the notes of the library that wrote it, and for it."""
    return {key: value for key, value in read_config(folder).items() if not key.startswith("_") and key != PACKED}


def _filled(
    folder: Path, title: str, settings: Mapping[str, Json], make: Callable[[], M], dtype: torch.dtype, device: str
) -> M:
    """A part of a model with its weights.

    Raises ModelError (PC521) for settings that no model can have, and as reading its weights does.
    """
    files = _files(folder)
    most = sum(len(read_header(file).tensors) for file in files)
    with fitting(folder / CONFIG, SETTINGS):
        require_bounds(settings, most)
        model = make()
    blueprint = Blueprint(title, model, {}, dtype)
    for path in files:
        with open_tensors(path) as file, fitting(path):
            blueprint.places = _places(model, file.header.tensors)
            fill([blueprint], file)
    with fitting(folder):
        blueprint.finish(folder, device)
    return model


def _places(model: Module, names: Mapping[str, object]) -> dict[str, tuple[Place, ...]]:
    """Every name that the model knows, or knows without the module around it."""
    wanted = model.state_dict().keys()
    bare = {name: _bare(name, wanted) for name in names}
    places: dict[str, tuple[Place, ...]] = {name: (Place(known),) for name, known in bare.items() if known in wanted}
    if SHARED in places and EMBEDDED not in places and EMBEDDED in wanted:
        places[SHARED] = (Place(SHARED), Place(EMBEDDED))
    return places


def _bare(name: str, wanted: Container[str]) -> str:
    """The name of a tensor without what stands around its model."""
    known = (name.removeprefix(outer) for outer in ("", *INSIDE))
    return next((each for each in known if each in wanted), name)


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
