"""What a sampling pass is given."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from paramc.ir.plan import MakeNoise, Sample
from paramc.runtime.execute.values import Guide, Latent, Weights
from paramc.runtime.execute.walk import Route
from paramc.runtime.execute.watch import Watch
from paramc.runtime.rng.streams import OpenStream


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A model with the texts encoded by its own text encoders."""

    weights: Weights
    positive: Guide
    negative: Guide


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """All that a Sample op needs.

    refined: makes the side that takes over at `op.switch_at`. open_stream: the generator in use.
    ready: lays the networks and patches of the weights over them; to be called before they are used. relay: lays the
    networks over the weights as they act on a step. most_rows: that go through the network at once, where there is a
    limit.
    """

    op: Sample
    route: Route
    noise: MakeNoise
    latent: Latent
    side: Side
    refined: Callable[[], Side] | None
    open_stream: OpenStream
    ready: Callable[[Weights], None]
    relay: Callable[[Weights, int], None]
    device: torch.device
    watch: Watch
    most_rows: int | None = None
