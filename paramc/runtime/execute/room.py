"""What sizes a picture can have: a cell of a latent at least, and no more than a memory holds."""

from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.ir.geometry import Size

MOST_PIXELS: Final = 2**28  # of a picture: one layer of the network that paints it would take gigabytes


def lacks_room(size: Size, cell: int, path: str | None) -> Diagnostic | None:
    """What keeps a picture of that size from being made; `cell`: the least side, pixels."""
    if min(size) >= cell and size.width * size.height <= MOST_PIXELS:
        return None
    code = "PC536" if min(size) < cell else "PC537"
    return diagnose(code, path=path, width=size.width, height=size.height, least=cell)


def require_room(size: Size, cell: int, path: str | None = None) -> None:
    """Raises RunError (PC536, PC537) for a size that no picture has."""
    problem = lacks_room(size, cell, path)
    if problem is not None:
        raise RunError(problem)


def bounded_factor(factor: float) -> float:
    """The factor of an enlargement, where it is none or without end the nearest that gives a size at all."""
    return max(min(MOST_PIXELS, factor), 0.0)
