"""Libraries' words for sizes and settings that do not go together, as an error of the file that has them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from huggingface_hub.errors import StrictDataclassError

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.contents import Json
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.memory import is_exhaustion

MISFITS: Final = (
    RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, NameError,
    StrictDataclassError,
)  # fmt: skip
PARTS: Final = "its parts do not go together"
SETTINGS: Final = "its settings do not go together"

COUNTED: Final = ("layer", "num_blocks", "res_blocks")  # in the names of settings that say how many parts are laid out
LAID_OUT: Final = ("sample_size", "pos_embed_max_size", "axes_", "head_dim", "num_channels")  # tables of so many rows
USUAL: Final = 128  # parts that a setting may name without a word of them in the file
LONGEST: Final = 2**16  # rows of a table of positions


@contextmanager
def fitting(path: Path, reason: str = PARTS) -> Iterator[None]:
    """What a library raises while this lasts becomes a ModelError (PC521), unless the memory is exhausted."""
    try:
        yield
    except MISFITS as error:
        if is_exhaustion(error):
            raise
        raise ModelError(diagnose("PC521", file=path, reason=reason)) from error


def require_bounds(settings: Mapping[str, Json], tensors: int) -> None:
    """Raises ValueError for more parts than a file has tensors, and for tables that take forever to lay out."""
    for name, value in settings.items():
        if isinstance(value, dict):
            require_bounds(value, tensors)
        elif any(word in name for word in COUNTED) and _largest(value) > max(tensors, USUAL):
            raise ValueError(f"too many parts by {name}")
        elif any(word in name for word in LAID_OUT) and _largest(value) > LONGEST:
            raise ValueError(f"too many rows by {name}")


def _largest(value: Json) -> float:
    """The largest number in a setting."""
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    return value if isinstance(value, int | float) else 0
