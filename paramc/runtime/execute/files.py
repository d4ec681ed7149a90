"""The user's pictures."""

from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.assets import ImageRef
from paramc.ir.geometry import Size
from paramc.ir.plan import EncodeImage, LoadImage, Plan

CELL: Final = 8  # pixels of a side that one number of a latent stands for


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


def with_own_size(plan: Plan) -> Plan:
    """The plan, pictures to paint over brought to whole cells of their own size where nothing says another.

    What is over is cut off, half of it at each end, as ComfyUI does. Raises RunError where a picture cannot be read.
    """
    painted = {op.image for op in plan.ops if isinstance(op, EncodeImage)}
    ops = tuple(
        _sized(op) if isinstance(op, LoadImage) and op.size is None and op.id in painted else op for op in plan.ops
    )
    return plan.model_copy(update={"ops": ops})


def _sized(op: LoadImage) -> LoadImage:
    width, height = opened(op.image, "task.init").size
    own = Size(max(width // CELL, 1) * CELL, max(height // CELL, 1) * CELL)
    return op.model_copy(update={"size": own, "resize": "crop"})
