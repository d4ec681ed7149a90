"""Guidance brought back to the spread of the conditional prediction, against the formula written out."""

import pytest
import torch
from torch import Tensor

from paramc.runtime.denoise.rescaled import Rescaled, Terms

SIGMA, SCALE, SHARE = torch.tensor(3.0), 7.0, 0.6


def numbers(seed: int) -> Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


X, CONDITIONAL, UNCONDITIONAL = numbers(0), numbers(1), numbers(2)


class Guided:
    """A denoiser that has made up its mind."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.pair(x, sigma)[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return UNCONDITIONAL + SCALE * (CONDITIONAL - UNCONDITIONAL), UNCONDITIONAL


def spread(value: Tensor) -> Tensor:
    return value.flatten(1).std(dim=1).view(-1, 1, 1, 1)


def mixed(wanted: Tensor, unwanted: Tensor) -> Tensor:
    guided = unwanted + SCALE * (wanted - unwanted)
    return SHARE * guided * spread(wanted) / spread(guided) + (1 - SHARE) * guided


def velocity(clean: Tensor) -> Tensor:
    """Of x = clean + sigma noise, scaled to variance 1."""
    alpha, beta = 1 / (SIGMA**2 + 1).sqrt(), SIGMA / (SIGMA**2 + 1).sqrt()
    return alpha * (X - clean) / SIGMA - beta * clean


def clean_of(value: Tensor) -> Tensor:
    return X / (SIGMA**2 + 1) - value * SIGMA / (SIGMA**2 + 1).sqrt()


EXPECTED: dict[Terms, Tensor] = {
    "velocity": clean_of(mixed(velocity(CONDITIONAL), velocity(UNCONDITIONAL))),
    "noise": X - SIGMA * mixed((X - CONDITIONAL) / SIGMA, (X - UNCONDITIONAL) / SIGMA),
    "own": mixed(CONDITIONAL, UNCONDITIONAL),
}


@pytest.mark.parametrize("terms", ["velocity", "noise", "own"])
def test_the_spread_is_that_of_the_conditional_prediction(terms: Terms) -> None:
    found, unconditional = Rescaled(Guided(), SCALE, SHARE, terms).pair(X, SIGMA)
    assert torch.allclose(found, EXPECTED[terms], atol=1e-5)
    assert torch.equal(unconditional, UNCONDITIONAL)


def test_nothing_is_guided_without_a_scale() -> None:
    assert torch.equal(Rescaled(Guided(), 0.0, SHARE, "own")(X, SIGMA), Guided()(X, SIGMA))
