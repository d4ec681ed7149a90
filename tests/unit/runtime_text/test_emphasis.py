"""Emphasis as arithmetic on vectors."""

import pytest

pytest.importorskip("torch")

import torch

from paramc.runtime.text.emphasis import ignored, interpolated, multiplied, restored

pytestmark = pytest.mark.sdk

Z = torch.tensor([[[1.0, 3.0], [2.0, 4.0]], [[5.0, 1.0], [0.0, 2.0]]])  # two texts, two tokens
WEIGHTS = torch.tensor([[2.0, 1.0], [1.0, 1.0]])
EMPTY = torch.tensor([[[1.0, 1.0], [1.0, 1.0]]])
ONCE = torch.ones(2)


def test_weights_multiply() -> None:
    assert multiplied(Z, WEIGHTS, EMPTY, ONCE)[0].tolist() == [[2.0, 6.0], [2.0, 4.0]]


def test_the_mean_over_all_texts_is_restored() -> None:
    done = restored(Z, WEIGHTS, EMPTY, ONCE)
    assert torch.allclose(done.mean(), Z.mean())
    assert torch.allclose(done[1], Z[1] * 18 / 22)  # the weight in one text scales the other


def test_a_text_that_has_several_entries_counts_as_often() -> None:
    once_and_twice = torch.tensor([1.0, 2.0])
    spelt_out = restored(Z[[0, 1, 1]], WEIGHTS[[0, 1, 1]], EMPTY, torch.ones(3))
    assert torch.allclose(restored(Z, WEIGHTS, EMPTY, once_and_twice), spelt_out[:2])


def test_without_weights_not_a_bit_changes() -> None:
    third = Z / 3
    for way in (restored, multiplied, interpolated, ignored):
        assert torch.equal(way(third, torch.ones(2, 2), EMPTY, ONCE), third)


def test_weights_move_away_from_the_empty_prompt() -> None:
    assert interpolated(Z, WEIGHTS, EMPTY, ONCE)[0].tolist() == [[1.0, 5.0], [2.0, 4.0]]


def test_weights_can_be_ignored() -> None:
    assert torch.equal(ignored(Z, WEIGHTS, EMPTY, ONCE), Z)
