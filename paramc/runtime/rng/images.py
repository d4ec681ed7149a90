"""One stream per image: the initial noise of a batch and every later draw, as A1111 and its descendants do it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from paramc.runtime.rng.streams import OpenStream, Stream
from paramc.runtime.rng.variation import centred, slerp


@dataclass(frozen=True, slots=True)
class NoiseSpec:
    """What the noise of a batch depends on.

    shape: one latent, (channels, height, width). variation_strength: 0 = none; `variation_seeds` one per image.
    drawn_at: latent (height, width) to draw at, pasted centred into `shape`; None = the shape itself.
    delta: added to the seeds of every draw after the first (ENSD).
    """

    shape: tuple[int, int, int]
    seeds: tuple[int, ...]
    variation_seeds: tuple[int, ...] = ()
    variation_strength: float = 0.0
    drawn_at: tuple[int, int] | None = None
    delta: int = 0


class ImageNoise:
    """The streams of a batch after its initial noise; calling it draws one latent for each image.

    The arguments of a call, the sigmas of a step, are ignored: these normals do not depend on them.
    """

    def __init__(self, streams: Sequence[Stream], shape: tuple[int, int, int]) -> None:
        self._streams = tuple(streams)
        self._shape = shape

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """The next normals, (batch, channels, height, width)."""
        return self.draw()

    def draw(self) -> Tensor:
        """The next normals, (batch, channels, height, width)."""
        return torch.stack([stream.normal(self._shape) for stream in self._streams])


def start_noise(spec: NoiseSpec, open_stream: OpenStream) -> tuple[Tensor, ImageNoise]:
    """The initial noise of a batch, (batch, channels, height, width), and the source of what is drawn later."""
    streams = [open_stream(seed) for seed in spec.seeds]
    first = torch.stack([_first(spec, index, stream, open_stream) for index, stream in enumerate(streams)])
    if spec.delta:
        streams = [open_stream(seed + spec.delta) for seed in spec.seeds]
    return first, ImageNoise(streams, spec.shape)


def image_seeds(seed: int, count: int, variation_seed: int, variation_strength: float) -> tuple[list[int], list[int]]:
    """Seeds and variation seeds of a batch: consecutive seeds, or one seed with consecutive variations."""
    varied = [variation_seed + index for index in range(count)]
    return ([seed] * count if variation_strength else [seed + index for index in range(count)]), varied


def _first(spec: NoiseSpec, index: int, stream: Stream, open_stream: OpenStream) -> Tensor:
    shape = spec.shape if spec.drawn_at is None else (spec.shape[0], *spec.drawn_at)
    resized = shape != spec.shape
    noise = (open_stream(spec.seeds[index]) if resized else stream).normal(shape)
    if spec.variation_strength:
        other = open_stream(spec.variation_seeds[index]).normal(shape)
        noise = slerp(spec.variation_strength, noise, other)
    return centred(noise, stream.normal(spec.shape)) if resized else noise
