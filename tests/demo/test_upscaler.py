"""The demo upscaler makes pictures twice as large, nearer to the larger scene than resampling does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from paramc.cli import main
from paramc.runtime.demo.autoencoder import pixels
from paramc.runtime.demo.scenes import Scene, draw
from paramc.runtime.demo.shipped import SIDE, UPSCALER, shipped
from paramc.runtime.demo.upscaler import new_upscaler, shrunk, write_upscaler
from paramc.runtime.models.upscaler import load_upscaler
from tests.demo.painting import SETTINGS, unseen

pytestmark = pytest.mark.sdk

COUNT = 40  # scenes
HIRES = "Denoising strength: 0.3, Hires upscale: 2, Hires upscaler: demo-2x, Version"


def decibels(picture: Image.Image, scene: Scene) -> float:
    """The ratio of signal to noise of a picture that is to be the scene."""
    wanted = np.asarray(draw(scene, 2 * SIDE), dtype=np.float64)
    error = float(((np.asarray(picture, dtype=np.float64) - wanted) ** 2).mean())
    return float(10 * np.log10(255**2 / error))


def enlarged(picture: Image.Image) -> Image.Image:
    model = load_upscaler(shipped(UPSCALER))
    numbers = model((pixels([picture]) + 1) / 2)[0].clamp(0, 1).permute(1, 2, 0)
    return Image.fromarray((numbers * 255).round().to(torch.uint8).numpy())


def test_unseen_scenes_come_nearer_to_their_larger_pictures_than_by_lanczos() -> None:
    gains = [
        decibels(enlarged(small), scene) - decibels(small.resize((2 * SIDE, 2 * SIDE), Image.Resampling.LANCZOS), scene)
        for scene in unseen(COUNT)
        for small in (shrunk(draw(scene, 2 * SIDE)),)
    ]
    assert float(np.mean(gains)) > 0.5
    assert float(np.mean(np.array(gains) > 0)) > 0.7


def test_settings_name_it_as_their_upscaler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    text = SETTINGS.format(prompt="red heart", negative="", steps=4, sampler="Euler", cfg=5, seed=3)
    out = f"{tmp_path}/"
    assert main(["run", text.replace("Version", HIRES), "--model", "demo", "--device", "cpu", "-o", out]) == 0
    (file,) = tmp_path.glob("*.png")
    with Image.open(file) as picture:
        assert picture.size == (2 * SIDE, 2 * SIDE)


def test_a_file_that_was_written_is_read_as_the_same_net(tmp_path: Path) -> None:
    model = new_upscaler().eval()
    path = tmp_path / "new.safetensors"
    write_upscaler(path, model)
    picture = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        expected = model.half().float()(picture)
    assert torch.equal(load_upscaler(path)(picture), expected)
