"""Linear multistep methods on the slopes of earlier steps."""

from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np
from scipy.integrate import quad  # type: ignore[import-untyped]  # scipy ships no types
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import derivative
from paramc.runtime.samplers.weights import weighted

ORDER: Final = 4
TOLERANCE: Final = 1e-4  # of the quadrature, relative


def sample_lms(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """Adams–Bashforth of up to fourth order on uneven levels (Crowson, k-diffusion)."""
    nodes = sigmas.double().tolist()
    slopes: deque[Tensor] = deque(maxlen=ORDER)
    for index, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = denoise(x, sigma)
        if sigma_next == 0 and "steps_to_zero" not in knobs.quirks:
            return denoised
        slopes.appendleft(derivative(x, sigma, denoised))
        order = min(index + 1, ORDER)
        weights = adams_bashforth(nodes[index - order + 1 : index + 1][::-1], nodes[index], nodes[index + 1])
        x = x + weighted(weights, slopes)
    return x


def adams_bashforth(nodes: Sequence[float], start: float, end: float) -> list[float]:
    """Integrals over [start, end] of the Lagrange polynomials through `nodes`, in their order.

    By quadrature in float32: what that rounds is in the weights of every program (k-diffusion).
    """
    levels = [np.float32(node) for node in nodes]
    return [float(quad(partial(_lagrange, levels, own), start, end, epsrel=TOLERANCE)[0]) for own in range(len(levels))]


def _lagrange(levels: Sequence[np.float32], own: int, level: float) -> float | np.float32:
    """The polynomial that is 1 at the own level and 0 at the others."""
    value: float | np.float32 = 1.0
    for other, node in enumerate(levels):
        if other != own:
            value *= (level - node) / (levels[own] - node)
    return value
