"""Tokenisers of language models, which come with the model: from its folder, or from beside its file."""

import json
from pathlib import Path
from typing import Final, cast

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Json

NAME: Final = "tokenizer.json"
FOLDER: Final = "tokenizer"
FURTHER: Final = "tokenizer_4"  # of a language model beside encoders with tokenisers of their own
WORDS: Final = ("vocab.json", "tokenizer.model")  # of tokenisers that are put together on loading


def tokeniser_beside(file: Path) -> Tokenizer:
    """The tokeniser of a text encoder's file: `NAME.tokenizer.json`, or in a folder `NAME`, in its own, or `tokenizer`.

    Raises ModelError (PC585) where there is none.
    """
    named = file.with_suffix(f".{NAME}")
    if named.is_file():
        return _read(named)
    for folder in (file.with_suffix(""), file.parent, file.parent / FOLDER):
        found = _in(folder)
        if found is not None:
            return found
    raise ModelError(diagnose("PC585", file=file, stem=file.stem))


def tokeniser_in(folder: Path) -> Tokenizer:
    """The tokeniser of a model's folder. Raises ModelError (PC585)."""
    found = _in(folder / FURTHER) or _in(folder / FOLDER)
    if found is None:
        raise ModelError(diagnose("PC585", file=folder, stem=FOLDER))
    return found


def _in(folder: Path) -> Tokenizer | None:
    if (folder / NAME).is_file():
        return _read(folder / NAME)
    if not any((folder / name).is_file() for name in WORDS):
        return None
    try:
        made = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(diagnose("PC597", file=folder, reason=str(error).splitlines()[0])) from error
    return cast(PreTrainedTokenizerFast, made).backend_tokenizer


def _read(path: Path) -> Tokenizer:
    """Raises ModelError (PC597) for a file that is none."""
    text = path.read_bytes()
    try:
        loaded: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(diagnose("PC597", file=path, reason="it is not JSON")) from error
    if not (isinstance(loaded, dict) and isinstance(loaded.get("model"), dict)):
        raise ModelError(diagnose("PC597", file=path, reason="it has no `model`"))
    return Tokenizer.from_buffer(text)
