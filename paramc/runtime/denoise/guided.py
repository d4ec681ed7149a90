"""A network with its prompts and guidance: the denoiser that samplers call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from paramc.runtime.denoise.conditioning import Conditioning, filled, fitted, lengthened, may_repeat, repeated, stacked
from paramc.runtime.denoise.guidance import NO_SKIPS, SLACK, Skips, guided, skips_negative
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

    def goes_alone(self, call: int, level: float) -> bool:
        """Whether evaluation `call` (from 0) at a level does without the negative."""
        at_one = self.skips_at_one and abs(self.scale - 1.0) < SLACK
        return at_one or skips_negative(self.skips, call, self.total_calls, level)


class _Texts(NamedTuple):
    """The texts of an evaluation. first: of the AND-parts, and of the negatives where those are as long; second: of
    negatives that are not.
    """

    wanted: Sequence[Conditioning]
    unwanted: Sequence[Conditioning]
    first: Conditioning
    second: Conditioning | None


class GuidedDenoiser:
    """Evaluates all rows of a batch, those of the AND-parts first, and guides each image. Counts its evaluations.

    Levels are sigmas or timesteps, as `estimate` takes them.
    """

    def __init__(self, estimate: Estimate, guidance: Guidance) -> None:
        self._estimate = estimate
        self._guidance = guidance
        self._weights = [tuple(branch.weight for branch in branches) for branches in guidance.positive]
        self._image_of_row = [image for image, weights in enumerate(self._weights) for _ in weights]
        self._seen: _Texts | None = None
        self.calls = 0

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction; where the negative is skipped, that of the first AND-part."""
        guidance, call = self._guidance, self.calls
        self.calls += 1
        skipped = guidance.goes_alone(call, sigma.item())
        wanted = [at_call(branch.entries, call) for branches in guidance.positive for branch in branches]
        unwanted = [] if skipped else [at_call(branch.entries, call) for branch in guidance.negative]
        rows = self._rows(x, sigma, self._texts(wanted, unwanted), call)
        predictions = rows[: len(wanted)]
        negative = predictions[self._firsts()] if skipped else rows[len(wanted) :]
        return self._guided(predictions, negative, 1.0 if skipped else guidance.scale), negative

    def _guided(self, predictions: Tensor, negative: Tensor, scale: float) -> Tensor:
        """All images at once where their AND-parts weigh the same, else one by one."""
        weights = self._weights[0]
        if self._weights.count(weights) == len(self._weights):
            count = len(weights)
            return guided([(predictions[part::count], weights[part]) for part in range(count)], negative, scale)
        parts = torch.split(predictions, [len(weights) for weights in self._weights])
        images = zip(parts, self._weights, negative, strict=True)
        return torch.stack(
            [guided(list(zip(rows, weights, strict=True)), image, scale) for rows, weights, image in images]
        )

    def _firsts(self) -> list[int]:
        """The rows of the first AND-part of each image."""
        return list(accumulate((len(weights) for weights in self._weights[:-1]), initial=0))

    def _rows(self, x: Tensor, sigma: Tensor, texts: "_Texts", call: int) -> Tensor:
        """Predictions of the rows of all AND-parts, then those of the negatives, image by image."""
        most, done = self._guidance.most_rows, call / max(self._guidance.total_calls, 1)
        inputs = x if len(self._image_of_row) == len(self._weights) else x[self._image_of_row]
        first = texts.first.at(done)
        if texts.second is not None:
            apart = self._evaluated(inputs, sigma, first, most or 2 * len(x))
            return torch.cat([apart, self._evaluated(x, sigma, texts.second.at(done), most)])
        return self._evaluated(torch.cat([inputs, x]) if first.against else inputs, sigma, first, most)

    def _texts(self, wanted: Sequence[Conditioning], unwanted: Sequence[Conditioning]) -> "_Texts":
        """The rows' texts joined, anew only where they are not those of the evaluation before."""
        if self._seen is None or (self._seen.wanted, self._seen.unwanted) != (wanted, unwanted):
            positive, negative = self._padded(wanted, unwanted)
            against = len(unwanted)
            if negative is not None and positive.length == negative.length:
                positive, negative = replace(stacked([positive, negative]), against=against), None
            second = negative and replace(negative, against=against)
            self._seen = _Texts(wanted, unwanted, positive, second)
        return self._seen

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
        rows, levels = len(x), sigma.to(x.device).expand(len(x))
        if limit is None or rows <= limit:
            return self._estimate(x, levels, conditioning)
        parts = []
        for start in range(0, rows, limit):
            part = slice(start, start + limit)
            vector = conditioning.vector
            own = Conditioning(
                conditioning.tokens[part],
                None if vector is None else vector[part],
                against=max(min(start + limit, rows) - max(start, rows - conditioning.against), 0),
                done=conditioning.done,
                lengths=conditioning.lengths[part],
            )
            parts.append(self._estimate(x[part], levels[part], own))
        return torch.cat(parts)


def _evened(parts: Sequence[Conditioning]) -> Conditioning:
    length = max(part.length for part in parts)
    return stacked([lengthened(part, length) for part in parts])
