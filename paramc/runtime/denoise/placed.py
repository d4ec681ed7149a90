"""The prompts of a batch, each in its own part of the picture (ComfyUI)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from paramc.runtime.denoise.guided import Guidance
from paramc.runtime.denoise.parametrisation import Estimate
from paramc.runtime.denoise.prompts import Branch, at_call
from paramc.runtime.denoise.regions import Area, Region, RegionDenoiser


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a prompt counts and how much, beside the weight of its branch.

    mask: (1, height, width) of the latent, [0, 1], None for all of it.
    """

    strength: float = 1.0
    area: Area | None = None
    mask: Tensor | None = None
    mask_strength: float = 1.0


class PlacedDenoiser:
    """Averages the prompts by weight where they meet, and guides towards that. Counts its evaluations.

    `places` are those of the first image's branches; every image has the same prompts. A prompt without a place counts
    nowhere. The guidance is multiplied by the sum of the branches' weights.
    """

    def __init__(self, estimate: Estimate, guidance: Guidance, places: Sequence[Place | None]) -> None:
        self._estimate = estimate
        self._places = places
        weights = [branch.weight for branch in guidance.positive[0]]
        self._guidance = replace(guidance, scale=guidance.scale * sum(weights))
        self._shares = [weight * len(weights) / sum(weights) for weight in weights]  # 1 for each where they are even
        self.calls = 0

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction; where the negative is skipped, the first one twice."""
        guidance, call = self._guidance, self.calls
        self.calls += 1
        done = call / max(guidance.total_calls, 1)
        found = zip(guidance.positive[0], self._places, self._shares, strict=True)
        wanted = [_region(branch, place, share, call, done) for branch, place, share in found if place]
        unwanted = [_region(guidance.negative[0], Place(), 1.0, call, done)]
        skipped = guidance.goes_alone(call, sigma.item())
        scale = 1.0 if skipped else guidance.scale
        regions = RegionDenoiser(self._estimate, wanted, unwanted, scale, guidance.most_rows)
        if skipped:
            alone = regions(x, sigma)
            return alone, alone
        return regions.pair(x, sigma)


def _region(branch: Branch, place: Place, share: float, call: int, done: float) -> Region:
    return Region(
        at_call(branch.entries, call).at(done),
        strength=share * place.strength,
        area=place.area,
        mask=place.mask,
        mask_strength=place.mask_strength,
    )
