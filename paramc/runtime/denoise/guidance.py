"""Classifier-free guidance, and when it may be left out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True, slots=True)
class Skips:
    """When the negative prompt is not evaluated.

    below: sigma (timestep, for samplers on timesteps) below which every second evaluation, or every one, does without
    (NGMS); 0 = never. early: share of all evaluations that do without at the start; 0 = none.
    """

    below: float = 0.0
    every_call: bool = False
    early: float = 0.0


NO_SKIPS: Final = Skips()
SLACK: Final = 1e-9  # of a scale that is meant to be 1


def skips_negative(skips: Skips, call: int, total_calls: int, level: float) -> bool:
    """Whether evaluation `call` (from 0) of `total_calls` at a level does without the negative prompt."""
    if skips.early != 0.0 and call / total_calls <= skips.early:
        return True
    return (call % 2 == 1 or skips.every_call) and skips.below > 0 and level < skips.below


def guided(conditional: Sequence[tuple[Tensor, float]], unconditional: Tensor, scale: float) -> Tensor:
    """u + Σ w s (c - u) over the weighted predictions of one image; weights may be negative and are not normalised."""
    result = unconditional
    for prediction, weight in conditional:
        result = result + (prediction - unconditional) * (weight * scale)
    return result


def embedded(scale: float, width: int) -> Tensor:
    """What latent consistency models are told of the guidance scale, which stands in for a negative; (1, width).

    As diffusers has it: sines and cosines of 1000 (scale - 1), the slowest 10,000 times slower than the fastest.
    """
    half = width // 2
    turns = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10000.0) / (half - 1)))
    angles = torch.tensor([(scale - 1) * 1000.0])[:, None] * turns[None]
    return pad(torch.cat([angles.sin(), angles.cos()], dim=1), (0, width % 2))


def rescaled(guided: Tensor, conditional: Tensor, share: float) -> Tensor:
    """The guided prediction brought to the spread of the conditional one, mixed in by `share` (Lin et al. 2023).

    (batch, channels, height, width); the spread is each image's own.
    """
    axes = list(range(1, guided.ndim))
    ratio = conditional.std(axes, keepdim=True) / guided.std(axes, keepdim=True)
    return share * (guided * ratio) + (1 - share) * guided


def rescaled_velocity(
    conditional: Tensor, unconditional: Tensor, x: Tensor, sigma: Tensor, scale: float, share: float
) -> Tensor:
    """Guidance of two clean latents with the rescaling done on velocities (ComfyUI). x is at level sigma, 0-d."""
    wanted, unwanted = (_velocity(x, clean, sigma) for clean in (conditional, unconditional))
    velocity = rescaled(unwanted + scale * (wanted - unwanted), wanted, share)
    return x / (sigma**2 + 1.0) - velocity * sigma / (sigma**2 + 1.0).sqrt()


def _velocity(x: Tensor, clean: Tensor, sigma: Tensor) -> Tensor:
    return (x / (sigma**2 + 1.0) - clean) * (sigma**2 + 1.0).sqrt() / sigma
