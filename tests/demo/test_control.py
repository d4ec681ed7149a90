"""The demo ControlNet paints along edges, whatever the caption says of shapes."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from PIL import Image

import paramc
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.control.nets import load_net, require_width
from paramc.runtime.demo.control import edge_picture
from paramc.runtime.demo.scenes import Scene, draw
from paramc.runtime.demo.shipped import CONTROL, SIDE, shipped
from tests.demo.geometry import Mask, foreground
from tests.demo.painting import SETTINGS, paint, runner, unseen

pytestmark = pytest.mark.sdk

NEUTRAL = "red shape, white background"
OTHER = "large blue circle, yellow background"
UNIT = (
    ', ControlNet 0: "Module: {module}, Model: demo-edges, Weight: 1, Resize Mode: Crop and Resize, '
    'Guidance Start: 0, Guidance End: 1, Pixel Perfect: True, Control Mode: Balanced", Version'
)
FEW, ALL = 4, 40  # scenes
STEPS = 12


def edged() -> list[Scene]:
    """Unseen scenes whose edges are those of their shapes alone."""
    return unseen(ALL, accept=lambda scene: scene.texture == "plain" and scene.size != "small")


def mask(picture: Image.Image) -> Mask:
    return foreground(np.asarray(picture, dtype=np.float64))


def overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def steered(scene: Scene, folder: Path, *, prompt: str, seed: int, module: str) -> Image.Image:
    """The picture of a prompt beside the edges of a scene, or beside the scene with a preprocessor that finds them."""
    file = folder / "control.png"
    (edge_picture(draw(scene), SIDE) if module == "none" else draw(scene)).save(file)
    text = SETTINGS.format(prompt=prompt, negative="", steps=STEPS, sampler="DPM++ 2M", cfg=5, seed=seed)
    job = paramc.parse(text.replace(", Version", UNIT.format(module=module)))
    (image,) = runner().run(job.replace({"controls.controlnet[0].image.path": str(file)})).images
    return image


@cache
def free(prompt: str, seed: int) -> Image.Image:
    return paint(prompt, seed=seed, steps=STEPS)


def followed(folder: Path, count: int, *, prompt: str, module: str = "none") -> tuple[float, float]:
    """How far painted shapes cover those of scenes, 0 to 1: without their edges, and with them."""
    scenes = edged()[:count]
    without = [overlap(mask(draw(scene)), mask(free(prompt, seed))) for seed, scene in enumerate(scenes)]
    painted = [steered(scene, folder, prompt=prompt, seed=seed, module=module) for seed, scene in enumerate(scenes)]
    beside = [overlap(mask(draw(scene)), mask(picture)) for scene, picture in zip(scenes, painted, strict=True)]
    return sum(without) / count, sum(beside) / count


@pytest.mark.parametrize("module", ["none", "canny"])
def test_a_neutral_caption_is_painted_along_the_edges(tmp_path: Path, module: str) -> None:
    without, beside = followed(tmp_path, FEW, prompt=NEUTRAL, module=module)
    assert beside > 0.6
    assert beside > 1.5 * without


@pytest.mark.slow
@pytest.mark.parametrize("prompt", [NEUTRAL, OTHER])
def test_edges_are_followed_whatever_the_caption_says(tmp_path: Path, prompt: str) -> None:
    without, beside = followed(tmp_path, ALL, prompt=prompt)
    assert beside > 1.5 * without, (without, beside)


def test_a_net_of_another_width_is_refused(tmp_path: Path) -> None:
    net = load_net(shipped(CONTROL), "sd1", dtype=torch.float32, device="cpu")
    assert isinstance(net, ControlNetModel)
    wider = UNet2DConditionModel(block_out_channels=(32,) * 4, layers_per_block=1, cross_attention_dim=8)
    with pytest.raises(ModelError) as raised:
        require_width(tmp_path / "net.safetensors", net, wider)
    assert [item.code for item in raised.value.diagnostics] == ["PC587"]
