"""Levels that do not halve evenly: convolved before or after the size is fitted."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.upsampling import ConvolvedFirst, set_upsampling, upsampling

pytestmark = pytest.mark.sdk


def noise(checkpoint: Checkpoint, height: int, width: int) -> Tensor:
    x = torch.randn(1, 4, height, width, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return checkpoint.unet(x, 300, torch.ones(1, 77, 768)).sample


def test_even_sizes_do_not_know_the_difference(sd1: Checkpoint) -> None:
    plain = noise(sd1, 16, 24)
    with upsampling(sd1.unet, "convolve_then_fit"):
        assert torch.equal(noise(sd1, 16, 24), plain)


def test_odd_sizes_do(sd1: Checkpoint) -> None:
    plain = noise(sd1, 9, 11)
    with upsampling(sd1.unet, "convolve_then_fit"):
        assert (noise(sd1, 9, 11) - plain).abs().max() > 1e-4


def test_afterwards_all_is_as_before(sd1: Checkpoint) -> None:
    plain, names = noise(sd1, 9, 11), list(sd1.unet.state_dict())
    with upsampling(sd1.unet, "convolve_then_fit"):
        assert list(sd1.unet.state_dict()) == names
    assert torch.equal(noise(sd1, 9, 11), plain)


def test_choosing_twice_is_choosing_once(sd1: Checkpoint) -> None:
    set_upsampling(sd1.unet, "convolve_then_fit")
    once = noise(sd1, 9, 11)
    set_upsampling(sd1.unet, "convolve_then_fit")
    assert torch.equal(noise(sd1, 9, 11), once)


def test_the_doubled_size_is_convolved_and_then_shrunk_by_nearest_neighbour(sd1: Checkpoint) -> None:
    original = sd1.unet.up_blocks[0].upsamplers[0]
    hidden = torch.randn(1, 64, 2, 2, generator=torch.Generator().manual_seed(2))
    doubled = original.conv(hidden.repeat_interleave(2, 2).repeat_interleave(2, 3))
    expected = interpolate(doubled, size=(3, 3), mode="nearest")
    assert torch.allclose(ConvolvedFirst(original)(hidden, (3, 3)), expected, atol=1e-6)
