"""Guidance of a batch: each image by its own texts, whatever goes through the network together."""

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.guided import Guidance, GuidedDenoiser
from paramc.runtime.denoise.prompts import Branch, Entry

LEVEL = torch.tensor(2.0)
X = torch.randn(2, 4, 2, 2, generator=torch.Generator().manual_seed(3))


def branch(value: float, weight: float = 1.0, *, last_call: int = 9, then: float | None = None) -> Branch:
    """A text that adds a number to the latent; `then`: another one after some calls."""
    texts = [(last_call, value), *([(99, then)] if then is not None else [])]
    return Branch(tuple(Entry(last, Conditioning(torch.full((1, 3, 1), number))) for last, number in texts), weight)


def adding(x: Tensor, sigma: Tensor, conditioning: Conditioning) -> Tensor:
    return x + conditioning.tokens[:, 0, 0].view(-1, 1, 1, 1)


@pytest.mark.parametrize("most_rows", [None, 1, 2])
def test_images_with_other_parts_are_guided_as_if_alone(most_rows: int | None) -> None:
    positive = ((branch(1.0), branch(2.0, 0.5)), (branch(4.0, -1.0),))
    negative = (branch(0.25), branch(0.5))
    together = GuidedDenoiser(adding, Guidance(positive, negative, 5.0, 10, most_rows=most_rows))(X, LEVEL)
    for image in range(2):
        alone = GuidedDenoiser(adding, Guidance(positive[image : image + 1], negative[image : image + 1], 5.0, 10))
        assert torch.equal(together[image : image + 1], alone(X[image : image + 1], LEVEL))


def test_a_text_that_changes_is_seen_by_the_next_evaluation() -> None:
    positive = (branch(1.0, last_call=0, then=3.0),)
    denoise = GuidedDenoiser(adding, Guidance((positive,), (branch(0.0),), 1.0, 10))
    first, second = denoise(X[:1], LEVEL), denoise(X[:1], LEVEL)
    assert torch.allclose(first, X[:1] + 1) and torch.allclose(second, X[:1] + 3)
