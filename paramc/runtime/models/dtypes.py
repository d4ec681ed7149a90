"""The number type that a model computes in."""

from typing import Final, Protocol
from weakref import WeakKeyDictionary

import torch


class Typed(Protocol):
    """A model that knows its number type."""

    @property
    def dtype(self) -> torch.dtype:
        """The type of its weights."""
        ...


_FOUND: Final = WeakKeyDictionary[Typed, torch.dtype]()


def dtype_of(model: Typed) -> torch.dtype:
    """The number type of a model, found once: diffusers walks through all modules for it, which every step would pay.

    Of a model that is loaded and is not converted any more.
    """
    found = _FOUND.get(model)
    if found is None:
        found = _FOUND[model] = model.dtype
    return found
