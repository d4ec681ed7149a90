"""A network with its prompts and guidance: the denoiser that samplers call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from paramc.runtime.denoise.conditioning import Conditioning, filled, fitted, lengthened, may_repeat, repeated, stacked
from paramc.runtime.denoise.guidance import NO_SKIPS, Skips, guided, skips_negative
from paramc.runtime.denoise.parametrisation import Estimate
from paramc.runtime.denoise.prompts import Branch, at_call

Padding: TypeAlias = Literal["apart", "empty", "last_token", "repeat"]


@dataclass(frozen=True, slots=True, eq=False)
class Guidance:
    """What a batch is guided by.

    positive: the AND-parts of each image; negative: one for each image.
    padding of prompts of different length: evaluated apart, filled with `empty` (1, 77, width), the negative fitted by
    its last token, or all repeated to a common multiple. most_rows: that go through the network at once; without it,
    all of one length do.
    skips_at_one: the negative is not evaluated at scale 1 (Forge, ComfyUI).
    """

    positive: tuple[tuple[Branch, ...], ...]
    negative: tuple[Branch, ...]
    scale: float
    total_calls: int
    skips: Skips = NO_SKIPS
    padding: Padding = "apart"
    empty: Tensor | None = None
    most_rows: int | None = None
    skips_at_one: bool = False


class GuidedDenoiser:
    """Evaluates all rows of a batch, those of the AND-parts first, and guides each image. Counts its evaluations.

    Levels are sigmas or timesteps, as `estimate` takes them.
    """

    def __init__(self, estimate: Estimate, guidance: Guidance) -> None:
        self._estimate = estimate
        self._guidance = guidance
        self.calls = 0

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction; where the negative is skipped, that of the first AND-part."""
        guidance, call = self._guidance, self.calls
        self.calls += 1
        skipped = skips_negative(guidance.skips, call, guidance.total_calls, sigma.item())
        skipped = skipped or (guidance.skips_at_one and guidance.scale == 1.0)
        wanted = [at_call(branch.entries, call) for branches in guidance.positive for branch in branches]
        unwanted = [] if skipped else [at_call(branch.entries, call) for branch in guidance.negative]
        bounds = list(pairwise(accumulate((len(branches) for branches in guidance.positive), initial=0)))
        image_of_row = [image for image, (start, end) in enumerate(bounds) for _ in range(start, end)]
        rows = self._rows(x, sigma, image_of_row, wanted, unwanted)
        negative = rows[[start for start, _ in bounds]] if skipped else rows[len(wanted) :]
        scale = 1.0 if skipped else guidance.scale
        images = [
            guided(_weighted(rows[start:end], branches), negative[image], scale)
            for image, ((start, end), branches) in enumerate(zip(bounds, guidance.positive, strict=True))
        ]
        return torch.stack(images), negative

    def _rows(
        self,
        x: Tensor,
        sigma: Tensor,
        image_of_row: Sequence[int],
        wanted: Sequence[Conditioning],
        unwanted: Sequence[Conditioning],
    ) -> Tensor:
        """Predictions of the rows of all AND-parts, then those of the negatives, image by image."""
        batch, most = len(x), self._guidance.most_rows
        positive, negative = self._padded(wanted, unwanted)
        done = (self.calls - 1) / max(self._guidance.total_calls, 1)
        positive = replace(positive, done=done)
        inputs = x[list(image_of_row)]
        if negative is None:
            return self._evaluated(inputs, sigma, positive, most)
        if positive.length == negative.length:
            both = replace(stacked([positive, negative]), against=batch, done=done)
            return self._evaluated(torch.cat([inputs, x]), sigma, both, most)
        apart = self._evaluated(inputs, sigma, positive, most or 2 * batch)
        return torch.cat([apart, self._evaluated(x, sigma, replace(negative, against=batch, done=done), most)])

    def _padded(
        self, wanted: Sequence[Conditioning], unwanted: Sequence[Conditioning]
    ) -> tuple[Conditioning, Conditioning | None]:
        """Rows of one length on each side, and of one length on both sides where the padding says so."""
        guidance = self._guidance
        if any(part.lengths for part in wanted):
            return _evened(wanted), _evened(unwanted) if unwanted else None
        if guidance.padding == "repeat" and may_repeat([*wanted, *unwanted]):
            parts = repeated([*wanted, *unwanted])
            return stacked(parts[: len(wanted)]), stacked(parts[len(wanted) :]) if unwanted else None
        positive = _evened(wanted)
        if not unwanted:
            return positive, None
        negative = _evened(unwanted)
        if guidance.padding == "last_token":
            return positive, fitted(negative, positive.length)
        if guidance.padding == "empty" and guidance.empty is not None:
            length = max(positive.length, negative.length)
            return filled(positive, length, guidance.empty), filled(negative, length, guidance.empty)
        return positive, negative

    def _evaluated(self, x: Tensor, sigma: Tensor, conditioning: Conditioning, limit: int | None) -> Tensor:
        """Predictions of all rows, at most `limit` at once."""
        step = limit or len(x)
        parts = []
        for start in range(0, len(x), step):
            part = x[start : start + step]
            vector = conditioning.vector
            own = Conditioning(
                conditioning.tokens[start : start + step],
                None if vector is None else vector[start : start + step],
                against=max(start + len(part) - max(start, len(x) - conditioning.against), 0),
                done=conditioning.done,
                lengths=conditioning.lengths[start : start + step],
            )
            parts.append(self._estimate(part, sigma.to(x.device).expand(len(part)), own))
        return torch.cat(parts)


def _evened(parts: Sequence[Conditioning]) -> Conditioning:
    length = max(part.length for part in parts)
    return stacked([lengthened(part, length) for part in parts])


def _weighted(rows: Tensor, branches: Sequence[Branch]) -> list[tuple[Tensor, float]]:
    return [(row, branch.weight) for row, branch in zip(rows, branches, strict=True)]
