"""The latent that a pass begins with; noise and latents are (batch, channels, height, width)."""

import torch
from torch import Tensor


def start_from_noise(noise: Tensor, sigma: Tensor, *, scales_by_vp: bool = False) -> Tensor:
    """Noise at level sigma: times sigma, or times √(1 + σ²), which is what a variance-preserving process has there."""
    return noise * (1.0 + sigma**2.0).sqrt() if scales_by_vp else noise * sigma


def start_from_latent(latent: Tensor, noise: Tensor, sigma: Tensor, *, is_flow: bool = False) -> Tensor:
    """A latent noised to level sigma; a flow shrinks it."""
    return (1.0 - sigma) * latent + sigma * noise if is_flow else latent + noise * sigma


def start_from_latent_at(latent: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
    """A latent noised on the timesteps of the table: √ᾱ of it and √(1 - ᾱ) of noise."""
    return alpha.sqrt() * latent + (1 - alpha).sqrt() * noise


def data_of_flow(x: Tensor, sigma: float) -> Tensor:
    """What a flow that stopped at level sigma is multiplied by there, taken back (ComfyUI)."""
    return x / (1.0 - sigma) if 0 < sigma < 1 else x


def with_extra_noise(latent: Tensor, noise: Tensor, amount: float, alpha: Tensor | None = None) -> Tensor:
    """More noise on the start latent, which the schedule does not know of; on timesteps scaled by √ᾱ."""
    if not amount:
        return latent
    return latent + noise * (amount if alpha is None else amount * torch.sqrt(alpha))
