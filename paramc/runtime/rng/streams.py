"""Streams of standard normals by seed, one class per generator."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from paramc.runtime.rng.philox import PhiloxStream

Generator: TypeAlias = Literal["cpu", "cuda", "philox"]


class Stream(Protocol):
    """An endless sequence of standard normals, float32."""

    def normal(self, shape: Sequence[int]) -> Tensor:
        """The next numbers of the stream, in the given shape."""
        ...


OpenStream: TypeAlias = Callable[[int], Stream]  # a fresh stream of a seed


class TorchStream:
    """torch's own generator: mt19937 on the CPU (low 32 bits of the seed), Philox on CUDA (all 64)."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        self._generator = torch.Generator(device).manual_seed(seed)

    def normal(self, shape: Sequence[int]) -> Tensor:
        """The next numbers of the stream, drawn on its device."""
        return torch.randn(tuple(shape), generator=self._generator, device=self._device)


def stream_opener(generator: Generator, *, threads: int | None = None) -> OpenStream:
    """Opens streams of one generator by seed.

    philox: CUDA's stream computed on the CPU; `threads` as in `PhiloxStream`. cuda: the device itself.
    """
    match generator:
        case "cpu":
            return lambda seed: TorchStream(seed, torch.device("cpu"))
        case "cuda":
            return lambda seed: TorchStream(seed, torch.device("cuda"))
        case "philox":
            return lambda seed: PhiloxStream(seed, threads=threads)
