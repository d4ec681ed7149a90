"""Linear multistep methods on the slopes of earlier steps."""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import derivative
from paramc.runtime.samplers.weights import weighted

ORDER = 4


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
    """Integrals over [start, end] of the Lagrange polynomials through `nodes`, in their order."""
    weights = []
    for own, node in enumerate(nodes):
        basis = np.poly1d([1.0])
        for other, root in enumerate(nodes):
            if other != own:
                basis *= np.poly1d([1.0, -root]) / (node - root)
        whole = basis.integ()
        weights.append(float(whole(end) - whole(start)))
    return weights
