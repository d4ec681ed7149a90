"""Tokenisers of language models, which come with the model: from its folder, or from beside its file."""

import json
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Json
from paramc.runtime.text.letters import require_letters
from paramc.runtime.text.pieces import tokeniser_of

NAME: Final = "tokenizer.json"
FOLDER: Final = "tokenizer"
FURTHER: Final = "tokenizer_4"  # of a language model beside encoders with tokenisers of their own
PIECES: Final = "tokenizer.model"
WORDS: Final = ("vocab.json", PIECES)  # of tokenisers that are put together on loading


def tokeniser_beside(file: Path, marks: Sequence[str] = ()) -> Tokenizer:
    """The tokeniser of a text encoder's file: `NAME.tokenizer.json`, or in a folder `NAME`, in its own, or `tokenizer`.

    marks: words that stand behind those of a `PIECES`. Raises ModelError (PC585) where there is none.
    """
    named = file.with_suffix(f".{NAME}")
    if named.is_file():
        return _read(named)
    for folder in (file.with_suffix(""), file.parent, file.parent / FOLDER):
        found = _in(folder, marks)
        if found is not None:
            return found
    raise ModelError(diagnose("PC585", file=file, stem=file.stem))


def tokeniser_in(folder: Path, marks: Sequence[str] = ()) -> Tokenizer:
    """The tokeniser of a model's folder; `marks` as above. Raises ModelError (PC585)."""
    found = _in(folder / FURTHER, marks) or _in(folder / FOLDER, marks)
    if found is None:
        raise ModelError(diagnose("PC585", file=folder, stem=FOLDER))
    return found


def _in(folder: Path, marks: Sequence[str]) -> Tokenizer | None:
    if (folder / NAME).is_file():
        return _read(folder / NAME)
    if (folder / PIECES).is_file():
        try:
            return tokeniser_of((folder / PIECES).read_bytes(), marks)
        except ValueError:
            pass  # another library's file of the same name
    if not any((folder / name).is_file() for name in WORDS):
        return None
    try:
        made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return _whole_texts(cast(PreTrainedTokenizerFast, made).backend_tokenizer)
    except (OSError, ValueError, ImportError, AttributeError, TypeError, LookupError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(diagnose("PC597", file=folder, reason=reason)) from error


def _read(path: Path) -> Tokenizer:
    """Raises ModelError (PC597) for a file that is none."""
    text = path.read_bytes()
    try:
        loaded: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(diagnose("PC597", file=path, reason="it is not JSON")) from error
    if not (isinstance(loaded, dict) and isinstance(loaded.get("model"), dict)):
        raise ModelError(diagnose("PC597", file=path, reason="it has no `model`"))
    try:
        _require_letters(loaded.get("normalizer"))
        return _whole_texts(Tokenizer.from_buffer(text))
    except ValueError as error:
        raise ModelError(diagnose("PC597", file=path, reason=error)) from error


def _require_letters(normaliser: Json) -> None:
    """Raises ValueError for a table of letters that is damaged, wherever in a normaliser it stands."""
    if not isinstance(normaliser, dict):
        return
    table, parts = normaliser.get("precompiled_charsmap"), normaliser.get("normalizers")
    if isinstance(table, str):
        require_letters(b64decode(table))
    for part in parts if isinstance(parts, list) else ():
        _require_letters(part)


def _whole_texts(tokeniser: Tokenizer) -> Tokenizer:
    """A tokeniser that neither cuts texts off nor fills them up, whatever it was saved with."""
    tokeniser.no_truncation()
    tokeniser.no_padding()
    return tokeniser
