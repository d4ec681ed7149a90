"""DPM-Solver with steps of its own choice: a fixed number of model calls, or an error bound (Lu et al. 2022).

t = -ln sigma. The sigmas handed in are not walked; `knobs.bounds` are.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise
from paramc.runtime.samplers.step import ancestral

FIRST_STEP, RELATIVE, ABSOLUTE, ACCEPTED = 0.05, 0.05, 0.0078, 0.81


def sample_dpm_fast(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM-Solver-Fast: `knobs.steps` model calls, in steps of third order and the rest in lower ones."""
    start, end = _times(knobs)
    times = torch.linspace(start.item(), end.item(), knobs.steps // 3 + 2)
    for order, time, time_next in zip(_orders(knobs.steps), times[:-1], times[1:], strict=True):
        target, up = _ancestral_target(time, time_next, end, knobs.eta)
        solver = _Step(denoise, x, time)
        x = solver.order(order, target) + up * knobs.s_noise * noise(_sigma(time), _sigma(time_next))
    return x


def sample_dpm_adaptive(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """DPM-Solver-23: step sizes by the difference of the second- and third-order results over the whole batch."""
    time, end = _times(knobs)
    controller = _StepSize(FIRST_STEP, order=1.5 if knobs.eta else 3.0)
    previous = x
    while time < end - 1e-5:
        time_next = torch.minimum(end, time + controller.h)
        target, up = _ancestral_target(time, time_next, end, knobs.eta)
        solver = _Step(denoise, x, time)
        low, high = solver.second(target, 1 / 3), solver.third(target)
        bound = torch.maximum(low.new_tensor(ABSOLUTE), RELATIVE * torch.maximum(low.abs(), previous.abs()))
        error = torch.linalg.norm((low - high) / bound) / x.numel() ** 0.5
        if controller.accepts(error.item()):
            previous = low
            x = high + up * knobs.s_noise * noise(_sigma(time), _sigma(time_next))
            time = time_next
    return x


def _orders(calls: int) -> list[int]:
    thirds = calls // 3 + 1
    return [3] * (thirds - 2) + [2, 1] if calls % 3 == 0 else [3] * (thirds - 1) + [calls % 3]


def _times(knobs: Knobs) -> tuple[Tensor, Tensor]:
    low, high = knobs.bounds
    return -torch.tensor(high).log(), -torch.tensor(low).log()


def _sigma(time: Tensor) -> Tensor:
    return time.neg().exp()


def _ancestral_target(time: Tensor, time_next: Tensor, end: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """The time to solve to, and the noise that brings the level back to `time_next`."""
    if not eta:
        return time_next, time.new_zeros(())
    down, _ = ancestral(_sigma(time), _sigma(time_next), eta)
    target = torch.minimum(end, -down.log())
    return target, (_sigma(time_next) ** 2 - _sigma(target) ** 2) ** 0.5


class _Step:
    """The slopes of one step, evaluated once and shared by the orders."""

    def __init__(self, denoise: Denoiser, x: Tensor, time: Tensor) -> None:
        self._denoise = denoise
        self._x = x
        self._time = time
        self._noise = self._predicted(x, time)
        self._inner: dict[float, Tensor] = {}

    def order(self, order: int, target: Tensor) -> Tensor:
        return self.first(target) if order == 1 else self.second(target, 0.5) if order == 2 else self.third(target)

    def first(self, target: Tensor) -> Tensor:
        return self._x - _sigma(target) * (target - self._time).expm1() * self._noise

    def second(self, target: Tensor, r1: float) -> Tensor:
        h = target - self._time
        difference = self._at(r1, h) - self._noise
        return self.first(target) - _sigma(target) / (2 * r1) * h.expm1() * difference

    def third(self, target: Tensor) -> Tensor:
        r1, r2 = 1 / 3, 2 / 3
        h = target - self._time
        later = self._time + r2 * h
        curve = _sigma(later) * (r2 / r1) * ((r2 * h).expm1() / (r2 * h) - 1)
        inner = self._x - _sigma(later) * (r2 * h).expm1() * self._noise - curve * (self._at(r1, h) - self._noise)
        difference = self._predicted(inner, later) - self._noise
        return self.first(target) - _sigma(target) / r2 * (h.expm1() / h - 1) * difference

    def _at(self, share: float, h: Tensor) -> Tensor:
        """The noise predicted after a share of the step, reached by first order."""
        if share not in self._inner:
            time = self._time + share * h
            inner = self._x - _sigma(time) * (share * h).expm1() * self._noise
            self._inner[share] = self._predicted(inner, time)
        return self._inner[share]

    def _predicted(self, x: Tensor, time: Tensor) -> Tensor:
        sigma = _sigma(time)
        return (x - self._denoise(x, sigma)) / sigma


@dataclass(slots=True)
class _StepSize:
    """An integral controller: the next step from the error of this one."""

    h: float
    order: float

    def accepts(self, error: float) -> bool:
        factor = 1 + math.atan((1 / (error + 1e-8)) ** (1 / self.order) - 1)
        self.h *= factor
        return factor >= ACCEPTED
