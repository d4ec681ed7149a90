"""Upscalers of the ESRGAN kind in their three file layouts."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor
from torch.nn.functional import conv2d, leaky_relu

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.esrgan import Esrgan, esrgan_of
from paramc.runtime.models.upscaler import load_upscaler

pytestmark = pytest.mark.sdk

SECOND = {
    "first": "conv_first",
    "trunk": "trunk_conv",
    "detail": "HRconv",
    "last": "conv_last",
    "up.0": "upconv1",
    "up.1": "upconv2",
}
THIRD = {
    "first": "conv_first",
    "trunk": "conv_body",
    "detail": "conv_hr",
    "last": "conv_last",
    "up.0": "conv_up1",
    "up.1": "conv_up2",
}


def model(shuffle: int = 1, doublings: int = 2) -> Esrgan:
    torch.manual_seed(0)
    return Esrgan(features=8, growth=4, blocks=2, doublings=doublings, shuffle=shuffle).eval()


def named(weights: dict[str, Tensor], layout: str) -> dict[str, Tensor]:
    """The weights as one of the published layouts names them."""
    names: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        pieces = name.split(".")
        module, leaf = name.rsplit(".", 1)
        if pieces[0] == "body":
            block, dense, convolution = pieces[1], int(pieces[2]) + 1, int(pieces[3]) + 1
            names[{
                "first": f"model.1.sub.{block}.RDB{dense}.conv{convolution}.0.{leaf}",
                "second": f"RRDB_trunk.{block}.RDB{dense}.conv{convolution}.{leaf}",
                "third": f"body.{block}.rdb{dense}.conv{convolution}.{leaf}",
            }[layout]] = tensor  # fmt: skip
        elif layout == "first":
            numbers = {
                "first": "model.0",
                "trunk": "model.1.sub.2",
                "up.0": "model.3",
                "up.1": "model.6",
                "detail": "model.8",
                "last": "model.10",
            }
            names[f"{numbers[module]}.{leaf}"] = tensor
        else:
            names[f"{(SECOND if layout == 'second' else THIRD)[module]}.{leaf}"] = tensor
    return names


def picture(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("layout", ["first", "second", "third"])
@pytest.mark.parametrize("wrapper", [None, "params_ema"])
def test_every_layout_is_read(tmp_path: Path, layout: str, wrapper: str | None) -> None:
    original = model()
    weights = named(original.state_dict(), layout)
    torch.save({wrapper: weights} if wrapper else weights, tmp_path / "up.pth")
    upscaler = load_upscaler(tmp_path / "up.pth")
    with torch.inference_mode():
        assert torch.equal(upscaler(picture(7, 9)), original(picture(7, 9)))
    assert upscaler.scale == 4


@pytest.mark.parametrize(("shuffle", "scale"), [(1, 4), (2, 2), (4, 1)])
@pytest.mark.parametrize("size", [(8, 12), (7, 9)])
def test_gathered_pictures_come_out_at_the_right_size(shuffle: int, scale: int, size: tuple[int, int]) -> None:
    loaded = esrgan_of(named(model(shuffle).state_dict(), "third"))
    assert loaded is not None
    with torch.inference_mode():
        assert loaded(picture(*size)).shape == (1, 3, size[0] * scale, size[1] * scale)


def test_the_network_is_that_of_the_paper() -> None:
    """Without blocks, written out."""
    net = Esrgan(features=8, growth=4, blocks=0, doublings=1, shuffle=1)
    x = picture(5, 6)
    features = conv2d(x, net.first.weight, net.first.bias, padding=1)
    features = features + conv2d(features, net.trunk.weight, net.trunk.bias, padding=1)
    features = features.repeat_interleave(2, 2).repeat_interleave(2, 3)
    for layer in (net.up[0], net.detail):
        features = leaky_relu(conv2d(features, layer.weight, layer.bias, padding=1), 0.2)
    expected = conv2d(features, net.last.weight, net.last.bias, padding=1)
    assert torch.allclose(net(x), expected, atol=1e-6)


def test_a_block_adds_a_fifth_of_what_it_found() -> None:
    net = model()
    dense = net.body[0][0]
    x = torch.rand(1, 8, 4, 4, generator=torch.Generator().manual_seed(4))
    seen = x
    for number, layer in enumerate(dense):
        result = conv2d(seen, layer.weight, layer.bias, padding=1)
        seen = torch.cat([seen, leaky_relu(result, 0.2)], 1) if number < 4 else result
    assert torch.allclose(dense(x), x + 0.2 * seen, atol=1e-6)


@pytest.mark.parametrize("change", ["extra", "shape", "missing"])
def test_another_architecture_is_not_taken_for_it(change: str) -> None:
    weights = named(model().state_dict(), "third")
    match change:
        case "extra":
            weights["attention.weight"] = torch.ones(1)
        case "shape":
            weights["conv_hr.weight"] = torch.ones(8, 8, 1, 1)
        case _:
            del weights["conv_last.bias"]
    assert esrgan_of(weights) is None


def test_an_architecture_of_the_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramc.runtime.models.upscaler.LIBRARY", "no_such_library")
    torch.save({"layers.0.weight": torch.ones(1)}, tmp_path / "up.pth")
    with pytest.raises(ModelError) as caught:
        load_upscaler(tmp_path / "up.pth")
    assert caught.value.diagnostics[0].code == "PC535"
