"""The recorded arrays of real programs, and how near a result has to come to them."""

import gzip
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"

SUBSET = Path(__file__).parents[2] / "golden" / "sampling"


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded case: its inputs over the file's defaults, and the arrays."""

    inputs: dict[str, Value]
    arrays: dict[str, np.ndarray]

    def get(self, key: str, default: Value = None) -> Value:
        return self.inputs.get(key, default)

    def __getitem__(self, key: str) -> Value:
        return self.inputs[key]

    @property
    def fails(self) -> bool:
        return "error" in self.inputs

    @property
    def expected(self) -> Tensor:
        return torch.from_numpy(self.arrays[str(self["arr"])][int(self["row"])])

    @property
    def pictures(self) -> np.ndarray:
        return self.arrays[str(self["img"])][int(self["img_row"])]

    @property
    def timesteps(self) -> np.ndarray:
        """The timestep of the first image in each model call, at most 200."""
        row, offsets = int(self["t_row"]), self.arrays["t_offsets"]
        return self.arrays["t_calls"][offsets[row] : offsets[row + 1]]

    @property
    def label(self) -> str:
        hidden = ("arr", "row", "t_row", "img", "img_row", "infotext")
        return json.dumps({key: value for key, value in self.inputs.items() if key not in hidden})


def folder() -> Path:
    """The whole recordings where PARAMC_GOLDEN points at them, else the subset kept here."""
    whole = os.environ.get("PARAMC_GOLDEN")
    return Path(whole) / "sampling" if whole else SUBSET


@cache
def recording(name: str) -> tuple[Case, ...]:
    """All cases of a file."""
    path = folder() / f"{name}.json"
    text = gzip.decompress(path.with_suffix(".json.gz").read_bytes()) if not path.exists() else path.read_bytes()
    content = json.loads(text)
    arrays = dict(np.load(path.with_suffix(".npz")))
    return tuple(Case({**content["meta"].get("base", {}), **case}, arrays) for case in content["cases"])


def deviation(result: Tensor, expected: Tensor) -> float:
    """max |Δ| / max |expected|; the same non-finite numbers in the same places do not count."""
    if result.shape != expected.shape:
        return float("inf")
    result, expected = result.double(), expected.double()
    same = (result == expected) | (result.isnan() & expected.isnan())
    difference = torch.where(same, 0.0, (result - expected).abs())
    finite = expected[expected.isfinite()].abs()
    largest = finite.max().item() if len(finite) else 1.0
    return float(torch.nan_to_num(difference, nan=float("inf")).max().item() / (largest or 1.0))


SHAKEN_BY = 1e-4  # share of the largest value of the initial noise


class Nudge(NamedTuple):
    """What is moved a little: each sigma by a float32 step up (1), down (-1) or not; `shaken`: the initial noise.

    Steps beyond those of the schedule move the levels that a sampler finds between them, in its order.
    """

    steps: tuple[int, ...] = ()
    shaken: bool = False


def shaken(noise: Tensor) -> Tensor:
    """The noise moved up and down by turns."""
    turns = torch.cos(3.0 * torch.arange(noise.numel())).reshape(noise.shape)
    return noise + SHAKEN_BY * noise.abs().max() * turns


def nudged(sigmas: Tensor, steps: Sequence[int]) -> Tensor:
    """The sigmas with some moved by one float32 step: up for 1, down for -1; timesteps stay, and so does 0."""
    moved = sigmas.clone()
    for place, step in enumerate(steps[: len(sigmas)] if sigmas.is_floating_point() else ()):
        if step and sigmas[place] > 0:
            moved[place] = torch.nextafter(sigmas[place], sigmas.new_tensor(torch.inf if step > 0 else 0.0))
    return moved


def bar(case: Case) -> float:
    """The recordings' own tolerance, float32: what rounding may do, times what the sampler makes of it."""
    gap, kappa = float(case.get("gap64") or 0.0), float(case.get("kappa") or 0.0)
    if str(case.get("sampler", "")).startswith("sa_solver"):
        return 5e-4
    if case.get("kind") == "lin":
        return max(5e-6, 20 * gap)
    return max(2e-5, 20 * gap, 2e-5 * kappa)
