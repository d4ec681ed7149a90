"""What preprocessors without a model of their own make of a picture, (height, width, 3), in 0 … 255.

Their names are those of UIs; how they compute is described there in words only, so a pixel may differ from theirs.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from paramc.ir.control import ControlNet
from paramc.runtime.control.canny import edges
from paramc.runtime.stages.masks import blurred

Pixels: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float64]
Filter: TypeAlias = Callable[[Pixels, float, float], Pixels]
WHITE: Final = 255
LOW: Final = 100.0  # thresholds of canny, where none are said
HIGH: Final = 200.0
FINE: Final = 0.5  # deviation of what counts as a line, pixels
WIDER: Final = 5.0  # of what it is compared with
AROUND: Final = 6.0  # of what is taken for the paper behind a drawing
FAINTEST: Final = 16.0  # levels: the contrast that is drawn in full at least
KNEE: Final = 216 / 24389  # of CIE's lightness, below which it is a line
STEEPNESS: Final = 24389 / 27
LUMINANCE: Final = (0.2126729, 0.7151522, 0.0721750)  # of linear sRGB


def filtered(kind: str, pixels: Pixels, unit: ControlNet) -> Pixels:
    """What the filter makes of a picture, at the unit's thresholds or its own."""
    work, first, second = FILTERS[kind]
    return work(
        pixels,
        first if unit.threshold_a is None else unit.threshold_a,
        second if unit.threshold_b is None else unit.threshold_b,
    )


def _around(pixels: Pixels, deviation: float) -> Floats:
    """The average around each pixel by Gauss' weights."""
    bands = [blurred(band, deviation, deviation) for band in Image.fromarray(pixels).split()]
    return np.asarray(Image.merge("RGB", bands)).astype(np.float64)


def _edges(pixels: Pixels, low: float, high: float) -> Pixels:
    return _grey(edges(pixels, low, high).astype(np.float64))


def _inverted(pixels: Pixels, first: float, second: float) -> Pixels:
    return WHITE - pixels


def _bounded(pixels: Pixels, bound: float, second: float) -> Pixels:
    """White where every channel is above a bound."""
    return _grey(np.where(pixels.min(axis=2) > bound, WHITE, 0).astype(np.float64))


def _resampled(pixels: Pixels, rate: float, second: float) -> Pixels:
    """As many times smaller."""
    height, width, _ = pixels.shape
    size = (max(int(width / max(rate, 1.0)), 1), max(int(height / max(rate, 1.0)), 1))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _softened(pixels: Pixels, deviation: float, second: float) -> Pixels:
    return _levels(_around(pixels, max(deviation, 0.0)))


def _scribble(pixels: Pixels, bound: float, second: float) -> Pixels:
    """White where a pixel is darker than what lies around it by half a bound (Winnemöller 2011: XDoG)."""
    darker = (_around(pixels, WIDER) - _around(pixels, FINE)).max(axis=2)
    return _grey(np.where(2 * darker > bound, float(WHITE), 0.0))


def _drawing(pixels: Pixels, first: float, second: float) -> Pixels:
    """White lines on black from dark ones on paper: how much darker each pixel is than the paper around it."""
    darker = (_around(pixels, AROUND) - pixels).max(axis=2).clip(0)
    drawn = darker[darker > FAINTEST / 2]
    return _grey(darker / max(FAINTEST, float(np.median(drawn)) if drawn.size else FAINTEST) * WHITE / 2)


def _lightness(pixels: Pixels, gamma: float, second: float) -> Pixels:
    """CIE's lightness L*, of sRGB."""
    share = pixels / WHITE
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array(LUMINANCE)
    lightness = np.where(luminance > KNEE, 116 * np.cbrt(luminance) - 16, STEEPNESS * luminance)
    return _grey((lightness / 100) ** gamma * WHITE)


def _intensity(pixels: Pixels, gamma: float, second: float) -> Pixels:
    """The brightest channel."""
    return _grey((pixels.max(axis=2) / WHITE) ** gamma * WHITE)


def _levels(values: Floats) -> Pixels:
    return np.rint(values).clip(0, WHITE).astype(np.uint8)


def _grey(values: Floats) -> Pixels:
    return _levels(values)[..., None].repeat(3, axis=2)


FILTERS: Final[Mapping[str, tuple[Filter, float, float]]] = {
    "canny": (_edges, LOW, HIGH),
    "invert": (_inverted, 0.0, 0.0),
    "threshold": (_bounded, 127.0, 0.0),
    "resample": (_resampled, 1.0, 0.0),
    "blur": (_softened, 9.0, 0.0),
    "scribble": (_scribble, 32.0, 0.0),
    "drawing": (_drawing, 0.0, 0.0),
    "lightness": (_lightness, 1.0, 0.0),
    "intensity": (_intensity, 1.0, 0.0),
}
"""Filters by the kinds of names.toml, with the thresholds of units that say none."""
