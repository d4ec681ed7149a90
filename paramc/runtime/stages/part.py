"""The part of a picture that is painted where only what a mask shows is asked for; computed without torch."""

from math import exp
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops

from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.stages import Inpaint
from paramc.runtime.stages.sizes import Box, padded, widened

OPAQUE: Final = 128  # an alpha above it is masked
SEEN: Final = 0.5 / 255  # of white: what is darker rounds to black


def part_to_paint(job: Job) -> Box | None:
    """The part that a job of the masked area alone paints; None for another job, and where no mask is at hand.

    Blurring widens a mask by as much as an edge spreads; of a spot that is smaller than the blur, less is painted.
    """
    task = job.task
    if not isinstance(task, Inpaint) or task.area != "masked" or not task.mask.path:
        return None
    if job.size is None or min(job.size) <= 0:
        return None
    mask = _opened(Path(task.mask.path))
    box = None if mask is None else (ImageChops.invert(mask) if task.inverts_mask else mask).getbbox()
    if mask is None or box is None:
        return None
    whole = Size(*mask.size)
    widest = float(max(whole))  # a wider blur reaches every edge as well
    spread = padded(Box(*box), spread_of(min(widest, task.mask_blur)), whole)
    return widened(padded(spread, task.padding, whole), job.size, whole)


def _opened(path: Path) -> Image.Image | None:
    """The mask in a file, white where it is painted: its alpha where it has one."""
    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if picture.mode != "RGBA" or picture.getextrema()[-1] == (255, 255):
        return picture.convert("L")
    return picture.getchannel("A").point([255 * (level > OPAQUE) for level in range(256)])


def spread_of(sigma: float) -> int:
    """How many pixels behind its edge a blurred white plane is no more black."""
    if sigma <= 0:
        return 0
    reach = int(2.5 * sigma + 0.5)
    taps = [exp(-0.5 * (place / sigma) ** 2) for place in range(-reach, reach + 1)]
    whole, shares = sum(taps), 0.0
    for place, tap in enumerate(taps):
        shares += tap / whole
        if shares >= SEEN:
            return reach - place
    return 0
