"""What each kind of network adds to a weight, against the formula written out in float64."""

import math

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from paramc.runtime.models.deltas import FORMULAS, bias_delta, weight_delta

pytestmark = pytest.mark.sdk

LINEAR = (6, 8)
CONV = (6, 8, 3, 3)


def some(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape))) * 0.3


def close(found: Tensor | None, expected: Tensor) -> bool:
    return found is not None and found.shape == expected.shape and bool((found.double() - expected).abs().max() <= 1e-6)


def test_a_low_rank_product_is_scaled_by_alpha_over_rank() -> None:
    up, down = some(6, 4), some(4, 8)
    parts = {"up": up, "down": down, "alpha": torch.tensor(2.0)}
    assert close(weight_delta(some(*LINEAR), parts), up.double() @ down.double() * 0.5)


def test_without_alpha_the_scale_is_one() -> None:
    up, down = some(6, 4), some(4, 8)
    assert close(weight_delta(some(*LINEAR), {"up": up, "down": down}), up.double() @ down.double())


def test_a_rank_limit_cuts_the_product_but_not_the_scale() -> None:
    up, down = some(6, 4), some(4, 8)
    parts = {"up": up, "down": down, "alpha": torch.tensor(2.0)}
    expected = up[:, :3].double() @ down[:3].double() * 0.5
    assert close(weight_delta(some(*LINEAR), parts, 3), expected)


def test_a_convolution_of_three_by_three_is_two_convolutions_in_a_row() -> None:
    up, down, picture = some(6, 4, 1, 1).double(), some(4, 8, 3, 3).double(), some(1, 8, 5, 5).double()
    delta = weight_delta(some(*CONV), {"up": up.float(), "down": down.float()})
    assert delta is not None
    one_after_the_other = torch.conv2d(torch.conv2d(picture, down, padding=1), up)
    assert torch.allclose(torch.conv2d(picture, delta.double(), padding=1), one_after_the_other, atol=1e-5)


def test_a_core_makes_it_three_convolutions_in_a_row() -> None:
    up, mid, down = some(6, 4, 1, 1).double(), some(4, 4, 3, 3).double(), some(4, 8, 1, 1).double()
    picture = some(1, 8, 5, 5).double()
    delta = weight_delta(some(*CONV), {"up": up.float(), "mid": mid.float(), "down": down.float()})
    assert delta is not None
    in_a_row = torch.conv2d(torch.conv2d(torch.conv2d(picture, down), mid, padding=1), up)
    assert torch.allclose(torch.conv2d(picture, delta.double(), padding=1), in_a_row, atol=1e-5)


def test_a_linear_network_changes_a_convolution_of_one_by_one() -> None:
    up, down = some(6, 4), some(4, 8)
    expected = (up.double() @ down.double()).reshape(6, 8, 1, 1)
    assert close(weight_delta(some(6, 8, 1, 1), {"up": up, "down": down}), expected)


def test_two_products_are_multiplied_element_by_element() -> None:
    parts = {"w1_a": some(6, 4), "w1_b": some(4, 8), "w2_a": some(6, 4, seed=1), "w2_b": some(4, 8, seed=1)}
    first = parts["w1_a"].double() @ parts["w1_b"].double()
    second = parts["w2_a"].double() @ parts["w2_b"].double()
    assert close(weight_delta(some(*LINEAR), {**parts, "alpha": torch.tensor(1.0)}), first * second / 4)


def test_two_products_with_cores_follow_tucker() -> None:
    parts = {
        "w1_a": some(4, 6), "w1_b": some(4, 8), "t1": some(4, 4, 3, 3),
        "w2_a": some(4, 6, seed=1), "w2_b": some(4, 8, seed=1), "t2": some(4, 4, 3, 3, seed=1),
    }  # fmt: skip
    pair = [
        sum(
            parts[f"t{n}"][i, j].double() * parts[f"w{n}_a"][i].double()[:, None, None, None] * row[None, :, None, None]
            for i in range(4)
            for j, row in enumerate(parts[f"w{n}_b"].double())
        )
        for n in (1, 2)
    ]
    assert close(weight_delta(some(*CONV), parts), pair[0] * pair[1])


def kronecker(first: Tensor, second: Tensor) -> Tensor:
    """Block by block."""
    return torch.cat([torch.cat([value * second for value in row], 1) for row in first])


def test_whole_factors_make_a_kronecker_product_without_scale() -> None:
    parts = {"kron_1": some(2, 4), "kron_2": some(3, 2), "alpha": torch.tensor(0.5)}
    expected = kronecker(parts["kron_1"].double(), parts["kron_2"].double())
    assert close(weight_delta(some(*LINEAR), parts), expected)


def test_low_rank_factors_make_a_kronecker_product() -> None:
    parts = {
        "kron_1_a": some(2, 2), "kron_1_b": some(2, 4), "kron_2_a": some(3, 2), "kron_2_b": some(2, 2, seed=5),
        "alpha": torch.tensor(1.0),
    }  # fmt: skip
    first = parts["kron_1_a"].double() @ parts["kron_1_b"].double()
    second = parts["kron_2_a"].double() @ parts["kron_2_b"].double()
    assert close(weight_delta(some(*LINEAR), parts), kronecker(first, second) / 2)


def test_a_kronecker_product_changes_a_convolution() -> None:
    parts = {"kron_1": some(2, 4), "kron_2": some(3, 2, 3, 3)}
    first, second = parts["kron_1"].double(), parts["kron_2"].double()
    assert close(weight_delta(some(*CONV), parts), kronecker(first, second))


@pytest.mark.parametrize("inward", [True, False])
@pytest.mark.parametrize("shape", [LINEAR, CONV])
def test_factors_scale_inputs_or_outputs(shape: tuple[int, ...], inward: bool) -> None:
    weight = some(*shape)
    factors = some(shape[1] if inward else shape[0])
    parts = {"factors": factors, "on_input": torch.tensor(inward)}
    places = "i" if inward else "o"
    expected = torch.einsum(f"oi...,{places}->oi...", weight.double(), factors.double())
    assert close(weight_delta(weight, parts), expected)


def test_a_difference_is_added_as_it_is() -> None:
    difference = some(*LINEAR)
    assert close(weight_delta(some(*LINEAR, seed=1), {"difference": difference}), difference.double())


def test_a_difference_of_a_bias_is_added_to_it() -> None:
    assert close(bias_delta(some(6), {"bias": some(6, seed=3)}), some(6, seed=3).double())


def test_a_generalised_product_goes_through_the_weight() -> None:
    weight = some(*LINEAR)
    parts = {"a1": some(4, 8), "a2": some(8, 4), "b1": some(4, 8, seed=1), "b2": some(6, 4)}
    own = parts["b2"].double() @ parts["b1"].double()
    through = weight.double() @ parts["a2"].double() @ parts["a1"].double()
    assert close(weight_delta(weight, parts), own + through)


@pytest.mark.parametrize("shape", [LINEAR, CONV])
@pytest.mark.parametrize("rows", [True, False])
def test_learned_lengths_keep_the_direction(shape: tuple[int, ...], rows: bool) -> None:
    weight = some(*shape)
    up, down = some(shape[0], 4), some(4, math.prod(shape[1:]))
    kept = 0 if rows else 1
    sizes = [1] * len(shape)
    sizes[kept] = shape[kept]
    magnitude = some(*sizes).abs() + 1
    found = weight_delta(weight, {"up": up, "down": down, "alpha": torch.tensor(2.0), "magnitude": magnitude})
    changed = weight.double() + (up.double() @ down.double()).reshape(shape) / 2
    for index in range(shape[kept]):
        piece = changed.select(kept, index)
        piece *= magnitude.flatten()[index].double() / piece.square().sum().sqrt()
    assert close(found, changed - weight.double())


def test_blocks_of_outputs_are_turned() -> None:
    weight, blocks = some(*LINEAR), some(2, 3, 3)
    found = weight_delta(weight, {"rotations": blocks})
    expected = weight.double().clone()
    for number, block in enumerate(blocks.double()):
        skew = block - block.T
        turn = (torch.eye(3, dtype=torch.float64) + skew) @ torch.inverse(torch.eye(3, dtype=torch.float64) - skew)
        rows = slice(3 * number, 3 * number + 3)
        expected[rows] = turn.T @ weight[rows].double()
    assert close(found, expected - weight.double())


def test_turning_keeps_the_length_of_columns() -> None:
    weight = some(*LINEAR)
    delta = weight_delta(weight, {"rotations": some(2, 3, 3), "alpha": torch.tensor(0.01)})
    assert delta is not None
    assert torch.allclose((weight + delta).norm(dim=0), weight.norm(dim=0), atol=1e-5)
    assert 0 < delta.norm() < 0.2 * weight.norm()


def test_turns_of_older_files_are_taken_as_they_stand() -> None:
    weight, turns = some(*LINEAR), some(2, 3, 3)
    expected = torch.cat([turns[n].double().T @ weight[3 * n : 3 * n + 3].double() for n in (0, 1)])
    assert close(weight_delta(weight, {"turns": turns}), expected - weight.double())


@pytest.mark.parametrize("shape", [(8, 5), (8, 5, 3, 3)])
def test_a_butterfly_turns_outputs_that_lie_further_apart_in_each_layer(shape: tuple[int, ...]) -> None:
    weight, blocks, factors = some(*shape), some(2, 2, 4, 4), some(8, *(1,) * (len(shape) - 1))
    found = weight_delta(weight, {"rotations": blocks, "rescale": factors})
    rows = weight.double().reshape(8, -1)
    one = torch.eye(4, dtype=torch.float64)
    for layer, distance in enumerate((2, 4)):
        # outputs i and i + distance of each run of 2·distance become neighbours
        runs = range(0, 8, 2 * distance)
        order = [run + half * distance + i for run in runs for i in range(distance) for half in (0, 1)]
        turned = torch.empty_like(rows)
        for block in (0, 1):
            skew = blocks[layer, block].double() - blocks[layer, block].double().T
            places = order[4 * block : 4 * block + 4]
            turned[places] = (one + skew) @ torch.inverse(one - skew) @ rows[places]
        rows = turned
    assert close(found, rows.reshape(shape) * factors.double() - weight.double())


@pytest.mark.parametrize("gains", [some(6, 1), some(1, 8)])
def test_gains_multiply_outputs_or_inputs(gains: Tensor) -> None:
    weight = some(*LINEAR)
    assert close(weight_delta(weight, {"gains": gains}), weight.double() * gains.double() - weight.double())


def test_the_bias_of_a_product_is_scaled_like_the_product() -> None:
    parts = {"up": some(6, 4), "down": some(4, 8), "alpha": torch.tensor(2.0), "up_bias": some(6)}
    assert close(bias_delta(some(6, seed=2), parts), some(6).double() / 2)


@pytest.mark.parametrize(
    "parts",
    [
        {"up": some(5, 4), "down": some(4, 8)},
        {"up": some(6, 4), "down": some(3, 8)},
        {"difference": some(7, 7)},
        {"alpha": torch.tensor(1.0)},
        {"factors": some(8)},
        {"kron_1": some(2, 4), "kron_2": some(4, 4)},
        {"up": some(6, 4), "down": some(4, 8), "magnitude": some(1, 5)},
        {"rotations": some(4, 3, 3)},
        {"rotations": some(2, 3, 4, 4)},
        {"turns": some(4, 3, 3)},
        {"gains": some(1, 7)},
        {"up": some(6, 0), "down": some(0, 8)},
        {"up": some(6), "down": some(8)},
        {"up": some(), "down": some()},
        {"w1_a": some(), "w1_b": some(), "w2_a": some(), "w2_b": some()},
        {"kron_1": some(2, 4), "kron_2_a": some(), "kron_2_b": some()},
    ],
)
def test_parts_that_do_not_fit_change_nothing(parts: dict[str, Tensor]) -> None:
    assert weight_delta(some(*LINEAR), parts) is None


@pytest.mark.parametrize(
    "parts",
    [
        {"up_bias": some(6), "down": some(0, 8)},
        {"up_bias": some(6), "down": some()},
        {"up_bias": some(6), "down": some(4, 8), "alpha": some(3)},
        {"bias": some(7)},
    ],
)
def test_parts_that_do_not_fit_leave_the_bias(parts: dict[str, Tensor]) -> None:
    assert bias_delta(some(6), parts) is None


SHAPES = st.lists(st.sampled_from([0, 1, 2, 4, 6, 8]), max_size=4).map(tuple)
NAMES = sorted(
    {name for needed, _ in FORMULAS for name in needed} | {"mid", "t1", "kron_t2", "alpha", "scale", "magnitude"}
)


@given(st.sampled_from([LINEAR, CONV, (6,)]), st.sampled_from(FORMULAS), st.data())
def test_parts_of_any_shapes_fit_or_change_nothing(
    shape: tuple[int, ...], formula: tuple[frozenset[str], object], data: st.DataObject
) -> None:
    chosen = formula[0] | data.draw(st.sets(st.sampled_from(NAMES), max_size=3))
    parts = {name: some(*data.draw(SHAPES)) for name in sorted(chosen)}
    delta = weight_delta(some(*shape), parts, data.draw(st.sampled_from([None, 0, 2])))
    assert delta is None or delta.shape == shape


def test_the_parts_stay_as_they_are() -> None:
    difference = some(*LINEAR)
    delta = weight_delta(some(*LINEAR), {"difference": difference})
    assert delta is not None
    delta.mul_(0)
    assert difference.abs().max() > 0
