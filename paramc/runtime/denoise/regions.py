"""Several prompts for parts of the picture and of the schedule, averaged where they meet (ComfyUI)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from paramc.runtime.denoise.conditioning import Conditioning, may_repeat, repeated, stacked
from paramc.runtime.denoise.guidance import SLACK, guided
from paramc.runtime.denoise.parametrisation import Estimate

FEATHER: Final = 8  # latent cells over which an area fades at its inner edges, a quarter of it at most
NOWHERE: Final = 1e-37  # weight of what no prompt covers, so that nothing is divided by zero


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of the latent, in cells."""

    height: int
    width: int
    top: int
    left: int


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A prompt, where and when it counts. conditioning: one row, or one for each image.

    mask: (1, height, width) of the latent, [0, 1]. It counts at levels in [last_sigma, first_sigma], and at NaN.
    """

    conditioning: Conditioning
    strength: float = 1.0
    area: Area | None = None
    mask: Tensor | None = None
    mask_strength: float = 1.0
    first_sigma: float = float("inf")
    last_sigma: float = 0.0

    def counts_at(self, sigma: float) -> bool:
        """Whether the prompt is in force at a level."""
        return not (sigma > self.first_sigma or sigma < self.last_sigma)


def with_opposites(regions: Sequence[Region], others: Sequence[Region]) -> tuple[Region, ...]:
    """`regions` and, for each area among the others that none of them has, one more for it.

    It takes the prompt of the first region of the whole latent; so an area is guided away from a negative that was
    evaluated on the same cells.
    """
    known = {region.area for region in regions}
    whole = next((region for region in regions if region.area is None), None)
    if whole is None:
        return tuple(regions)
    missing = {other.area: other for other in reversed(others) if other.area is not None and other.area not in known}
    return (*regions, *(replace(other, conditioning=whole.conditioning) for other in reversed(missing.values())))


class RegionDenoiser:
    """Guides the average of the positive regions away from that of the negative ones.

    Regions of one shape go through the network together, at most `most_rows` rows at once. At scale 1 the negative is
    left out, unless `pair` is asked.
    """

    def __init__(
        self,
        estimate: Estimate,
        positive: Sequence[Region],
        negative: Sequence[Region],
        scale: float,
        most_rows: int | None = None,
    ) -> None:
        self._estimate = estimate
        self._positive = with_opposites(positive, negative)
        self._negative = with_opposites(negative, positive)
        self._scale = scale
        self._most_rows = most_rows

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        if abs(self._scale - 1.0) < SLACK:
            return self._averages(x, sigma, [self._positive])[0]
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction."""
        wanted, unwanted = self._averages(x, sigma, [self._positive, self._negative])
        return guided([(wanted, 1.0)], unwanted, self._scale), unwanted

    def _averages(self, x: Tensor, sigma: Tensor, sides: Sequence[Sequence[Region]]) -> list[Tensor]:
        """The average prediction of each side."""
        active = [
            (side, region) for side, regions in enumerate(sides) for region in regions if region.counts_at(sigma.item())
        ]
        totals = [torch.zeros_like(x) for _ in sides]
        weights = [torch.full_like(x, NOWHERE) for _ in sides]
        for area in dict.fromkeys(region.area for _, region in active):
            group = [(side, region) for side, region in active if region.area == area]
            against = sum(side for side, _ in group)
            predictions = self._evaluated(_cut(x, area), sigma, [region for _, region in group], against)
            for (side, region), prediction in zip(group, predictions, strict=True):
                weight = _weight(region, x)
                _cut(totals[side], area).add_(prediction * weight)
                _cut(weights[side], area).add_(weight)
        return [total / weight for total, weight in zip(totals, weights, strict=True)]

    def _evaluated(self, x: Tensor, sigma: Tensor, regions: Sequence[Region], against: int) -> list[Tensor]:
        """Predictions of regions of one shape, the last `against` of which are negative ones.

        In one call, unless their texts are too different in length or the rows too many.
        """
        parts = [_rows(region.conditioning, len(x)) for region in regions]
        most = self._most_rows or len(regions) * len(x)
        if len(regions) > 1 and (not _go_together(parts) or len(regions) * len(x) > most):
            negative = range(len(regions) - against, len(regions))
            alone = (self._evaluated(x, sigma, [region], at in negative) for at, region in enumerate(regions))
            return [prediction for (prediction,) in alone]
        texts = parts[0] if len(parts) == 1 else stacked(repeated(parts))
        rows = replace(texts, against=against * len(x), done=parts[0].done)
        inputs = x.repeat(len(regions), 1, 1, 1)
        return list(self._estimate(inputs, sigma.to(x.device).expand(len(inputs)), rows).chunk(len(regions)))


def _go_together(parts: Sequence[Conditioning]) -> bool:
    return may_repeat(parts) and not any(part.lengths for part in parts)


def _rows(conditioning: Conditioning, batch: int) -> Conditioning:
    vector = conditioning.vector
    repeats = batch // len(conditioning.tokens)
    return replace(
        conditioning,
        tokens=conditioning.tokens.repeat(repeats, 1, 1),
        vector=None if vector is None else vector.repeat(repeats, 1),
        lengths=conditioning.lengths * repeats,
    )


def _cut(x: Tensor, area: Area | None) -> Tensor:
    """The area of a latent, a view."""
    if area is None:
        return x
    return x[:, :, area.top : area.top + area.height, area.left : area.left + area.width]


def _weight(region: Region, x: Tensor) -> Tensor:
    """How much each cell of the region counts, (batch, channels, height, width) of its area."""
    area = region.area
    weight = torch.full_like(_cut(x, area), region.strength)
    if region.mask is not None:
        return weight * _cut(region.mask[None].to(x) * region.mask_strength, area)
    if area is not None:
        for axis, start, size, whole in (
            (2, area.top, area.height, x.shape[2]),
            (3, area.left, area.width, x.shape[3]),
        ):
            _feather(weight, axis, at_start=start != 0, at_end=start + size < whole)
    return weight


def _feather(weight: Tensor, axis: int, *, at_start: bool, at_end: bool) -> None:
    size = weight.shape[axis]
    width = min(FEATHER, size // 4)
    for step in range(width):
        share = (step + 1) / width
        if at_start:
            weight.narrow(axis, step, 1).mul_(share)
        if at_end:
            weight.narrow(axis, size - 1 - step, 1).mul_(share)
