"""Several passes of a graph beside loops written by hand: levels, noise, guidance and what happens between the passes."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

import paramc
from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.stages import Further
from paramc.runtime.execute.runner import Runner
from paramc.runtime.models.checkpoint import Checkpoint
from tests.conformance.e2e.recorder import Recorder
from tests.unit.dialects.graph.drawings import Drawing, node
from tests.unit.runtime_models.test_upscaler import model as upscaling
from tests.unit.runtime_models.test_upscaler import named

TOLERANCE = 1e-6  # of the largest number of a latent, float32
SCALING = 0.18215
STEPS, CFG, SEED = 4, 5.0, 7


@pytest.fixture(scope="module")
def painter(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("upscalers")
    torch.save(named(upscaling(doublings=1).state_dict(), "third"), folder / "2x-tiny.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        yield Runner([models, folder], device="cpu", rng="cpu")


@pytest.mark.parametrize(
    ("upscaler", "size"), [("latent:bilinear", (128, 0)), ("image:lanczos", (0, 144)), ("model:2x-tiny", (0, 128))]
)
def test_one_side_follows_from_a_picture_whose_size_is_its_own(
    painter: Runner, tmp_path: Path, upscaler: str, size: tuple[int, int]
) -> None:
    Image.new("RGB", (64, 96), "red").save(tmp_path / "own.png")
    drawn = graph(
        loaded=node("LoadImage", image=str(tmp_path / "own.png")),
        inner=node("VAEEncode", pixels=("loaded", 0), vae=("file", 2)),
        first=sampler(latent_image=("inner", 0), denoise=0.5),
        decoded=node("VAEDecode", samples=("first", 0), vae=("file", 2)),
    )
    job = paramc.parse(json.dumps(drawn)).replace({"task.init.path": str(tmp_path / "own.png")})
    assert job.size is None
    asked = job.model_copy(update={"stages": (Further(upscaler=upscaler, size=Size(*size), strength=0.5),)})
    width, height = size
    expected = (width or height * 64 // 96, height or width * 96 // 64)
    assert painter.run(asked).images[0].size == tuple(side // 8 * 8 for side in expected)


def graph(**more: dict[str, Any]) -> Drawing:
    return {
        "file": node("CheckpointLoaderSimple", ckpt_name="tiny.safetensors"),
        "good": node("CLIPTextEncode", text="a cat", clip=("file", 1)),
        "bad": node("CLIPTextEncode", text="dog", clip=("file", 1)),
        "empty": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "first": sampler(latent_image=("empty", 0)),
        **more,
        "saved": node("SaveImage", images=("decoded", 0), filename_prefix="x"),
    }


def sampler(kind: str = "KSampler", **changed: object) -> dict[str, Any]:
    usual: dict[str, object] = {
        "steps": STEPS, "cfg": CFG, "sampler_name": "euler", "scheduler": "karras", "model": ("file", 0),
        "positive": ("good", 0), "negative": ("bad", 0), "noise_seed" if kind != "KSampler" else "seed": SEED,
    }  # fmt: skip
    own: dict[str, object] = {"denoise": 1.0}
    if kind != "KSampler":
        own = {
            "add_noise": "enable", "start_at_step": 0, "end_at_step": 10000, "return_with_leftover_noise": "disable",
        }  # fmt: skip
    return node(kind, **(usual | own | changed))


def decode(source: str, model: str = "file") -> dict[str, Any]:
    return node("VAEDecode", samples=(source, 0), vae=(model, 2))


def painted(runner: Runner, drawing: Drawing) -> tuple[Job, Tensor]:
    """The Job of a graph, and its last latent."""
    job, seen = paramc.parse(json.dumps(drawing)), Recorder()
    runner.run(job, seen)
    return job, seen.latents[-1]


class Hand:
    """ComfyUI's passes with Euler's method, written down from its description."""

    def __init__(self, runner: Runner, name: str = "tiny") -> None:
        self.model: Checkpoint = runner.shelf.weights(AssetRef(name=name)).checkpoint
        self.words = {text: self._encoded(runner, name, text) for text in ("a cat", "dog")}
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        alphas = (1 - betas).cumprod(0)
        self.table = ((1 - alphas) / alphas).sqrt().float()

    def _encoded(self, runner: Runner, name: str, text: str) -> Tensor:
        """The text as the network is given it where nothing is guided."""
        seen = Recorder()
        alone = graph(
            file=node("CheckpointLoaderSimple", ckpt_name=f"{name}.safetensors"),
            good=node("CLIPTextEncode", text=text, clip=("file", 1)),
            first=sampler(latent_image=("empty", 0), cfg=1.0, steps=1),
            decoded=decode("first"),
        )
        runner.run(paramc.parse(json.dumps(alone)), seen)
        return seen.tokens[0]

    def levels(self, steps: int) -> Tensor:
        low, high = float(self.table[0]) ** (1 / 7), float(self.table[-1]) ** (1 / 7)
        ramp = torch.linspace(0, 1, steps)
        return torch.cat([(high + ramp * (low - high)) ** 7, torch.zeros(1)])

    def noise(self, *shape: int, seed: int = SEED) -> Tensor:
        return torch.randn((1, 4, *shape), generator=torch.Generator().manual_seed(seed))

    def start(self, latent: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        from_the_top = bool(level >= self.table[-1] * (1 - 1e-5))
        return latent + noise * ((1 + level**2).sqrt() if from_the_top else level)

    @torch.no_grad()
    def walked(self, x: Tensor, levels: Tensor, cfg: float = CFG) -> Tensor:
        for level, after in pairwise(levels):
            time = (self.table.log() - level.log()).abs().argmin()
            words = torch.cat([self.words[text] for text in ("a cat", "dog")])
            seen = (x / (level**2 + 1).sqrt()).expand(2, -1, -1, -1)
            towards, against = (x - self.model.unet(seen, time.expand(2), words).sample * level).chunk(2)
            clean = against + cfg * (towards - against)
            x = x + (x - clean) / level * (after - level)
        return x

    @torch.no_grad()
    def seen(self, latent: Tensor) -> Tensor:
        return (self.model.vae.decode(latent / SCALING).sample / 2 + 0.5).clamp(0, 1)

    @torch.no_grad()
    def encoded(self, picture: Tensor) -> Tensor:
        return self.model.vae.encode(picture * 2 - 1).latent_dist.mode() * SCALING

    def first(self) -> Tensor:
        levels = self.levels(STEPS)
        return self.walked(self.start(torch.zeros(1, 4, 8, 8), self.noise(8, 8), levels[0]), levels)

    def again(self, latent: Tensor, share: float, seed: int = SEED) -> Tensor:
        levels = self.levels(int(STEPS / share))[-STEPS - 1 :]
        noise = self.noise(*latent.shape[2:], seed=seed)
        return self.walked(self.start(latent, noise, levels[0]), levels)


def assert_alike(found: Tensor, by_hand: Tensor) -> None:
    assert found.shape == by_hand.shape
    assert float((found - by_hand).abs().max()) <= TOLERANCE * float(by_hand.abs().max())


def test_two_passes_with_the_latent_enlarged_between_them(painter: Runner) -> None:
    drawing = graph(
        larger=node("LatentUpscaleBy", samples=("first", 0), upscale_method="bilinear", scale_by=1.5),
        second=sampler(latent_image=("larger", 0), denoise=0.5),
        decoded=decode("second"),
    )
    job, latent = painted(painter, drawing)
    hand = Hand(painter)
    assert job.hires is not None
    assert_alike(latent, hand.again(interpolate(hand.first(), size=(12, 12), mode="bilinear"), 0.5))


def test_a_factor_is_rounded_to_whole_cells(painter: Runner) -> None:
    drawing = graph(
        larger=node("LatentUpscaleBy", samples=("first", 0), upscale_method="nearest-exact", scale_by=1.45),
        second=sampler(latent_image=("larger", 0), denoise=0.5),
        decoded=decode("second"),
    )
    assert painted(painter, drawing)[1].shape[2:] == (12, 12)  # of 11.6; of pixels cut off 11 would be left


@pytest.mark.parametrize("share", [1.0, 1.5])
def test_two_passes_with_a_model_between_them(painter: Runner, share: float) -> None:
    """The picture goes through the model in its full numbers; what is behind the model resamples them."""
    drawing = graph(
        between=decode("first"),
        net=node("UpscaleModelLoader", model_name="2x-tiny.pth"),
        up=node("ImageUpscaleWithModel", image=("between", 0), upscale_model=("net", 0)),
        sized=node("ImageScaleBy", image=("up", 0), upscale_method="area", scale_by=share / 2),
        larger=node("VAEEncode", pixels=("sized" if share != 1 else "up", 0), vae=("file", 2)),
        second=sampler(latent_image=("larger", 0), denoise=0.5, seed=9),
        decoded=decode("second"),
    )
    hand = Hand(painter)
    with torch.no_grad():
        larger = upscaling(doublings=1)(hand.seen(hand.first())).clamp(0, 1)
    if share != 1:
        larger = interpolate(larger, size=(96, 96), mode="area")
    _, latent = painted(painter, drawing)
    assert_alike(latent, hand.again(hand.encoded(larger), 0.5, seed=9))


def test_a_third_pass_by_another_model_and_one_that_goes_on(painter: Runner) -> None:
    drawing = graph(
        larger=node("LatentUpscaleBy", samples=("first", 0), upscale_method="bilinear", scale_by=1.5),
        second=sampler(latent_image=("larger", 0), denoise=0.5),
        other=node("CheckpointLoaderSimple", ckpt_name="other.safetensors"),
        good2=node("CLIPTextEncode", text="a cat", clip=("other", 1)),
        bad2=node("CLIPTextEncode", text="dog", clip=("other", 1)),
        third=sampler(
            "KSamplerAdvanced", latent_image=("second", 0), model=("other", 0), positive=("good2", 0),
            negative=("bad2", 0), start_at_step=1, end_at_step=3, return_with_leftover_noise="enable", noise_seed=8,
        ),
        last=sampler(
            "KSamplerAdvanced", latent_image=("third", 0), model=("other", 0), positive=("good2", 0),
            negative=("bad2", 0), start_at_step=3, add_noise="disable", cfg=2.0,
        ),
        decoded=decode("last", "other"),
    )  # fmt: skip
    job, latent = painted(painter, drawing)
    hand, other = Hand(painter), Hand(painter, "other")
    x = hand.again(interpolate(hand.first(), size=(12, 12), mode="bilinear"), 0.5)
    levels = other.levels(STEPS)
    x = other.walked(other.start(x, other.noise(12, 12, seed=8), levels[1]), levels[1:4])
    assert [type(stage).__name__ for stage in job.stages] == ["Hires", "Further", "Further"]
    assert_alike(latent, other.walked(x, levels[3:], 2.0))


def test_a_second_pass_over_the_users_picture_is_painted(painter: Runner, tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    colours = np.stack([rows * 4, columns * 4, rows + columns], axis=2).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "init.png")
    drawing = graph(
        picture=node("LoadImage", image=str(tmp_path / "init.png")),
        start=node("VAEEncode", pixels=("picture", 0), vae=("file", 2)),
        first=sampler(latent_image=("start", 0), denoise=0.5),
        larger=node("LatentUpscaleBy", samples=("first", 0), upscale_method="bilinear", scale_by=1.5),
        second=sampler(latent_image=("larger", 0), denoise=0.8),
        decoded=decode("second"),
    )
    job, latent = painted(painter, drawing)
    hand = Hand(painter)
    start = hand.encoded(torch.from_numpy(colours).permute(2, 0, 1)[None].float() / 255)
    x = interpolate(hand.again(start, 0.5), size=(12, 12), mode="bilinear")
    assert job.stages == (Further(upscaler="latent:bilinear", scale=1.5, strength=0.8),)
    assert_alike(latent, hand.again(x, 0.8))
