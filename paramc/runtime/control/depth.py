"""Depth of a picture by models of the user's: Depth Anything and DPT (MiDaS), in a folder or in one file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
)

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header, Json
from paramc.runtime.control.filters import WHITE, Pixels
from paramc.runtime.control.words import depth_rows, lists
from paramc.runtime.models.architectures import Architecture, places
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.fitting import SETTINGS, fitting, require_bounds
from paramc.runtime.models.folder import read_config
from paramc.runtime.models.names import Place
from paramc.runtime.models.shapes import HEAD, Shapes
from paramc.runtime.models.tensors import open_tensors

DepthModel: TypeAlias = DepthAnythingForDepthEstimation | DPTForDepthEstimation
CONFIG: Final = "config.json"
PREPARATION: Final = "preprocessor_config.json"
ORIGINAL: Final = "pretrained.cls_token"  # what only files of the authors of Depth Anything have
PATCH: Final = 14  # pixels of a side that their models take together
EVENLY: Final = {12: (3, 6, 9, 12), 24: (5, 12, 18, 24), 40: (10, 20, 30, 40)}  # layers that version 2 looks at
STAGES: Final = 4
SECOND: Final = "v2"  # in the name of a file or its folder


class Preparation(NamedTuple):
    """How a model was trained to see pictures: size in pixels, and what sides are multiples of."""

    width: int
    height: int
    keeps_shape: bool
    multiple: int
    mean: tuple[float, ...]
    spread: tuple[float, ...]


LIKE_DINO: Final = Preparation(518, 518, True, PATCH, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LIKE_DPT: Final = Preparation(384, 384, False, 1, (0.5,) * 3, (0.5,) * 3)


@dataclass(frozen=True, slots=True, eq=False)
class DepthEstimator:
    """A model that tells how near things are; is_metric: it tells metres, which grow with the distance."""

    path: Path
    model: DepthModel
    preparation: Preparation
    is_metric: bool = False

    def __call__(self, pixels: Pixels) -> Pixels:
        """The picture's depth, near things white, (height, width, 3). Raises ModelError (PC521) for a damaged model."""
        x = prepared(pixels, self.preparation).to(self.model.device, self.model.dtype)
        with fitting(self.path.parent / CONFIG, SETTINGS):
            found = self._depth(x)
        if self.is_metric:
            found = -found
        depth = interpolate(found[None], pixels.shape[:2], mode="bicubic", align_corners=False)[0, 0]
        depth -= depth.min()
        grey = (depth / depth.max().clamp(min=torch.finfo(depth.dtype).tiny) * WHITE).cpu().numpy().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)

    def _depth(self, x: Tensor) -> Tensor:
        with torch.inference_mode():
            found = cast(Tensor, self.model(x).predicted_depth).float()
        if not bool(torch.isfinite(found).all()):
            raise ValueError("depths that are no numbers")
        return found


def choose_depth(preprocessor: str, files: Sequence[tuple[Path, str]]) -> Path | None:
    """The first of the files, each with its family, that a preprocessor asks for; None where there is none."""
    row = depth_rows()[preprocessor.lower()]
    return next((path for path, family in files if family == row.family and _is_second(path) == row.second), None)


def _is_second(path: Path) -> bool:
    """Whether a model is version 2 of its kind, which its name alone tells."""
    return any(SECOND in part.lower() for part in path.parts[-3:])


def load_depth(path: Path, *, dtype: torch.dtype, device: str) -> DepthEstimator:
    """The model of a file. Raises ModelError for one that lacks a part, or is another kind than it says."""
    with open_tensors(path) as file:
        original = ORIGINAL in file.header.tensors
        settings = {} if original else read_config(path.parent)
        with torch.device("meta"):
            model = _empty(file.header, settings)
        blueprint = Blueprint("depth model", model, _places(file.header, model), dtype)
        fill([blueprint], file)
        blueprint.finish(path, device)
    usual = LIKE_DINO if isinstance(model, DepthAnythingForDepthEstimation) else LIKE_DPT
    is_told = not original and (path.parent / PREPARATION).is_file()
    preparation = _preparation(read_config(path.parent, PREPARATION), usual) if is_told else usual
    return DepthEstimator(path, model, preparation, settings.get("depth_estimation_type") == "metric")


def _empty(header: Header, settings: dict[str, Json]) -> DepthModel:
    """A model without weights. Raises ModelError (PC521) where its configuration is none of a model that is known."""
    if not settings:
        with fitting(header.path):
            return DepthAnythingForDepthEstimation(_config(header))
    kind = settings.get("model_type")
    with fitting(header.path.parent / CONFIG, SETTINGS):
        require_bounds(settings, len(header.tensors))
        if kind == "depth_anything":
            return DepthAnythingForDepthEstimation(DepthAnythingConfig.from_dict(settings))
        if kind == "dpt":
            return DPTForDepthEstimation(DPTConfig.from_dict(settings))
    raise ModelError(diagnose("PC521", file=header.path.parent / CONFIG, reason=f"`{kind}` is no depth model"))


def _config(header: Header) -> DepthAnythingConfig:
    """The settings of a model of the authors, by its shapes; which layers it looks at is a matter of the version."""
    shapes = Shapes({name: info.shape for name, info in header.tensors.items()})
    width, layers = shapes.size(ORIGINAL, 2), shapes.count("pretrained.blocks.{}.norm1.weight")
    last = tuple(range(layers - STAGES + 1, layers + 1))
    stages = EVENLY.get(layers, last) if _is_second(header.path) else last
    backbone = {
        "model_type": "dinov2",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // HEAD),
        "mlp_ratio": shapes.size("pretrained.blocks.0.mlp.fc1.weight") // max(width, 1),
        "image_size": round(max(shapes.size("pretrained.pos_embed", 1) - 1, 0) ** 0.5) * PATCH,
        "patch_size": PATCH,
        "out_features": [f"stage{stage}" for stage in stages],
        "reshape_hidden_states": False,
    }
    return DepthAnythingConfig(
        backbone_config=Dinov2Config.from_dict(backbone),
        reassemble_hidden_size=width,
        neck_hidden_sizes=[shapes.size(f"depth_head.projects.{stage}.weight") for stage in range(STAGES)],
        fusion_hidden_size=shapes.size("depth_head.scratch.layer1_rn.weight"),
        head_hidden_size=shapes.size("depth_head.scratch.output_conv2.0.weight"),
    )


def _places(header: Header, model: DepthModel) -> dict[str, tuple[Place, ...]]:
    """Where each tensor of the file goes."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    row = Architecture("", "", "", (), names=lists("depth_modules"))
    found = {
        name: (Place(name),) if name in wanted else tuple(places(row, _lambda(name), wanted, frozenset()))
        for name in header.tensors
    }
    return {name: place for name, place in found.items() if place}


def _lambda(name: str) -> str:
    """The name with transformers' word for the factor of a layer."""
    return name.removesuffix("gamma") + "lambda1" if name.endswith(".gamma") else name


def _preparation(settings: dict[str, Json], usual: Preparation) -> Preparation:
    size = settings.get("size")
    sides = size if isinstance(size, dict) else {"height": size, "width": size}
    return Preparation(
        _whole(sides.get("width"), usual.width),
        _whole(sides.get("height"), usual.height),
        bool(settings.get("keep_aspect_ratio", usual.keeps_shape)),
        _whole(settings.get("ensure_multiple_of"), usual.multiple),
        _three(settings.get("image_mean"), usual.mean),
        _three(settings.get("image_std"), usual.spread),
    )


def _whole(value: Json, usual: int) -> int:
    return value if isinstance(value, int) and value > 0 else usual


def _three(value: Json, usual: tuple[float, ...]) -> tuple[float, ...]:
    numbers = [float(each) for each in value if isinstance(each, int | float)] if isinstance(value, list) else []
    return tuple(numbers) if len(numbers) == len(usual) and all(numbers) else usual


def prepared(pixels: Pixels, how: Preparation) -> Tensor:
    """The picture as the model wants it, (1, 3, height, width)."""
    height, width = pixels.shape[:2]
    across, down = how.width / width, how.height / height
    if how.keeps_shape:  # by the factor that changes the picture least
        across = down = across if abs(1 - across) < abs(1 - down) else down
    size = (_multiple(across * width, how.multiple), _multiple(down * height, how.multiple))
    values = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC), dtype=np.float32) / WHITE
    mean, spread = (np.array(each, np.float32) for each in (how.mean, how.spread))
    return torch.from_numpy((values - mean) / spread).permute(2, 0, 1)[None]


def _multiple(side: float, of: int) -> int:
    return max(round(side / of), 1) * of
