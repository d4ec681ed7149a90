"""A checkpoint as a folder in the layout of diffusers, for programs that load nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast

from diffusers.models.modeling_utils import ModelMixin
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTokenizer, PreTrainedModel

from paramc.diagnostics.codes import diagnose
from paramc.resources import write_atomically
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.empty import TextModel
from paramc.runtime.text.bpe import merge_lines, token_names
from paramc.tables import read_table, section

UNPACKED: Final = "sd1"  # the family whose checkpoints are unpacked
ABSENT: Final = {"feature_extractor": (None, None), "safety_checker": (None, None)}
LENGTH: Final = 77  # tokens that the text encoder takes


def unpack(checkpoint: Checkpoint, folder: Path) -> None:
    """Write the folder, in half-precision numbers, whole or not at all; the folder that it is in has to be there.

    Raises ModelError for a model that is not of Stable Diffusion 1, OSError for a place where no folder can be.
    """
    if checkpoint.family != UNPACKED:
        raise ModelError(diagnose("PC539", file=checkpoint.path, family=checkpoint.family))
    with TemporaryDirectory(prefix=f".{folder.name[:100]}.", dir=folder.parent) as unfinished:
        whole = Path(unfinished) / "whole"
        try:
            _write_all(checkpoint, whole)
        except SafetensorError as error:  # of a disk that is full
            raise OSError(str(error)) from error
        whole.rename(folder)


def _write_all(checkpoint: Checkpoint, folder: Path) -> None:
    for name, model in (("unet", checkpoint.unet), ("vae", checkpoint.vae)):
        cast(ModelMixin, nn.Module.half(model)).save_pretrained(folder / name)
    _write_encoder(checkpoint.text_encoders[0], folder / "text_encoder")
    _tokeniser(checkpoint.merges).save_pretrained(folder / "tokenizer")
    prediction = "v_prediction" if checkpoint.prediction == "v" else "epsilon"
    _write(folder / "scheduler" / "scheduler_config.json", {**_table("scheduler"), "prediction_type": prediction})
    _write(folder / "model_index.json", {**_table("index"), **ABSENT})


def _write_encoder(model: TextModel, folder: Path) -> None:
    cast(PreTrainedModel, model).config.save_pretrained(folder)
    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def _tokeniser(merges: str) -> CLIPTokenizer:
    pairs = [tuple(line.split(" ")) for line in merge_lines(merges)]
    return CLIPTokenizer(token_names(merges), pairs, model_max_length=LENGTH)  # type: ignore[arg-type]  # takes pairs


def _table(name: str) -> Mapping[str, object]:
    path = Path(__file__).with_suffix(".toml")
    return section(read_table(path), name, path)


def _write(path: Path, values: Mapping[str, object]) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, json.dumps(values, indent=2).encode())
