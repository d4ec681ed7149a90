"""The noise levels of a model: its table of sigmas, and the way between sigmas and timesteps."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

TIMESTEPS: Final = 1000
LAST_ALPHA: Final = 4.8973451890853435e-08  # cumulative alpha put in place of the zero of a zero-terminal table
EDM_ENDS: Final = (0.002, 80.0)
LOG_TIME: Final = 0.25
BEYOND: Final = 999999999.9  # "sigma" of the very start, before every level


class Levels(Protocol):
    """What a schedule asks of a model. Timesteps and sigmas are float32 and may be of any shape."""

    @property
    def sigmas(self) -> Tensor:
        """The table, ascending, (levels,)."""
        ...

    def sigma(self, timestep: Tensor) -> Tensor:
        """The noise level of timesteps, fractional ones included."""
        ...

    def timestep(self, sigma: Tensor) -> Tensor:
        """The timestep of noise levels."""
        ...

    def at_fraction(self, done: float) -> float:
        """The level after a fraction of the timesteps, counted from the noisiest: 0 is above all levels, 1 is 0."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TimestepTable:
    """A table by timestep, interpolated in ln sigma.

    rounds: sigma to timestep gives the index of the nearest level (ComfyUI, Forge), not a fraction between two (A1111).
    """

    sigmas: Tensor
    log_sigmas: Tensor
    rounds: bool

    def sigma(self, timestep: Tensor) -> Tensor:
        """exp of the interpolated logarithm; timesteps outside the table are its ends."""
        timestep = timestep.float().clamp(0, len(self.sigmas) - 1)
        low, high = timestep.floor().long(), timestep.ceil().long()
        share = timestep.frac()
        return ((1 - share) * self.log_sigmas[low] + share * self.log_sigmas[high]).exp()

    def timestep(self, sigma: Tensor) -> Tensor:
        """Timestep in [0, levels - 1]; the first index of equally near levels."""
        log_sigma = sigma.log()
        if self.rounds:
            return (log_sigma - self.log_sigmas[:, None]).abs().argmin(dim=0).view(sigma.shape)
        found = torch.searchsorted(self.log_sigmas, log_sigma.contiguous(), right=True)
        high = found.clamp(1, len(self.sigmas) - 1)
        low = high - 1
        below, above = self.log_sigmas[low], self.log_sigmas[high]
        share = ((below - log_sigma) / (below - above)).clamp(0, 1)
        return (1 - share) * low + share * high

    def at_fraction(self, done: float) -> float:
        """Level of timestep 999 (1 - done)."""
        if done <= 0:
            return BEYOND
        return 0.0 if done >= 1 else self.sigma(torch.tensor((1.0 - done) * 999.0)).item()


@dataclass(frozen=True, slots=True, eq=False)
class LcmTable:
    """The 50 timesteps 19, 39, …, 999 that latent consistency models were distilled on (A1111).

    Levels half way between two of them, as `sgm_uniform` gives, are decided by the rounding of float32.
    """

    sigmas: Tensor
    log_sigmas: Tensor

    def sigma(self, timestep: Tensor) -> Tensor:
        """Interpolated within the 50 levels."""
        index = ((timestep.float() - 19) / 20).clamp(0, len(self.sigmas) - 1)
        low, high, share = index.floor().long(), index.ceil().long(), index.frac()
        return ((1 - share) * self.log_sigmas[low] + share * self.log_sigmas[high]).exp()

    def timestep(self, sigma: Tensor) -> Tensor:
        """One of the 50, the nearest in ln sigma."""
        distance = sigma.log() - self.log_sigmas[:, None]
        return (distance.abs().argmin(dim=0) * 20 + 19).view(sigma.shape)

    def at_fraction(self, done: float) -> float:
        """Level of timestep 999 (1 - done)."""
        if done <= 0:
            return BEYOND
        return 0.0 if done >= 1 else self.sigma(torch.tensor((1.0 - done) * 999.0)).item()


@dataclass(frozen=True, slots=True, eq=False)
class LogTable:
    """Levels between two ends, even in ln sigma; timestep = ln sigma / 4 (EDM, Karras et al. 2022)."""

    sigmas: Tensor

    def sigma(self, timestep: Tensor) -> Tensor:
        """exp(4 t)."""
        return (timestep / LOG_TIME).exp()

    def timestep(self, sigma: Tensor) -> Tensor:
        """ln sigma / 4."""
        return LOG_TIME * sigma.log()

    def at_fraction(self, done: float) -> float:
        """The level after a share of ln sigma."""
        if done <= 0:
            return BEYOND
        low, high = self.sigmas[0].log().item(), self.sigmas[-1].log().item()
        return 0.0 if done >= 1 else math.exp(high + (low - high) * done)


@dataclass(frozen=True, slots=True, eq=False)
class FlowTable:
    """Straight-line flow, x = (1 - sigma) data + sigma noise; timestep = sigma x `multiplier`.

    curve: flow time in [0, 1] to sigma. Forge has none for Flux, so that Automatic, Uniform and Turbo give timesteps
    for sigmas there.
    """

    sigmas: Tensor
    curve: Callable[[Tensor], Tensor]
    multiplier: float

    def sigma(self, timestep: Tensor) -> Tensor:
        """The curve at timestep / multiplier."""
        return self.curve(timestep / self.multiplier)

    def timestep(self, sigma: Tensor) -> Tensor:
        """Sigma x multiplier: the inverse of the unshifted curve only."""
        return sigma * self.multiplier

    def at_fraction(self, done: float) -> float:
        """The curve at 1 - done."""
        if done <= 0:
            return 1.0
        return 0.0 if done >= 1 else float(self.curve(torch.tensor(1.0 - done, dtype=torch.float64)))


def shifted(time: Tensor, shift: float) -> Tensor:
    """Flow time in [0, 1] moved towards noise: s·τ / (1 + (s - 1) τ) (SD3)."""
    return shift * time / (1 + (shift - 1) * time)


def flux_shifted(time: Tensor, mu: float) -> Tensor:
    """The same curve for s = e^μ, as Flux writes it; another rounding."""
    return math.exp(mu) / (math.exp(mu) + (1 / time - 1))


def sd_alphas() -> Tensor:
    """Cumulative alphas of SD 1.x, 2.x and SDXL, float64 (1000,): betas linear in their square root."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, dim=0)


def even_alphas(first: float, last: float, count: int = TIMESTEPS, *, roots: bool = False) -> Tensor:
    """Cumulative alphas of betas in even steps, float64 (count,); `roots`: their square roots are."""
    if roots:
        betas = torch.linspace(first**0.5, last**0.5, count, dtype=torch.float64) ** 2
    else:
        betas = torch.linspace(first, last, count, dtype=torch.float64)
    return torch.cumprod(1 - betas, dim=0)


def zero_terminal(alphas: Tensor) -> Tensor:
    """Cumulative alphas stretched so that the last timestep is pure noise (Lin et al. 2023, algorithm 1)."""
    root = alphas.sqrt()
    first, last = root[0].clone(), root[-1].clone()
    stretched = ((root - last) * (first / (first - last))) ** 2
    stretched[-1] = LAST_ALPHA
    return stretched


def sigmas_of(alphas: Tensor) -> Tensor:
    """Noise levels of cumulative alphas, in their precision."""
    return ((1 - alphas) / alphas) ** 0.5


def recorded_table(name: Literal["sd", "zero_terminal"], *, rounds: bool = False) -> TimestepTable:
    """The float32 table of A1111, number for number.

    Computed in float32, its last digits depend on the vector library of the machine, and near zero signal-to-noise a
    last digit grows to 1e-5; stochastic samplers turn that into other noise. So what was recorded is kept, as the
    distance of its last digits from the numbers that float64 gives.
    """
    exact = sigmas_of(recorded_alphas(name).double())
    with np.load(Path(__file__).with_name("recorded.npz")) as arrays:
        digits, of_logs = (torch.from_numpy(arrays[f"{name}_{kind}"]) for kind in ("sigmas", "log_sigmas"))
    sigmas = _moved(exact.float(), digits)
    return TimestepTable(sigmas, _moved(sigmas.double().log().float(), of_logs), rounds)


def _moved(numbers: Tensor, digits: Tensor) -> Tensor:
    """Float32 numbers, each moved by so many of its last digits."""
    return (numbers.view(torch.int32) + digits).view(torch.float32)


def single_precision_table(alphas: Tensor, *, rounds: bool = False) -> TimestepTable:
    """Sigmas computed in the precision of `alphas`, float32 or float16 (A1111)."""
    sigmas = sigmas_of(alphas)
    return TimestepTable(sigmas, sigmas.log(), rounds)


def double_precision_table(sigmas: Tensor) -> TimestepTable:
    """Sigmas and their logarithms computed in float64 and then rounded (ComfyUI, Forge)."""
    return TimestepTable(sigmas.float(), sigmas.log().float(), rounds=True)


def log_table() -> LogTable:
    """The 1000 levels of EDM."""
    low, high = map(math.log, EDM_ENDS)
    return LogTable(torch.linspace(low, high, TIMESTEPS).exp())


def lcm_table(table: TimestepTable) -> LcmTable:
    """Every twentieth level of a table of 1000."""
    return LcmTable(table.sigmas[19::20].clone(), table.log_sigmas[19::20].clone())


def recorded_alphas(name: Literal["sd", "zero_terminal"]) -> Tensor:
    """The cumulative alphas that `recorded_table` was computed from, float32 (1000,)."""
    if name == "sd":
        return sd_alphas().float()
    with np.load(Path(__file__).with_name("recorded.npz")) as arrays:
        return torch.from_numpy(arrays["zero_terminal_alphas"])


def flow_table(shift: float, *, multiplier: float = 1000.0) -> FlowTable:
    """1000 levels: SD3 has shift 3; Flux schnell in ComfyUI shift 1, multiplier 1."""
    time = torch.arange(1, TIMESTEPS + 1) / TIMESTEPS
    return FlowTable(shifted(time, shift), partial(shifted, shift=shift), multiplier)


def flux_table(mu: float, *, keeps_timesteps: bool = False) -> FlowTable:
    """10000 levels, timesteps in [0, 1]. keeps_timesteps: Forge's missing curve, see `FlowTable`."""
    time = torch.arange(1, 10 * TIMESTEPS + 1) / (10 * TIMESTEPS)
    curve = partial(flux_shifted, mu=mu)
    return FlowTable(curve(time), torch.clone if keeps_timesteps else curve, 1.0)
