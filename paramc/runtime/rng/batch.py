"""One generator for a whole batch, and one that starts over for the noise of the steps, as ComfyUI does it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from paramc.runtime.rng.streams import OpenStream, Stream


def batch_noise(shape: Sequence[int], seed: int, open_stream: OpenStream, *, batch_index: Sequence[int] = ()) -> Tensor:
    """Initial noise of a batch, (batch, channels, height, width): one draw for all images.

    batch_index: the place of each image in a larger batch; then images are drawn one by one up to the last place.
    """
    stream = open_stream(seed)
    if not batch_index:
        return stream.normal(shape)
    drawn = [stream.normal((1, *shape[1:])) for _ in range(max(batch_index) + 1)]
    return torch.cat([drawn[index] for index in batch_index])


def leftover_seed(seed: int) -> int:
    """Seed of the generator that Forge leaves behind for noise outside the streams; seed: that of the last image."""
    return (seed + 100000) % 65536


class StepNoise:
    """Noise of the steps from one stream for the batch, by default opened with the seed of the initial noise."""

    def __init__(self, stream: Stream, shape: Sequence[int]) -> None:
        self._stream = stream
        self._shape = tuple(shape)

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """The next normals, (batch, channels, height, width), whatever the sigmas."""
        return self._stream.normal(self._shape)
