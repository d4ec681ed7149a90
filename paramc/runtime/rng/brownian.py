"""Brownian motion by seed: values that depend on the interval asked for, not on the order of questions.

The virtual tree of torchsde 0.2.6 (`BrownianTree`, halfway tree, tolerance 1e-6, pool size 24), number for number, with
the normals taken from any stream.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import torch
from torch import Tensor

from paramc.runtime.rng.streams import OpenStream

POOL_SIZE: Final = 24  # words of numpy's entropy pool
DIGITS: Final = 6  # decimals to which interval ends are rounded


@dataclass(frozen=True, slots=True)
class _Node:
    """The interval [start, end] of the tree; `key` in [0, 2^depth) is its place among those of its depth."""

    start: float
    end: float
    key: int = 0
    depth: int = 0

    @property
    def middle(self) -> float:
        return round(0.5 * (self.end + self.start), DIGITS)

    def halves(self) -> "tuple[_Node, _Node]":
        left = _Node(self.start, self.middle, 2 * self.key, self.depth + 1)
        return left, _Node(self.middle, self.end, 2 * self.key + 1, self.depth + 1)


class BrownianTree:
    """One motion over [start, end]. entropy: the seed, not negative; shape: of the values, any."""

    def __init__(self, entropy: int, shape: Sequence[int], start: float, end: float, open_stream: OpenStream) -> None:
        self._entropy = entropy
        self._shape = tuple(shape)
        self._open_stream = open_stream
        self._root = _Node(round(start, DIGITS), round(end, DIGITS))
        seed = np.random.SeedSequence(entropy, pool_size=POOL_SIZE).generate_state(3)[0]
        self._whole = self._normal(int(seed)) * math.sqrt(end - start)
        self._known: dict[_Node, Tensor] = {}  # increments met by the last question, likely met by the next

    def increment(self, start: float, end: float) -> Tensor:
        """W(end) - W(start), float32; ends outside the tree are moved to its ends. NaN for ends that are no numbers."""
        low, high = self._root.start, self._root.end
        start, end = (round(min(max(time, low), high), DIGITS) for time in (start, end))
        if start == end:
            return torch.zeros_like(self._whole)
        if math.isnan(start) or math.isnan(end):
            return torch.full_like(self._whole, math.nan)
        met: dict[_Node, Tensor] = {}
        first, *others = self._pieces(self._root, self._whole, start, end, met)
        self._known = met
        return sum(others, first)

    def _pieces(
        self, node: _Node, increment: Tensor, start: float, end: float, met: dict[_Node, Tensor]
    ) -> Iterator[Tensor]:
        """Increments of the fewest intervals of the tree that make up [start, end], from left to right."""
        if (start, end) == (node.start, node.end):
            yield increment
            return
        left, right = node.halves()
        if left not in met:
            met[left] = self._known[left] if left in self._known else self._left(node, left, increment)
        if start < left.end:
            yield from self._pieces(left, met[left], start, min(end, left.end), met)
        if end > right.start:
            yield from self._pieces(right, increment - met[left], max(start, right.start), end, met)

    def _left(self, node: _Node, left: _Node, increment: Tensor) -> Tensor:
        """The increment of the left half, drawn from its distribution given that of the whole (Brownian bridge)."""
        share, rest, inverse = left.end - node.start, node.end - left.end, 1 / (node.end - node.start)
        sequence = np.random.SeedSequence(self._entropy, spawn_key=(node.key, node.depth), pool_size=POOL_SIZE)
        normal = self._normal(int(sequence.generate_state(4)[0]))
        return share * increment * inverse + math.sqrt(share * rest * inverse) * normal

    def _normal(self, seed: int) -> Tensor:
        return self._open_stream(seed).normal(self._shape)


Query: TypeAlias = Callable[[float, float], Tensor]


class BrownianNoise:
    """Unit normals of a step from `sigma` down to `sigma_next`: minus the increment, over the root of its length."""

    def __init__(self, query: Query) -> None:
        self._query = query

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """(batch, channels, height, width); the same two sigmas give the same numbers."""
        low, high = sorted((sigma.item(), sigma_next.item()))
        sign = 1.0 if low == sigma.item() else -1.0
        return self._query(low, high) * sign / (sigma_next - sigma).abs().sqrt()


def image_brownian(
    seeds: Sequence[int], shape: Sequence[int], sigmas: tuple[float, float], open_stream: OpenStream
) -> BrownianNoise:
    """A motion for each image of a batch (A1111). sigmas: least and greatest of the whole schedule."""
    trees = [BrownianTree(seed, shape, *sigmas, open_stream) for seed in seeds]
    return BrownianNoise(lambda start, end: torch.stack([tree.increment(start, end) for tree in trees]))


def batch_brownian(
    seed: int, shape: Sequence[int], sigmas: tuple[float, float], open_stream: OpenStream
) -> BrownianNoise:
    """One motion for a whole batch, (batch, channels, height, width) (ComfyUI)."""
    return BrownianNoise(BrownianTree(seed, shape, *sigmas, open_stream).increment)
