"""Libraries' words for sizes and settings that do not go together, as an error of the file that has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from huggingface_hub.errors import StrictDataclassError

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.execute.memory import is_exhaustion

MISFITS: Final = (
    RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, StrictDataclassError,
)  # fmt: skip
PARTS: Final = "its parts do not go together"
SETTINGS: Final = "its settings do not go together"


@contextmanager
def fitting(path: Path, reason: str = PARTS) -> Iterator[None]:
    """What a library raises while this lasts becomes a ModelError (PC521), unless the memory is exhausted."""
    try:
        yield
    except MISFITS as error:
        if is_exhaustion(error):
            raise
        raise ModelError(diagnose("PC521", file=path, reason=reason)) from error
