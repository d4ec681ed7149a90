"""The tables of noise levels that a pass runs on, by the flags of its Sample op."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal, TypeAlias

from torch import Tensor

from paramc.runtime.models.bases import bases
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.schedules.flows import flow_levels
from paramc.runtime.schedules.levels import (
    TIMESTEPS,
    LcmTable,
    Levels,
    TimestepTable,
    double_precision_table,
    lcm_table,
    log_table,
    recorded_alphas,
    recorded_table,
    sd_alphas,
    sigmas_of,
    single_precision_table,
    zero_terminal,
)

Name: TypeAlias = Literal["sd", "zero_terminal"]

FIRST_STRETCHED: Final = 0.029165485873818398
"""First sigma of Forge's stretched table: the last digit of its alpha decides 7e-5, and depends on the machine."""


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """levels: of schedules. alphas: cumulative, (1000,), of samplers on timesteps.

    own: of the network's timesteps, where those are others. multiplier: of a flow's levels to the times that its
    network is given. divides: what the network sees is divided by its level's scale (ComfyUI, Forge), not multiplied
    by the inverse of it: the last digit.
    """

    levels: Levels
    alphas: Tensor
    is_flow: bool = False
    multiplier: float = 1.0
    own: Levels | None = None
    divides: bool = False

    def with_lcm(self) -> "Tables":
        """The same for consistency models, whose 50 levels schedules know and the network does not (Forge)."""
        table = lcm_table(single_precision_table(self.alphas[:TIMESTEPS]))
        return replace(self, levels=table, own=self.levels)


@dataclass(frozen=True, slots=True, eq=False)
class Hosted:
    """Levels whose arithmetic stays on the CPU, whatever the device that asks: the last digits decide images."""

    table: Levels

    @property
    def sigmas(self) -> Tensor:
        """The table, ascending, on the CPU."""
        return self.table.sigmas

    def sigma(self, timestep: Tensor) -> Tensor:
        """The noise level of timesteps, on their device."""
        return self.table.sigma(timestep.cpu()).to(timestep.device)

    def timestep(self, sigma: Tensor) -> Tensor:
        """The timestep of noise levels, on their device."""
        return self.table.timestep(sigma.cpu()).to(sigma.device)

    def at_fraction(self, done: float) -> float:
        """The level after a fraction of the timesteps."""
        return self.table.at_fraction(done)


def tables_for(sampler: str, flags: Collection[str], checkpoint: Checkpoint, shift: float | None = None) -> Tables:
    """The tables of a pass. Flags: see `Sample` in the Plan. `shift`: of a flow model, in place of its own."""
    if checkpoint.prediction == "flow":
        levels = flow_levels(checkpoint.base, checkpoint.family, flags, shift)
        flow = Tables(levels, 1 / (levels.sigmas**2 + 1), is_flow=True, multiplier=levels.multiplier)
        return flow if sampler != "lcm" or "plain_lcm" in flags else flow.with_lcm()
    if checkpoint.prediction == "edm":
        return Tables(log_table(), checkpoint.alphas_cumprod)
    if bases()[checkpoint.base].betas:
        return _on_own_betas(sampler, flags, checkpoint)
    stretches = "zero_terminal_snr" in flags or checkpoint.zero_terminal_snr
    name: Name = "zero_terminal" if stretches else "sd"
    if "double_precision_levels" in flags:
        tables = _double_precision(name, stretched="stretches_doubles" in flags)
        return tables if sampler != "lcm" or "plain_lcm" in flags else tables.with_lcm()
    halved = "downcasts_alphas" in flags
    alphas = _alphas(name, halved=halved)
    rounds = "quantizes_timesteps" in flags
    if sampler == "lcm":
        table = single_precision_table(alphas.float()) if halved else recorded_table(name)
        return Tables(lcm_table(table), alphas)
    return Tables(single_precision_table(alphas, rounds=rounds) if halved else _recorded(name, rounds=rounds), alphas)


def _on_own_betas(sampler: str, flags: Collection[str], checkpoint: Checkpoint) -> Tables:
    """Of a model that learned from other noise than Stable Diffusion."""
    alphas = checkpoint.alphas_cumprod
    if "double_precision_levels" in flags:
        tables = Tables(double_precision_table(sigmas_of(alphas.double())), alphas, divides=True)
    else:
        tables = Tables(single_precision_table(alphas, rounds="quantizes_timesteps" in flags), alphas)
    return tables.with_lcm() if sampler == "lcm" and "plain_lcm" not in flags else tables


def is_lcm(levels: Levels) -> bool:
    """Whether the levels are those of consistency models."""
    return isinstance(levels, LcmTable)


@cache
def _recorded(name: Name, *, rounds: bool) -> TimestepTable:
    return recorded_table(name, rounds=rounds)


@cache
def _alphas(name: Name, *, halved: bool) -> Tensor:
    if not halved:
        return recorded_alphas(name)
    alphas = sd_alphas().float().half()
    return alphas if name == "sd" else zero_terminal(alphas)


@cache
def _double_precision(name: Name, *, stretched: bool) -> Tables:
    """stretched: a zero-terminal table before its sigmas are rounded (ComfyUI), not after (Forge)."""
    alphas = sd_alphas().float() if name == "sd" else zero_terminal(sd_alphas().float())
    whole = sigmas_of(sd_alphas())
    if name == "sd":
        return Tables(double_precision_table(whole), alphas, divides=True)
    if stretched:
        table = double_precision_table(sigmas_of(zero_terminal(1 / (whole**2 + 1))))
        return Tables(table, alphas, divides=True)
    table = double_precision_table(whole)
    sigmas = sigmas_of(zero_terminal(1 / (table.sigmas * table.sigmas + 1)))
    sigmas[0] = FIRST_STRETCHED
    return Tables(replace(table, sigmas=sigmas, log_sigmas=sigmas.log()), alphas, divides=True)
