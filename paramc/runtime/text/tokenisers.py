"""Tokenisers of language models, which come with the model: from its folder, or from beside its file."""

import json
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
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
TEXTS: Final = frozenset({".json", ".txt", ".model"})
LARGEST: Final = 2**26  # bytes, twice as many as those of the largest vocabularies
PANIC: Final = "PanicException"  # what the library's other language raises; it has no module to be imported from
STRANGE: Final = "a \u0915\U0010fffd"  # letters that few vocabularies have


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
        with suppress(ValueError), _Worded(folder / PIECES):  # another library's file of the same name
            return tokeniser_of(_bytes(folder / PIECES), marks)
    if not any((folder / name).is_file() for name in WORDS):
        return None
    for path in folder.iterdir():
        _require_sound_size(path)
    try:
        with _Worded(folder):
            made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            return _whole_texts(cast(PreTrainedTokenizerFast, made).backend_tokenizer)
    except (OSError, ValueError, ImportError, AttributeError, TypeError, LookupError) as error:
        raise _unread(folder, error) from error


class _Worded:
    """What the library of tokenisers raises while this lasts, of no kind of its own, becomes a ModelError (PC597)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing is to be done."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and (kind is Exception or type(error).__name__ == PANIC):
            raise _unread(self._path, error) from error


def _unread(path: Path, error: BaseException) -> ModelError:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return ModelError(diagnose("PC597", file=path, reason=reason))


def _bytes(path: Path) -> bytes:
    """All of a file. Raises ModelError for one that cannot be read, and for one that no tokeniser fills."""
    _require_sound_size(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(diagnose("PC523", file=path, reason=error.strerror or error)) from error


def _require_sound_size(path: Path) -> None:
    """Raises ModelError (PC597) for a text that is larger than any tokeniser's."""
    if path.suffix in TEXTS and path.is_file() and path.stat().st_size > LARGEST:
        raise ModelError(diagnose("PC597", file=path, reason=f"it is larger than {LARGEST >> 20} MiB"))


def _read(path: Path) -> Tokenizer:
    """Raises ModelError (PC597) for a file that is none."""
    text = _bytes(path)
    try:
        loaded: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(diagnose("PC597", file=path, reason="it is not JSON")) from error
    if not (isinstance(loaded, dict) and isinstance(loaded.get("model"), dict)):
        raise ModelError(diagnose("PC597", file=path, reason="it has no `model`"))
    try:
        with _Worded(path):
            _require_letters(loaded.get("normalizer"))
            return _whole_texts(Tokenizer.from_buffer(text))
    except ValueError as error:
        raise _unread(path, error) from error


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
    """A tokeniser that neither cuts texts off nor fills them up, whatever it was saved with.

    Raises what the library does for one that has no word for what it does not know.
    """
    tokeniser.no_truncation()
    tokeniser.no_padding()
    tokeniser.encode(STRANGE, add_special_tokens=False)
    return tokeniser
