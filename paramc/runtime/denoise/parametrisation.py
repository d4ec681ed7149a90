"""What a network predicts, turned into what samplers want: the clean latent, or the noise."""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

import torch
from torch import Tensor

from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.schedules.levels import Levels

Network: TypeAlias = Callable[[Tensor, Tensor, Conditioning], Tensor]
"""(x, timesteps, conditioning) to the network's output; x: (rows, channels, height, width), timesteps: (rows,)."""

Estimate: TypeAlias = Callable[[Tensor, Tensor, Conditioning], Tensor]
"""The same with levels, sigmas or timesteps (rows,), to a clean latent or noise."""

EDM_DATA: Final = 0.5  # spread of the latents that models of EDM were trained on
LCM_DATA: Final = 0.5  # spread of the data that the boundary condition of consistency models assumes
LCM_SCALE: Final = 10.0  # of its timesteps


def clean_from_noise(network: Network, levels: Levels) -> Estimate:
    """D = x - σ ε; the network sees x / √(1 + σ²)."""

    def estimate(x: Tensor, sigma: Tensor, conditioning: Conditioning) -> Tensor:
        level = _broad(sigma)
        return x - level * network(x * _shrink(level), levels.timestep(sigma), conditioning)

    return estimate


def clean_from_velocity(network: Network, levels: Levels) -> Estimate:
    """D = x / (σ² + 1) - v σ / √(σ² + 1); the network sees x / √(1 + σ²)."""

    def estimate(x: Tensor, sigma: Tensor, conditioning: Conditioning) -> Tensor:
        level = _broad(sigma)
        velocity = network(x * _shrink(level), levels.timestep(sigma), conditioning)
        return velocity * (-level * _shrink(level)) + x * (1 / (level**2 + 1))

    return estimate


def divided_from_noise(network: Network, levels: Levels) -> Estimate:
    """`clean_from_noise` in the order of ComfyUI and Forge: x is divided, which is rounded once."""

    def estimate(x: Tensor, sigma: Tensor, conditioning: Conditioning) -> Tensor:
        level = _broad(sigma)
        return x - level * network(x / (level**2 + 1) ** 0.5, levels.timestep(sigma), conditioning)

    return estimate


def divided_from_velocity(network: Network, levels: Levels) -> Estimate:
    """`clean_from_velocity` in the order of ComfyUI and Forge: x and v are divided, which is rounded once each."""

    def estimate(x: Tensor, sigma: Tensor, conditioning: Conditioning) -> Tensor:
        level = _broad(sigma)
        square = level**2 + 1
        velocity = network(x / square**0.5, levels.timestep(sigma), conditioning)
        return x / square - velocity * level / square**0.5

    return estimate


def clean_from_mixture(network: Network, levels: Levels) -> Estimate:
    """D = c² / (σ² + c²) x + σ c / √(σ² + c²) F for data of spread c (EDM); the network sees x / √(σ² + c²)."""

    def estimate(x: Tensor, sigma: Tensor, conditioning: Conditioning) -> Tensor:
        level = _broad(sigma)
        spread = level**2 + EDM_DATA**2
        output = network(x / spread**0.5, levels.timestep(sigma), conditioning)
        return EDM_DATA**2 / spread * x + level * EDM_DATA / spread**0.5 * output

    return estimate


def clean_from_flow(network: Network, multiplier: float) -> Estimate:
    """D = x - σ u; the network sees x itself and σ times `multiplier`."""

    def estimate(x: Tensor, sigma: Tensor, conditioning: Conditioning) -> Tensor:
        return x - _broad(sigma) * network(x, sigma * multiplier, conditioning)

    return estimate


def consistent(estimate: Estimate, levels: Levels) -> Estimate:
    """The boundary condition of latent consistency models: the latent itself has a share that grows towards t = 0."""

    def bounded(x: Tensor, sigma: Tensor, conditioning: Conditioning) -> Tensor:
        time = _broad(levels.timestep(sigma) * LCM_SCALE)
        skip = LCM_DATA**2 / (time**2 + LCM_DATA**2)
        return time / (time**2 + LCM_DATA**2) ** 0.5 * estimate(x, sigma, conditioning) + skip * x

    return bounded


def noise_itself(network: Network) -> Estimate:
    """ε on timesteps; x has variance 1."""
    return network


def noise_from_velocity(network: Network, alphas: Tensor) -> Estimate:
    """ε = √ᾱ v + √(1 - ᾱ) x on timesteps, which the table (1000,) is asked for rounded down."""
    return partial(_noise_from_velocity, network, alphas)


def _noise_from_velocity(
    network: Network, alphas: Tensor, x: Tensor, timestep: Tensor, conditioning: Conditioning
) -> Tensor:
    alpha = _broad(alphas[timestep.to(torch.int64)])
    return alpha.sqrt() * network(x, timestep, conditioning) + (1 - alpha).sqrt() * x


def _shrink(level: Tensor) -> Tensor:
    """1 / √(1 + σ²), which brings x to variance 1."""
    return (level.square() + 1).sqrt().reciprocal()


def _broad(levels: Tensor) -> Tensor:
    return levels.view(-1, 1, 1, 1)
