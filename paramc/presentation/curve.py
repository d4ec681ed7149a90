"""The noise levels of a schedule as numbers, as a small plot for a terminal, and as an SVG picture.

The levels are computed without torch, by the plain formulas; the runner computes its own, to the last bit.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from math import atan, exp, log, sqrt, tan
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

TIMESTEPS: Final = 1000  # that diffusion models are trained with
BETAS: Final = (0.00085, 0.012)  # of the noise that is added in training, their roots evenly spaced
SMALLEST, LARGEST = 1e-6, 1e6  # of a noise level or a shift that is drawn
STEEPEST: Final = 100.0  # curvature
ROWS: Final = 4  # of the plot
USUAL: Final = 24  # columns that a short curve is drawn out to …
WIDEST: Final = 4  # … but each of its steps to no more
EIGHTHS: Final = " ▁▂▃▄▅▆▇█"


class Ask(NamedTuple):
    """What the curve depends on; 0 stands for the model's own, as in the Job.

    shift: of a flow model's timesteps, None for other models.
    """

    steps: int
    shift: float | None = None
    rho: float = 0.0
    sigma_min: float = 0.0
    sigma_max: float = 0.0


def sigmas_of(schedule: str, ask: Ask) -> tuple[float, ...]:
    """The noise levels in order, the final 0 included; empty for a schedule without a plain formula."""
    if ask.steps < 1 or not _is_sane(ask):
        return ()
    if ask.shift is not None:
        return _flow(ask.steps, ask.shift) if schedule in FLOWING else ()
    formula = FORMULAS.get(schedule)
    return formula(ask) if formula else ()


def _is_sane(ask: Ask) -> bool:
    """Whether the formulas hold for the numbers that settings may carry."""
    bounds = (bound for bound in (ask.sigma_min, ask.sigma_max) if bound)
    return (
        all(SMALLEST < bound < LARGEST for bound in bounds)
        and (not ask.rho or 1 / STEEPEST < ask.rho < STEEPEST)
        and (ask.shift is None or SMALLEST < ask.shift < LARGEST)
    )


@cache
def table() -> tuple[float, ...]:
    """The noise levels that Stable Diffusion was trained with, ascending."""
    low, high = (sqrt(beta) for beta in BETAS)
    betas = ((low + (high - low) * index / (TIMESTEPS - 1)) ** 2 for index in range(TIMESTEPS))
    kept = accumulate((1 - beta for beta in betas), lambda product, factor: product * factor)
    return tuple(sqrt((1 - alpha) / alpha) for alpha in kept)


def plot(sigmas: Sequence[float], width: int) -> list[str]:
    """The curve in ROWS lines of at most `width` columns, on a logarithmic scale; the final 0 has no column."""
    heights = _heights(_sampled([sigma for sigma in sigmas if sigma > 0], width))
    columns = max(1, min(WIDEST, USUAL // max(1, len(heights))))
    filled = [round(height * ROWS * 8) for height in heights for _ in range(columns)]
    return [
        "".join(EIGHTHS[min(8, max(0, top - 8 * row))] for top in filled).rstrip() for row in range(ROWS - 1, -1, -1)
    ]


def svg(sigmas: Sequence[float], title: str, switches: Sequence[int] = ()) -> str:
    """The curve as a picture of its own: a point for each step, and a line where the prompt changes."""
    positive = [sigma for sigma in sigmas if sigma > 0]
    heights = _heights(positive)
    across = max(1, len(positive) - 1)
    points = [(60 + 540 * place / across, 250 - 200 * height) for place, height in enumerate(heights)]
    marks = [60 + 540 * min(step, across) / across for step in switches]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 300" font-family="sans-serif" font-size="13">',
        '<rect width="640" height="300" fill="#fff"/>',
        f'<text x="60" y="28" font-size="15">{escape(title)}</text>',
        '<path d="M60 50V250H600" fill="none" stroke="#999"/>',
        *(f'<path d="M{x:.1f} 50V250" stroke="#d90" stroke-dasharray="4"/>' for x in marks),
        f'<polyline points="{line}" fill="none" stroke="#36c" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#36c"/>' for x, y in points),
        f'<text x="52" y="54" text-anchor="end">{max(positive, default=0):.4g}</text>',
        f'<text x="52" y="254" text-anchor="end">{min(positive, default=0):.4g}</text>',
        f'<text x="60" y="275">1</text><text x="600" y="275" text-anchor="end">{len(positive)}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _heights(positive: Sequence[float]) -> list[float]:
    """Levels between 0 and 1 on a logarithmic scale."""
    if not positive:
        return []
    low, high = log(min(positive)), log(max(positive))
    return [(log(sigma) - low) / (high - low) if high > low else 1.0 for sigma in positive]


def _sampled(values: Sequence[float], width: int) -> list[float]:
    """At most `width` of the values, evenly chosen, both ends among them."""
    if len(values) <= max(width, 2):
        return list(values)
    return [values[round(place * (len(values) - 1) / (width - 1))] for place in range(width)]


def _linspace(start: float, end: float, count: int) -> list[float]:
    return [start + (end - start) * place / (count - 1) for place in range(count)] if count > 1 else [start]


def _at(timestep: float) -> float:
    """The level of a timestep between two of the table, straight in ln σ."""
    levels = table()
    low = min(int(timestep), TIMESTEPS - 1)
    high = min(low + 1, TIMESTEPS - 1)
    part = timestep - low
    return exp((1 - part) * log(levels[low]) + part * log(levels[high]))


def _bounds(ask: Ask) -> tuple[float, float]:
    return ask.sigma_max or table()[-1], ask.sigma_min or table()[0]


def _uniform(ask: Ask) -> tuple[float, ...]:
    return (*(_at(time) for time in _linspace(TIMESTEPS - 1, 0, ask.steps)), 0.0)


def _sgm_uniform(ask: Ask) -> tuple[float, ...]:
    return (*(_at(time) for time in _linspace(TIMESTEPS - 1, 0, ask.steps + 1)[:-1]), 0.0)


def _simple(ask: Ask) -> tuple[float, ...]:
    return (*(table()[-1 - place * TIMESTEPS // ask.steps] for place in range(min(ask.steps, TIMESTEPS))), 0.0)


def _karras(ask: Ask) -> tuple[float, ...]:
    rho = ask.rho or 7.0
    high, low = (bound ** (1 / rho) for bound in _bounds(ask))
    return (*(root**rho for root in _linspace(high, low, ask.steps)), 0.0)


def _exponential(ask: Ask) -> tuple[float, ...]:
    high, low = _bounds(ask)
    return (*(exp(level) for level in _linspace(log(high), log(low), ask.steps)), 0.0)


def _polyexponential(ask: Ask) -> tuple[float, ...]:
    high, low = map(log, _bounds(ask))
    return (*(exp(ramp ** (ask.rho or 1.0) * (high - low) + low) for ramp in _linspace(1, 0, ask.steps)), 0.0)


def _kl_optimal(ask: Ask) -> tuple[float, ...]:
    high, low = map(atan, _bounds(ask))
    return tuple(tan(place / ask.steps * low + (1 - place / ask.steps) * high) for place in range(ask.steps + 1))


def _flow(steps: int, shift: float) -> tuple[float, ...]:
    """Even times from 1 to 0, moved towards high noise by the shift."""
    times = _linspace(1, 0, steps + 1)
    return tuple(shift * time / (1 + (shift - 1) * time) for time in times)


FORMULAS: Final[dict[str, Callable[[Ask], tuple[float, ...]]]] = {
    "uniform": _uniform,
    "normal": _uniform,
    "sgm_uniform": _sgm_uniform,
    "simple": _simple,
    "karras": _karras,
    "exponential": _exponential,
    "polyexponential": _polyexponential,
    "kl_optimal": _kl_optimal,
}
FLOWING: Final = frozenset({"automatic", "uniform", "simple", "normal", "sgm_uniform"})  # alike on flow models
