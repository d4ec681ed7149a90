"""Random streams against those of real programs."""

import math

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from paramc.runtime.rng.batch import StepNoise, batch_noise, leftover_seed
from paramc.runtime.rng.brownian import batch_brownian, image_brownian
from paramc.runtime.rng.images import NoiseSpec, start_noise
from paramc.runtime.rng.philox import PhiloxStream
from paramc.runtime.rng.streams import stream_opener
from paramc.runtime.rng.variation import centred, slerp
from tests.conformance.sampling.recorded import Case, recording

pytestmark = pytest.mark.sdk

SOURCES = {"CPU": stream_opener("cpu"), "NV": stream_opener("philox")}


def image_draws(case: Case) -> Tensor:
    height, width = case.get("seed_resize_from_h", 0), case.get("seed_resize_from_w", 0)
    spec = NoiseSpec(
        tuple(case.get("shape", (4, 8, 8))),
        tuple(case["seeds"]),
        tuple(case.get("subseeds", ())),
        case.get("subseed_strength", 0.0),
        (height // 8, width // 8) if height and width else None,
        case.get("ensd", 0),
    )
    first, source = start_noise(spec, SOURCES[case["rng"]])
    return torch.stack([first, source.draw(), source.draw()])


@pytest.mark.parametrize("name", ["a1111_imagerng", "forge_imagerng"])
def test_the_streams_of_images_are_bit_equal(name: str) -> None:
    for case in recording(name):
        off = (image_draws(case) - case.expected[:3]).abs().max().item()
        # acos and sin of the interpolation differ in the last digit between machines
        assert off <= (5e-7 if case.get("subseed_strength") else 0.0), case.label


def test_what_is_drawn_beside_the_streams_of_images_is_bit_equal() -> None:
    for case in recording("forge_imagerng"):
        seed = leftover_seed(case["seeds"][-1])
        assert torch.equal(SOURCES[case["rng"]](seed).normal((2, 4, 8, 8)), case.expected[3]), case.label


def test_brownian_motions_of_images_are_bit_equal() -> None:
    for case in recording("a1111_brownian"):
        noise = image_brownian(case["seeds"], (4, 8, 8), (case["sigma_min"], case["sigma_max"]), SOURCES[case["rng"]])
        drawn = torch.stack([noise(*map(torch.tensor, query)) for query in case["queries"]])
        assert torch.equal(drawn, case.expected), case.label


def test_a_motion_to_what_is_no_number_is_none() -> None:
    noise = batch_brownian(1, (1, 4, 8, 8), (0.1, 1.0), SOURCES["CPU"])
    assert noise(torch.tensor(1.0), torch.tensor(math.nan)).isnan().all()


def test_noise_of_a_batch_is_bit_equal() -> None:
    cpu = SOURCES["CPU"]
    for case in recording("comfy_noise"):
        shape = case.expected.shape
        if case["fn"] == "prepare_noise":
            drawn = batch_noise(case["shape"], case["seed"], cpu, batch_index=case.get("batch_index", ()))
        elif case["fn"].startswith("Brownian"):
            bounds = torch.tensor([case["sigma_min"], case["sigma_max"]]).tolist()
            noise = batch_brownian(case["seed"], shape[1:], (bounds[0], bounds[1]), cpu)
            drawn = torch.stack([noise(*map(torch.tensor, query)) for query in case["queries"]])
        else:
            steps, level = StepNoise(cpu(case["seed"]), shape[1:]), torch.tensor(1.0)
            drawn = torch.stack([steps(level, level) for _ in range(3)])
        assert torch.equal(drawn, case.expected), case.label


def test_philox_gives_the_published_numbers_of_seed_0() -> None:
    expected = [
        [-0.92466259, -0.42534415, -2.6438457, 0.14518388],
        [-0.12086647, -0.57972564, -0.62285122, -0.32838709],
        [-1.07454231, -0.36314407, -1.67105067, 2.26550497],
    ]
    assert (PhiloxStream(0).normal((3, 4)) - torch.tensor(expected)).abs().max() <= 3e-7  # another printing of them


def test_a_second_draw_of_philox_goes_on_and_does_not_repeat() -> None:
    stream = PhiloxStream(7)
    first, second = stream.normal((4,)), stream.normal((4,))
    assert not torch.equal(first, second)


def test_a_device_with_fewer_threads_than_numbers_starts_with_the_same_ones() -> None:
    many, few = PhiloxStream(3).normal((2048,)), PhiloxStream(3, threads=512).normal((2048,))
    assert torch.equal(few[:512], many[:512])
    assert not torch.equal(few[512:1024], many[512:1024])


def test_a_draw_of_philox_passes_for_standard_normals_with_any_number_of_threads() -> None:
    drawn = PhiloxStream(11, threads=1024).normal((65536,))
    assert abs(drawn.mean().item()) < 0.02
    assert abs(drawn.std().item() - 1.0) < 0.02
    assert drawn.unique().numel() > 65000


def test_nearly_parallel_noises_are_mixed_with_their_weights_swapped() -> None:
    noise = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(slerp(0.25, noise, 2 * noise), 0.25 * noise + 0.75 * 2 * noise)


def test_noise_of_a_larger_picture_is_cut_evenly_and_an_odd_row_of_the_canvas_stays() -> None:
    source, canvas = torch.arange(25.0).reshape(1, 5, 5), -torch.ones(1, 4, 4)
    pasted = centred(source, canvas)
    assert torch.equal(pasted[:, :3, :3], source[:, 1:4, 1:4])
    assert torch.equal(pasted[:, 3], canvas[:, 3])
