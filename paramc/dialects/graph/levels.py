"""Noise levels as a graph's schedules place them, and where between two denoiser calls a border lies.

Time runs from 1 (most noise) to 0; `share` = 1 − time is what a graph calls a percentage of the sampling.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate, pairwise
from math import atan, exp, inf, log, sqrt, tan
from typing import NamedTuple, TypeAlias

from paramc.ir.names import Sampler

TRAINING_STEPS = 1000  # of SD 1 to SDXL
SMALLEST = 1e-30  # stands for 0 where a logarithm is taken
FIRST_BETA, LAST_BETA = sqrt(0.00085), sqrt(0.012)


class VariancePreserving(NamedTuple):
    """SD 1, SD 2, SDXL: 1000 levels, interpolated in log sigma. `end` is the time of an even spacing's last level."""

    logs: tuple[float, ...]
    entries: int = TRAINING_STEPS
    end: float = 0.0

    def sigma(self, time: float) -> float:
        """Interpolated between the two nearest entries."""
        place = min(max(time, 0.0), 1.0) * (self.entries - 1)
        low = min(int(place), self.entries - 2)
        part = place - low
        return exp((1 - part) * self.logs[low] + part * self.logs[low + 1])

    def time(self, sigma: float) -> float:
        """Interpolated between the two nearest entries."""
        wanted = log(max(sigma, SMALLEST))
        high = min(max(bisect_left(self.logs, wanted), 1), self.entries - 1)
        part = (wanted - self.logs[high - 1]) / (self.logs[high] - self.logs[high - 1])
        return min(max((high - 1 + part) / (self.entries - 1), 0.0), 1.0)

    def entry(self, index: int) -> float:
        """An entry itself."""
        return exp(self.logs[index])


class Flow(NamedTuple):
    """Flow models: time bent by `shift`."""

    shift: float
    entries: int

    @property
    def end(self) -> float:
        """The smallest sigma, taken for a time: the even spacing of flow models does not undo the shift."""
        return self.entry(0)

    def sigma(self, time: float) -> float:
        """Noise share at a time."""
        return self.shift * time / (1 + (self.shift - 1) * time)

    def time(self, sigma: float) -> float:
        """The shift undone."""
        return sigma / (self.shift - (self.shift - 1) * sigma)

    def entry(self, index: int) -> float:
        """Entries are even in time."""
        return self.sigma((index + 1) / self.entries)


NoiseModel: TypeAlias = VariancePreserving | Flow


@cache
def variance_preserving() -> VariancePreserving:
    """The noise of SD 1, SD 2 and SDXL: betas even in their square root."""
    step = (LAST_BETA - FIRST_BETA) / (TRAINING_STEPS - 1)
    logs: list[float] = []
    alpha_bar = 1.0
    for index in range(TRAINING_STEPS):
        alpha_bar *= 1 - (FIRST_BETA + index * step) ** 2
        logs.append(log((1 - alpha_bar) / alpha_bar) / 2)
    return VariancePreserving(tuple(logs))


class Limits(NamedTuple):
    """The span of the sigmas and the curvature of their spacing."""

    least: float
    most: float
    rho: float


def limits(model: NoiseModel, least: float, most: float, rho: float) -> Limits:
    """The limits asked for, the model's own where they are 0 or no levels."""
    low, high = model.entry(0), model.entry(model.entries - 1)
    return Limits(least if 0 < least < inf else low, most if 0 < most < inf else high, abs(rho))


def sigmas(spacing: str, steps: int, model: NoiseModel, span: Limits) -> tuple[float, ...] | None:
    """The noise levels at which `steps` steps begin; None without a formula for `spacing`, or beyond its limits."""
    formula = _SPACINGS.get(spacing)
    try:
        return tuple(formula(steps, model, span)) if formula else None
    except (ArithmeticError, ValueError):  # limits that are no numbers, or a curvature without an end
        return None


def second_call(kind: str, sigma: float, following: float, eta: float) -> float:
    """The level of a step's second denoiser call."""
    match kind:
        case "next":
            return following
        case "ancestral":  # the middle of the way down to what the noise then lifts to `following`
            up = min(following, eta * sqrt(following**2 * (sigma**2 - following**2) / sigma**2))
            return sqrt(sigma * sqrt(max(following**2 - up**2, SMALLEST)))
        case _:
            return sqrt(sigma * following)


def shares(levels: Sequence[float], model: NoiseModel, sampler: Sampler, eta: float) -> tuple[float, ...]:
    """The share of the time at which each denoiser call happens; those of a step are one where no table says more."""
    second = sampler.second
    if not second:
        return tuple(1 - model.time(sigma) for sigma in levels for _ in range(sampler.calls))
    calls = [
        level for sigma, following in pairwise(levels) for level in (sigma, second_call(second, sigma, following, eta))
    ]
    return tuple(1 - model.time(sigma) for sigma in (*calls, levels[-1]))


def borders(calls: Sequence[float], last_calls: Sequence[int]) -> tuple[float, ...]:
    """For each of `last_calls`, a share between that call and the next, with as few digits as will do."""
    highest = tuple(accumulate(calls, max))
    lowest = tuple(accumulate(reversed(calls), min))[::-1]
    return tuple(_between(calls, highest, lowest, call) for call in last_calls if call + 1 < len(calls))


def _between(calls: Sequence[float], highest: Sequence[float], lowest: Sequence[float], call: int) -> float:
    before, after = highest[call], lowest[call + 1]
    if before >= after:  # calls that go back in time cannot all be told apart
        return (calls[call] + calls[call + 1]) / 2
    middle = (before + after) / 2
    rounded = (round(middle, digits) for digits in range(3, 12))
    return next((value for value in rounded if before < value < after), middle)


def _even(start: float, end: float, points: int, parts: int) -> list[float]:
    return [start + (end - start) * index / max(parts, 1) for index in range(points)]


def _in_time(steps: int, model: NoiseModel, span: Limits) -> list[float]:
    return [model.sigma(time) for time in _even(1.0, model.end, steps, steps - 1)]


def _in_time_open(steps: int, model: NoiseModel, span: Limits) -> list[float]:
    return [model.sigma(time) for time in _even(1.0, model.end, steps, steps)]


def _table(steps: int, model: NoiseModel, span: Limits) -> list[float]:
    return [model.entry(model.entries - 1 - int(index * model.entries / steps)) for index in range(steps)]


def _table_from_one(steps: int, model: NoiseModel, span: Limits) -> list[float]:
    every = max(model.entries // steps, 1)
    return [model.entry(index) for index in reversed(range(1, model.entries, every))]


def _karras(steps: int, model: NoiseModel, span: Limits) -> list[float]:
    root = 1 / span.rho
    return [value**span.rho for value in _even(span.most**root, span.least**root, steps, steps - 1)]


def _exponential(steps: int, model: NoiseModel, span: Limits) -> list[float]:
    return [exp(value) for value in _even(log(span.most), log(span.least), steps, steps - 1)]


def _polyexponential(steps: int, model: NoiseModel, span: Limits) -> list[float]:
    low, high = log(span.least), log(span.most)
    return [exp(part**span.rho * (high - low) + low) for part in _even(1.0, 0.0, steps, steps - 1)]


def _arctangent(steps: int, model: NoiseModel, span: Limits) -> list[float]:
    return [tan(value) for value in _even(atan(span.most), atan(span.least), steps, steps - 1)]


_SPACINGS: dict[str, Callable[[int, NoiseModel, Limits], list[float]]] = {
    "time": _in_time,
    "time_open": _in_time_open,
    "table": _table,
    "table_from_one": _table_from_one,
    "karras": _karras,
    "exponential": _exponential,
    "polyexponential": _polyexponential,
    "arctangent": _arctangent,
}
