"""Pieces of the executor by themselves."""

import pytest
import torch

from paramc.runtime.execute.enlarging import tile_starts
from paramc.runtime.execute.merging import match


@pytest.mark.parametrize(("side", "starts"), [(64, [-128]), (192, [0]), (200, [0, 8]), (376, [0, 184])])
def test_tiles_end_with_the_picture(side: int, starts: list[int]) -> None:
    assert tile_starts(side) == starts


@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.75])
def test_merging_leaves_so_many_tokens(ratio: float) -> None:
    tokens = torch.randn(2, 64, 8, generator=torch.Generator().manual_seed(0))
    assert match(tokens, 8, 8, ratio).merge(tokens).shape == (2, 64 - int(64 * ratio), 8)


def test_tokens_that_were_not_merged_come_back_as_they_were() -> None:
    tokens = torch.randn(2, 64, 8, generator=torch.Generator().manual_seed(0))
    matching = match(tokens, 8, 8, 0.0)
    assert torch.equal(matching.unmerge(matching.merge(tokens)), tokens)


def test_merged_tokens_come_back_as_the_mean_with_their_target() -> None:
    tokens = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]])  # of a square: the first is the target
    matching = match(tokens, 2, 2, 0.25)
    assert matching.unmerge(matching.merge(tokens))[0, :2].tolist() == [[1.5, 0.0], [1.5, 0.0]]
