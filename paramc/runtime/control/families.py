"""What steers goes with models of its own family alone."""

from pathlib import Path

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.bases import bases


def require_base(path: Path, found: str, wanted: str) -> None:
    """Raises ModelError (PC587) unless a file was made for models of a base; `found` is empty where none is known."""
    if found != wanted:
        titles = bases()
        family = titles[found].title if found in titles else "another family"
        raise ModelError(diagnose("PC587", file=path, family=family, model=titles[wanted].title))
