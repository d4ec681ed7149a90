"""CUDA's normals computed anywhere: Philox4x32-10 counters and Box–Muller, numpy on the CPU."""

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Words: TypeAlias = npt.NDArray[np.uint64]  # 32-bit words kept in 64 bits, so that products do not overflow
Floats: TypeAlias = npt.NDArray[np.float64]

MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))  # Salmon et al. 2011, table 2
WEYL: Final = (0x9E3779B9, 0xBB67AE85)
ROUNDS: Final = 10
LOW: Final = np.uint64(0xFFFFFFFF)
HIGH: Final = np.uint64(32)

UNIT: Final = float(np.float32(2.3283064e-10))  # 2^-32, as curand's float constant
TURN: Final = float(np.float32(2.3283064e-10) * np.float32(6.2831855))


class PhiloxStream:
    """The stream of a CUDA generator, as NVIDIA's devices give it for up to `threads` numbers a draw.

    threads: resident threads of the device (multiprocessors x threads each, rounded down to 256). None: more than
    any draw needs, the layout of A1111's emulation. With fewer threads than numbers, a device also uses the cosine
    partner and the other two words of each counter.
    """

    def __init__(self, seed: int, *, threads: int | None = None) -> None:
        self._seed = seed
        self._offset = 0
        self._threads = threads

    def normal(self, shape: Sequence[int]) -> Tensor:
        """The next numbers of the stream, float32 on the CPU."""
        count = math.prod(shape)
        wanted = -(-count // 256) * 256
        threads = wanted if self._threads is None else min(self._threads, wanted)
        rounds = max(1, -(-count // (4 * threads))) if threads else 1
        values = np.concatenate([self._draw(min(threads, count), count > threads) for _ in range(rounds)])
        return torch.from_numpy(values[:count].astype(np.float32)).reshape(tuple(shape))

    def _draw(self, threads: int, every_word: bool) -> Floats:
        words = philox(self._seed, self._offset, threads)
        self._offset += 1
        if not every_word:
            return sines(words[0], words[1])
        pairs = ((words[0], words[1]), (words[2], words[3]))
        return np.concatenate([values for pair in pairs for values in (sines(*pair), cosines(*pair))])


def philox(seed: int, offset: int, threads: int) -> Words:
    """The four output words of counters (offset, 0, thread, 0) for thread in [0, threads): (4, threads)."""
    counter, turned = np.zeros((4, threads), np.uint64), np.empty((4, threads), np.uint64)
    counter[0] = offset
    counter[2] = np.arange(threads)
    product = np.empty(threads, np.uint64)
    keys = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
    for turn in range(ROUNDS):
        for word, (source, mixed, into) in enumerate(((2, 1, 0), (0, 3, 2))):
            key = np.uint64((keys[word] + turn * WEYL[word]) & 0xFFFFFFFF)
            np.multiply(counter[source], MULTIPLIERS[1 - word], out=product)
            np.right_shift(product, HIGH, out=turned[into])
            turned[into] ^= counter[mixed]
            turned[into] ^= key
            np.bitwise_and(product, LOW, out=turned[into + 1])
        counter, turned = turned, counter
    return counter


def sines(first: Words, second: Words) -> Floats:
    """Box and Muller's sine normals of two words each; curand's constants, float64 arithmetic."""
    values: Floats = _radius(first) * np.sin(second * TURN + TURN / 2)
    return values


def cosines(first: Words, second: Words) -> Floats:
    """Their cosine partners."""
    values: Floats = _radius(first) * np.cos(second * TURN + TURN / 2)
    return values


def _radius(words: Words) -> Floats:
    values: Floats = np.sqrt(-2.0 * np.log(words * UNIT + UNIT / 2))
    return values
