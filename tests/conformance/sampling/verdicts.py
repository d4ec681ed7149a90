"""Every case of a file against its recording, and which cases the last digit of a sigma decides."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from torch import Tensor

from tests.conformance.sampling.recorded import SHAKEN_BY, Case, Nudge, bar, deviation

CONDITIONED = {"gap64", "kappa"}  # either says how much rounding matters
SHARE = 0.005  # of the cases of a file that may fail
# cases of which no machine at hand gave the recorded digits: weights that cancel, and solves of nearly equal rows
STATED = (
    '"sampler": "ipndm_v", "scheduler": "linear_quadratic"',
    '"sampler": "sa_solver", "scheduler": "linear_quadratic"',
    '"sampler": "sa_solver_pece", "scheduler": "linear_quadratic"',
)
BETWEEN = ("dpmpp_sde", "dpmpp_sde_gpu")  # their Brownian noise depends on levels that are no sigmas of the schedule
ROUNDS = 2  # through all sigmas, in search of the last digits of another machine


class Outcome(Protocol):
    """What a job gave: its latent, and the timestep of each model call."""

    latent: Tensor
    seen: list[float]


Play = Callable[[Case, Nudge | None], Outcome]


@dataclass(slots=True)
class Verdict:
    """passed + failed + reached are all cases.

    A case is reached when it is in tolerance as soon as some of its sigmas are moved by one float32 step. The sigmas
    of a schedule are exp, log and powers, whose last digit depends on the vector library of the machine; the recordings
    were made on several.
    """

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)
    mistimed: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.passed + len(self.failed) + len(self.reached)

    @property
    def summary(self) -> str:
        wrong = [*self.failed, *self.miscounted, *self.mistimed]
        return f"{self.passed} of {self.total} passed, {len(self.reached)} reached: " + "\n".join(wrong)


def judge(cases: Sequence[Case], play: Play, time_error: Callable[[Case], float]) -> Verdict:
    """Plays every case that the real program did not refuse."""
    verdict = Verdict()
    for case in cases:
        if case.fails:
            continue
        outcome = play(case, None)
        allowed = bar(case) if CONDITIONED & case.inputs.keys() else measured_bar(case, outcome.latent, play)
        error = deviation(outcome.latent, case.expected)
        if error > allowed:
            if is_reached(case, outcome.latent, play, allowed):
                verdict.reached.append(case.label)
                continue
            verdict.failed.append(f"{error:.1e} > {allowed:.1e} {case.label}")
        else:
            verdict.passed += 1
        if "t_row" in case.inputs:
            check_calls(case, outcome.seen, time_error(case), verdict)
    return verdict


def measured_bar(case: Case, latent: Tensor, play: Play) -> float:
    """The bar of a file that lacks the conditioning of its cases: it is measured here."""
    kappa = deviation(play(case, Nudge(shaken=True)).latent, latent) / SHAKEN_BY
    return max(2e-5, 2e-5 * kappa)


def is_reached(case: Case, latent: Tensor, play: Play, allowed: float) -> bool:
    """Whether the recorded latent comes out when sigmas are moved one after the other, each to where it helps most."""
    if deviation(play(case, Nudge()).latent, latent) > allowed / 2:
        return False  # a nudged play goes another way than this one
    count = int(case["steps"]) * (1 + (case["sampler"] in BETWEEN)) + 2
    best, steps = deviation(latent, case.expected), [0] * count
    for place in [*range(len(steps))] * ROUNDS:
        for step in {1, 0, -1} - {steps[place]}:
            tried = [*steps[:place], step, *steps[place + 1 :]]
            error = deviation(play(case, Nudge(tuple(tried))).latent, case.expected)
            if error <= allowed:
                return True
            if error < best:
                best, steps = error, tried
    return False


def check_calls(case: Case, seen: list[float], allowed: float, verdict: Verdict) -> None:
    if len(seen) != case["nfe"]:
        verdict.miscounted.append(f"{len(seen)} calls, not {case['nfe']}: {case.label}")
        return
    times = np.asarray(seen[:200], dtype=np.float32)
    off = np.nan_to_num(np.abs(times - case.timesteps)).max(initial=0.0)
    if off > allowed:
        verdict.mistimed.append(f"timestep off by {off}: {case.label}")


def holds(verdict: Verdict) -> None:
    """The bar of a file: all but one case in two hundred, and in the others no more than a last digit."""
    allowed = math.ceil(verdict.total * SHARE)
    unstated = [line for line in verdict.failed if not any(pair in line for pair in STATED)]
    assert len(unstated) <= allowed, verdict.summary
    assert len(verdict.miscounted) <= allowed, verdict.summary
    assert len(verdict.mistimed) <= allowed, verdict.summary
    assert len(verdict.reached) <= verdict.total * 0.05, verdict.reached
