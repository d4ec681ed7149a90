"""ESRGAN (Wang et al. 2018): residual-in-residual dense blocks, then nearest-neighbour doubling."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pad, pixel_unshuffle

RESIDUAL: Final = 0.2  # share of a block that is added to what went in
MULTIPLE: Final = 4  # to which the sides of a picture are filled up before it is gathered, as spandrel does
SLOPE: Final = 0.2  # of the activation below zero
DENSE: Final = re.compile(
    r"(?:model\.1\.sub|RRDB_trunk|body)\.(\d+)\.(?:RDB|rdb)([123])\.conv([1-5])(?:\.0)?\.(weight|bias)"
)
SINGLE: Final = {  # the first and the second published layout of a single file by names
    "conv_first": "first", "trunk_conv": "trunk", "conv_body": "trunk", "HRconv": "detail", "conv_hr": "detail",
    "conv_last": "last", "upconv1": "up.0", "upconv2": "up.1", "conv_up1": "up.0", "conv_up2": "up.1",
}  # fmt: skip


class Dense(nn.ModuleList):
    """Five convolutions, each of which sees everything before it."""

    def __init__(self, features: int, growth: int) -> None:
        widths = [growth] * 4 + [features]
        super().__init__(
            nn.Conv2d(features + growth * number, width, 3, padding=1) for number, width in enumerate(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features, (batch, features, height, width)."""
        seen = [x]
        for number, convolution in enumerate(self):
            result = convolution(torch.cat(seen, 1))
            seen.append(result if number == 4 else leaky_relu(result, SLOPE))
        return seen[-1] * RESIDUAL + x


class Block(nn.ModuleList):
    """Three dense blocks around which their input is added once more."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__(Dense(features, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Features, (batch, features, height, width)."""
        result = x
        for dense in self:
            result = dense(result)
        return result * RESIDUAL + x


class Esrgan(nn.Module):
    """`shuffle`: cells of the picture, along one side, that go into one cell of the features."""

    def __init__(self, *, features: int, growth: int, blocks: int, doublings: int, shuffle: int) -> None:
        super().__init__()
        self.scale = 2**doublings // shuffle
        self._shuffle = shuffle
        self.first = nn.Conv2d(3 * shuffle**2, features, 3, padding=1)
        self.body = nn.Sequential(*(Block(features, growth) for _ in range(blocks)))
        self.trunk = nn.Conv2d(features, features, 3, padding=1)
        self.up = nn.ModuleList(nn.Conv2d(features, features, 3, padding=1) for _ in range(doublings))
        self.detail = nn.Conv2d(features, features, 3, padding=1)
        self.last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """(batch, 3, height, width) in [0, 1] to the same, `scale` times as large."""
        height, width = picture.shape[-2:]
        x = self.first(self._gathered(picture))
        x = x + self.trunk(self.body(x))
        for convolution in self.up:
            x = leaky_relu(convolution(interpolate(x, scale_factor=2.0, mode="nearest")), SLOPE)
        result: Tensor = self.last(leaky_relu(self.detail(x), SLOPE))
        return result[..., : height * self.scale, : width * self.scale]

    def _gathered(self, picture: Tensor) -> Tensor:
        if self._shuffle == 1:
            return picture
        height, width = picture.shape[-2:]
        whole = pad(picture, (0, -width % MULTIPLE, 0, -height % MULTIPLE), "reflect")
        return pixel_unshuffle(whole, self._shuffle)


def esrgan_of(tensors: Mapping[str, Tensor]) -> Esrgan | None:
    """The model of these weights, or None where they are of another architecture."""
    weights = dict(_renamed(tensors))
    if len(weights) != len(tensors) or not {"first.weight", "trunk.weight", "last.weight"} <= weights.keys():
        return None
    features, inputs = weights["first.weight"].shape[:2]
    with torch.device("meta"):
        model = Esrgan(
            features=features,
            growth=weights["body.0.0.0.weight"].shape[0] if "body.0.0.0.weight" in weights else 1,
            blocks=len({name.split(".")[1] for name in weights if name.startswith("body.")}),
            doublings=len({name.split(".")[1] for name in weights if name.startswith("up.")}),
            shuffle={3: 1, 12: 2, 48: 4}.get(inputs, 0) or 1,
        )
    if {name: tensor.shape for name, tensor in model.state_dict().items()} != _shapes(weights):
        return None
    model.load_state_dict(weights, assign=True)
    return model


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in weights.items()}


def _renamed(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    numbered = _numbered(tensors)
    for name, tensor in tensors.items():
        dense = DENSE.fullmatch(name)
        module, _, leaf = name.rpartition(".")
        if dense:
            block, part, convolution, kind = dense.groups()
            yield f"body.{block}.{int(part) - 1}.{int(convolution) - 1}.{kind}", tensor
        elif module in SINGLE or module in numbered:
            yield f"{SINGLE.get(module) or numbered[module]}.{leaf}", tensor


def _numbered(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Modules of the oldest layout, which only has numbers: first, blocks, trunk, doublings, detail, last."""
    modules = {name.rpartition(".")[0] for name in tensors}
    trunk = [name for name in modules if re.fullmatch(r"model\.1\.sub\.\d+", name)]
    outer = sorted((name for name in modules if re.fullmatch(r"model\.\d+", name)), key=lambda name: int(name[6:]))
    if len(trunk) != 1 or len(outer) < 3:
        return {}
    first, *ups, detail, last = outer
    doublings = {module: f"up.{number}" for number, module in enumerate(ups)}
    return {first: "first", trunk[0]: "trunk", **doublings, detail: "detail", last: "last"}
