"""Words that were learned (textual inversion): read from files, and told apart by the encoders that they are for."""

import pickle
import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.dialects.chunks import CAPACITY
from paramc.runtime.text.encoder import Encoder
from paramc.runtime.text.stack import TextStack

ANY: Final = ""  # the encoder of vectors that do not say which one they are for
_ENCODERS: Final = {"clip_l": "l", "clip_g": "g", "text_encoders_0": "l", "text_encoders_1": "g"}
_PARAMETERS: Final = "string_to_param"  # where the first trainers put the vectors, under the name `*`
# what the readers of both formats raise on bytes that were changed here and there
_DAMAGED: Final = (
    SafetensorError, OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, struct.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class LearnedWord:
    """Vectors by encoder, (n, width) each; `ANY` is the key of those that do not say."""

    name: str
    vectors: Mapping[str, Tensor]

    def of(self, encoder: Encoder) -> Tensor | None:
        """The vectors for this encoder, if there are any of its width."""
        found = self.vectors.get(encoder.name, self.vectors.get(ANY))
        return found if found is not None and found.shape[1] == encoder.width else None


def read_word(path: Path, name: str) -> LearnedWord:
    """The word of a file in any of the layouts that trainers write. Raises RunError where there is none.

    Pickles are only opened where nothing in them can run.
    """
    return word_of(_tensors(path, name), path, name)


def word_of(tensors: Mapping[str, Tensor], path: Path, name: str) -> LearnedWord:
    """The word of tensors that came out of a file. Raises RunError where they are none."""
    vectors = _labelled(tensors)
    if not vectors or not all(map(_is_word, vectors.values())):
        raise RunError(diagnose("PC501", path="assets.embeddings", name=name, file=path.name))
    return LearnedWord(name, vectors)


def _is_word(vectors: Tensor) -> bool:
    return vectors.dim() == 2 and vectors.is_floating_point() and bool(torch.isfinite(vectors).all())


def fitting_words(
    words: Sequence[LearnedWord], stack: TextStack
) -> tuple[tuple[LearnedWord, ...], tuple[Diagnostic, ...]]:
    """The words that these encoders can take, and why not the others; the name of such a one is ordinary text."""
    found = [(word, _problem(word, stack)) for word in words]
    fitting = tuple(word for word, problem in found if problem is None)
    return fitting, tuple(problem for _, problem in found if problem is not None)


def _problem(word: LearnedWord, stack: TextStack) -> Diagnostic | None:
    lengths = {len(vectors) for encoder in stack.encoders for vectors in (word.of(encoder),) if vectors is not None}
    labels = set(word.vectors) - {ANY}
    names = {encoder.name for encoder in stack.encoders}
    taken = [word.of(encoder) is not None for encoder in stack.encoders]
    if not taken or not all(taken) or (labels and not names <= labels):
        widths = "+".join(str(tensor.shape[1]) for tensor in word.vectors.values())
        wanted = "+".join(str(encoder.width) for encoder in stack.encoders) or "takes none"
        return diagnose("PC502", path="assets.embeddings", name=word.name, widths=widths, wanted=wanted)
    if max(lengths) > CAPACITY:
        return diagnose("PC503", path="assets.embeddings", name=word.name, count=max(lengths), most=CAPACITY)
    return None


def _tensors(path: Path, name: str) -> Mapping[str, Tensor]:
    unreadable = diagnose("PC501", path="assets.embeddings", name=name, file=path.name)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings(action="ignore"):  # of old formats
            return _plain(torch.load(path, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        raise RunError(diagnose("PC500", path="assets.embeddings", name=name, file=path.name)) from error
    except _DAMAGED as error:
        raise RunError(unreadable) from error


def _plain(loaded: object) -> Mapping[str, Tensor]:
    """The tensors of a pickled dictionary, or of the one inside it."""
    if not isinstance(loaded, dict):
        return {}
    values = cast("dict[object, object]", loaded)
    inner = values.get(_PARAMETERS)
    if isinstance(inner, dict):
        values = cast("dict[object, object]", inner)
    return {str(key): value.detach() for key, value in values.items() if isinstance(value, Tensor)}


def _labelled(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Vectors by encoder; a single tensor of another name is for any."""
    vectors = {key: tensor if tensor.dim() > 1 else tensor[None] for key, tensor in tensors.items()}
    labelled = {_ENCODERS[key]: tensor for key, tensor in vectors.items() if key in _ENCODERS}
    if labelled or len(vectors) != 1:
        return labelled
    return {ANY: next(iter(vectors.values()))}
