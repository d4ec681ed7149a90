"""Models that take more than a latent: a tiny one of each paints what a loop over diffusers' own parts gives."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.flux.pipeline_flux_fill import FluxFillPipeline
from diffusers.pipelines.flux.pipeline_flux_kontext import PREFERRED_KONTEXT_RESOLUTIONS, FluxKontextPipeline
from PIL import Image
from torch import Tensor

import paramc
from paramc.diagnostics.model import RunError
from paramc.ir.assets import ImageRef
from paramc.ir.control import Reference
from paramc.ir.stages import ImageToImage, Inpaint
from paramc.runtime.execute import further
from paramc.runtime.execute.runner import Runner
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_execute.families import flux_file, sdxl_file
from tests.unit.runtime_execute.test_families import (
    A1111,
    BAR,
    FORGE,
    SEED,
    STEPS,
    deviation,
    encoded_flux,
    encoded_sdxl,
    noise,
    simple,
)
from tests.unit.runtime_execute.tiny import write_tiny_model

pytestmark = pytest.mark.sdk

MU = 1.15
FLUX = "Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 2.5"
UNETS = "Sampler: Euler, Schedule type: Uniform, CFG scale: 5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("further")
    flux_file(folder / "flux-tiny-fill.safetensors", inputs=384)
    flux_file(folder / "flux-tiny-canny.safetensors", inputs=128)
    flux_file(folder / "flux-tiny-kontext.safetensors")
    sdxl_file(folder / "tiny-sdxl-inpainting.safetensors", inputs=9)
    write_tiny_model(folder / "tiny-pix2pix.safetensors", channels=8)
    rows, columns = np.mgrid[0:64, 0:64]
    values = np.stack([rows * 4, columns * 4, (rows * columns) % 256], axis=2).astype(np.uint8)
    Image.fromarray(values).save(folder / "picture.png")
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 8, 48, 40))
    mask.save(folder / "mask.png")
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        return Runner([folder], device="cpu", rng="cpu")


def painted(
    runner: Runner, model: str, settings: str, task: ImageToImage | Inpaint | None, version: str, **changed: object
) -> Recorder:
    text = (
        f"a cat\nNegative prompt: dog\nSteps: {STEPS}, {settings}, Seed: {SEED}, Size: 64x64, Model: {model}, RNG: CPU"
    )
    job = paramc.parse(f"{text}, {version}")
    seen = Recorder()
    runner.shelf.leftover = None  # what a job of Forge leaves behind, and the next one encodes pictures with
    runner.run(job.model_copy(update=changed | ({} if task is None else {"task": task})), seen)
    return seen


def pixels(folder: Path) -> Tensor:
    values = np.asarray(Image.open(folder / "picture.png").convert("RGB"), dtype=np.float32)
    return torch.from_numpy(values).permute(2, 0, 1)[None] / 127.5 - 1


def mask(folder: Path) -> Tensor:
    values = np.asarray(Image.open(folder / "mask.png"), dtype=np.float32)
    return torch.from_numpy(values)[None, None] / 255


def encoded(model: Checkpoint, picture: Tensor) -> Tensor:
    """The likeliest latent, as the diffusion model knows it."""
    mode = model.vae.encode(picture).latent_dist.mode()
    return (mode - (model.vae.config.shift_factor or 0)) * model.vae.config.scaling_factor


def sigmas() -> list[float]:
    return [*simple(lambda time: np.exp(MU) / (np.exp(MU) + 1 / time - 1), 10000), 0.0]


def packed(x: Tensor) -> Tensor:
    return FluxFillPipeline._pack_latents(x, *x.shape)


@torch.no_grad()
def flux_loop(
    model: Checkpoint, more: Tensor | None, tokens: Tensor | None, before: Callable[[Tensor, float], Tensor]
) -> Tensor:
    """Euler's method; `more` and `tokens` are laid beside and behind the patches, `before` acts on x at each call."""
    transformer = model.unet
    assert isinstance(transformer, FluxTransformer2DModel)
    words, pooled = encoded_flux(model, "a cat")
    places = FluxKontextPipeline._prepare_latent_image_ids(1, 4, 4, "cpu", torch.float32)
    if tokens is not None:
        side = int(tokens.shape[1] ** 0.5)
        further_places = FluxKontextPipeline._prepare_latent_image_ids(1, side, side, "cpu", torch.float32)
        further_places[..., 0] = 1
        places = torch.cat([places, further_places])
    x, levels = noise(16), sigmas()
    for sigma, after in pairwise(levels):
        at = before(x, sigma)
        patches = packed(at) if more is None else torch.cat([packed(at), more], dim=2)
        patches = patches if tokens is None else torch.cat([patches, tokens], dim=1)
        found = transformer(
            patches, words, pooled, torch.tensor([sigma]), places, torch.zeros(words.shape[1], 3), torch.tensor([2.5])
        ).sample[:, :16]
        flow = FluxFillPipeline._unpack_latents(found, 64, 64, 8)
        clean = at - sigma * flow
        x = x + (x - clean) / sigma * (after - sigma)
    return x


def as_it_is(x: Tensor, sigma: float) -> Tensor:
    return x


@torch.no_grad()
def test_flux_fill_takes_the_masked_picture_and_the_pixels_of_the_mask(runner: Runner, folder: Path) -> None:
    model = load_checkpoint(folder / "flux-tiny-fill.safetensors")
    assert model.family == "flux-fill"
    share = mask(folder)
    known, whole = (encoded(model, picture) for picture in (pixels(folder) * (1 - share), pixels(folder)))
    cells = share[:, 0].view(1, 8, 8, 8, 8).permute(0, 2, 4, 1, 3).reshape(1, 64, 8, 8)  # of FluxFillPipeline
    more = torch.cat([packed(known), packed(cells)], dim=2)
    stream = torch.Generator().manual_seed((SEED + 100000) % 65536)
    small = torch.nn.functional.interpolate(share, size=(8, 8))

    def renoised(x: Tensor, sigma: float) -> Tensor:
        back = (1 - sigma) * whole + sigma * torch.randn(x.shape, generator=stream)
        return x * small + back * (1 - small)

    loop = flux_loop(model, more, None, renoised)
    files = {"init": ImageRef(path=str(folder / "picture.png")), "mask": ImageRef(path=str(folder / "mask.png"))}
    task = Inpaint(**files, strength=1.0, mask_blur=0, fill="original", area="whole")
    found = painted(runner, "flux-tiny-fill", FLUX, task, FORGE).latents[-1]
    assert deviation(found, loop * small + whole * (1 - small)) <= BAR


def test_flux_fill_without_a_mask_paints_the_whole_picture(runner: Runner, folder: Path) -> None:
    model = load_checkpoint(folder / "flux-tiny-fill.safetensors")
    with torch.no_grad():
        grey = encoded(model, torch.zeros(1, 3, 64, 64))
        more = torch.cat([packed(grey), torch.ones(1, 16, 256)], dim=2)
        found = painted(runner, "flux-tiny-fill", FLUX, None, FORGE).latents[-1]
        assert deviation(found, flux_loop(model, more, None, as_it_is)) <= BAR


def test_flux_canny_paints_after_the_lines_beside_its_latent(runner: Runner, folder: Path) -> None:
    model = load_checkpoint(folder / "flux-tiny-canny.safetensors")
    assert model.family == "flux-control"
    task = ImageToImage(init=ImageRef(path=str(folder / "picture.png")), strength=1.0)
    with torch.no_grad():
        more = packed(encoded(model, pixels(folder)))
        found = painted(runner, "flux-tiny-canny", FLUX, task, FORGE).latents[-1]
        assert deviation(found, flux_loop(model, more, None, as_it_is)) <= BAR


def test_a_model_that_paints_after_a_picture_asks_for_one(runner: Runner) -> None:
    with pytest.raises(RunError) as caught:
        painted(runner, "flux-tiny-canny", FLUX, None, FORGE)
    assert caught.value.diagnostics[0].code == "PC592"


@pytest.mark.parametrize("starts", [True, False])
def test_flux_kontext_looks_at_the_picture_behind_its_patches(
    runner: Runner, folder: Path, monkeypatch: pytest.MonkeyPatch, *, starts: bool
) -> None:
    monkeypatch.setattr(further, "REFERRED", ((96, 96), (128, 64)))
    model = load_checkpoint(folder / "flux-tiny-kontext.safetensors")
    picture = Image.open(folder / "picture.png").convert("RGB").resize((96, 96), Image.Resampling.LANCZOS)
    shown = torch.from_numpy(np.asarray(picture, dtype=np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    file = ImageRef(path=str(folder / "picture.png"))
    task = ImageToImage(init=file, strength=1.0) if starts else None
    second = Reference(unit=2, image=ImageRef(path=str(folder / "nowhere.png")))
    looked_at = () if starts else (second, Reference(image=file))
    with torch.no_grad():
        tokens = packed(encoded(model, shown))
        found = painted(runner, "flux-tiny-kontext", FLUX, task, FORGE, patches=looked_at).latents[-1]
        assert deviation(found, flux_loop(model, None, tokens, as_it_is)) <= BAR


def test_kontext_looks_at_pictures_in_the_sizes_of_its_authors() -> None:
    assert set(further.REFERRED) == set(PREFERRED_KONTEXT_RESOLUTIONS)


@torch.no_grad()
def unet_loop(seen: Recorder, predicted: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """Euler's method from where the run began; `predicted` gives the guided noise of scaled latents."""
    x, levels = seen.entering[0], [*seen.levels, 0.0]
    times = seen.timesteps[:: len(seen.timesteps) // len(seen.levels)]
    for step, sigma in enumerate(levels[:-1]):
        clean = x - sigma * predicted(x / (sigma**2 + 1) ** 0.5, torch.tensor(times[step][:1]), x)
        x = x + (x - clean) / sigma * (levels[step + 1] - sigma)
    return x


def test_an_inpainting_model_of_sdxl_takes_the_mask_and_the_masked_picture(runner: Runner, folder: Path) -> None:
    model = load_checkpoint(folder / "tiny-sdxl-inpainting.safetensors")
    assert model.family == "sdxl-inpaint"
    unet = model.unet
    assert isinstance(unet, UNet2DConditionModel)
    with torch.no_grad():
        share = torch.ones(1, 1, 8, 8)
        more = torch.cat([share, encoded(model, torch.zeros(1, 3, 64, 64))], dim=1)
        sides = [encoded_sdxl(model, text) for text in ("a cat", "dog")]
        sizes = torch.tensor([[64.0, 64.0, 0.0, 0.0, 64.0, 64.0]])

        def predicted(x: Tensor, time: Tensor, _: Tensor) -> Tensor:
            wanted, unwanted = (
                unet(
                    torch.cat([x, more], dim=1), time, tokens,
                    added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes},
                ).sample
                for tokens, pooled in sides
            )  # fmt: skip
            return unwanted + 5 * (wanted - unwanted)

        seen = painted(runner, "tiny-sdxl-inpainting", UNETS, None, A1111)
        assert deviation(seen.latents[-1], unet_loop(seen, predicted)) <= BAR


@pytest.mark.parametrize("image_scale", [1.0, 1.5])
def test_a_model_that_follows_instructions_is_guided_by_picture_and_text(
    runner: Runner, folder: Path, image_scale: float
) -> None:
    model = load_checkpoint(folder / "tiny-pix2pix.safetensors")
    assert model.family == "sd1-edit"
    unet = model.unet
    assert isinstance(unet, UNet2DConditionModel)
    task = ImageToImage(init=ImageRef(path=str(folder / "picture.png")), strength=1.0)
    seen = painted(runner, "tiny-pix2pix", f"{UNETS}, Image CFG scale: {image_scale}", task, A1111)
    with torch.no_grad():
        shown = model.vae.encode(pixels(folder)).latent_dist.mode()
        wanted, unwanted = seen.tokens[0][:1], seen.tokens[0][1:2]

        def predicted(x: Tensor, time: Tensor, _: Tensor) -> Tensor:
            text, image, nothing = (
                unet(torch.cat([x, picture], dim=1), time, tokens).sample
                for tokens, picture in ((wanted, shown), (unwanted, shown), (unwanted, torch.zeros_like(shown)))
            )
            return nothing + 5 * (text - image) + image_scale * (image - nothing)  # of StableDiffusionInstructPix2Pix

        expected = unet_loop(seen, predicted)
    assert deviation(seen.latents[-1], expected) <= BAR
