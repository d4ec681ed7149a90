"""The user's pictures."""

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.assets import ImageRef


def opened(image: ImageRef, path: str) -> Image.Image:
    """The picture that a job names at `path`. Raises RunError where it names none, or none that can be read."""
    if image.path is None:
        raise RunError(diagnose("PC551", path=path))
    try:
        with Image.open(Path(image.path)) as picture:
            picture.load()
            return picture
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise RunError(diagnose("PC552", path=path, file=image.path, reason=error)) from error
