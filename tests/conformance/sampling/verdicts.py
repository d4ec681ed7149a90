"""Every case of a file against its recording, and which cases float32 itself leaves open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from torch import Tensor

from tests.conformance.sampling.recorded import SHAKE, SHAKEN_BY, Case, bar, deviation

CONDITIONED = {"gap64", "kappa"}  # either says how much rounding matters
NUDGES = (0b10101010, 0b11111111, 0b00110011)  # ways to move each sigma by one float32 step


class Outcome(Protocol):
    """What a job gave: its latent, and the timestep of each model call."""

    latent: Tensor
    seen: list[float]


Play = Callable[[Case, int | None], Outcome]


@dataclass(slots=True)
class Verdict:
    """passed + failed + open_ are all cases; a case is open when one float32 step in its sigmas moves it past the bar.

    The sigmas of a schedule are exp, log and powers, whose last digit depends on the vector library of the machine.
    """

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    open_: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)
    mistimed: list[str] = field(default_factory=list)

    @property
    def decided(self) -> int:
        return self.passed + len(self.failed)

    @property
    def summary(self) -> str:
        wrong = [*self.failed, *self.miscounted, *self.mistimed]
        return f"{self.passed} of {self.decided} passed, {len(self.open_)} open: " + "\n".join(wrong)


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
            if is_open(case, outcome.latent, play, allowed):
                verdict.open_.append(case.label)
                continue
            verdict.failed.append(f"{error:.1e} > {allowed:.1e} {case.label}")
        else:
            verdict.passed += 1
        if "t_row" in case.inputs:
            check_calls(case, outcome.seen, time_error(case), verdict)
    return verdict


def measured_bar(case: Case, latent: Tensor, play: Play) -> float:
    """The bar of a file that lacks the conditioning of its cases: it is measured here."""
    kappa = deviation(play(case, SHAKE).latent, latent) / SHAKEN_BY
    return max(2e-5, 2e-5 * kappa)


def is_open(case: Case, latent: Tensor, play: Play, allowed: float) -> bool:
    return any(deviation(play(case, nudge).latent, latent) > allowed / 2 for nudge in NUDGES)


def check_calls(case: Case, seen: list[float], allowed: float, verdict: Verdict) -> None:
    if len(seen) != case["nfe"]:
        verdict.miscounted.append(f"{len(seen)} calls, not {case['nfe']}: {case.label}")
        return
    times = np.asarray(seen[:200], dtype=np.float32)
    off = np.nan_to_num(np.abs(times - case.timesteps)).max(initial=0.0)
    if off > allowed:
        verdict.mistimed.append(f"timestep off by {off}: {case.label}")
