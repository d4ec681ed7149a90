"""Every family in every layout that its models are published in, and every task with it."""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import paramc
from paramc.ir.assets import ImageRef
from paramc.ir.stages import Hires, ImageToImage, Inpaint
from paramc.passes.family_tables import families
from paramc.runtime.catalogue.header import read_header
from paramc.runtime.catalogue.signs import identify
from paramc.runtime.execute.runner import Runner
from paramc.runtime.models.bases import bases, encoders
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from paramc.runtime.models.original import VAE
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_execute.families import MERGES, UNET, flux_file, refiner_file, sd3_file, sdxl_file
from tests.unit.runtime_execute.latest import kolors_file, sana_file
from tests.unit.runtime_execute.newest import (
    auraflow_file,
    chroma_file,
    flux2_files,
    hidream_file,
    language_file,
    pixart_file,
    qwen_image_files,
)
from tests.unit.runtime_execute.test_families import FORGE, SEED
from tests.unit.runtime_models.tiny import save

pytestmark = [pytest.mark.sdk, pytest.mark.slow]

WHOLE: Mapping[str, Callable[[Path], Path]] = {
    "sdxl": sdxl_file,
    "sdxl-refiner": refiner_file,
    "sd3": sd3_file,
    "flux-dev": flux_file,
    "flux-schnell": partial(flux_file, guided=False),
    "chroma": chroma_file,
    "z-image": partial(language_file, family="z-image"),
    "lumina2": partial(language_file, family="lumina2"),
    "auraflow": auraflow_file,
    "hidream": hidream_file,
    "pixart-alpha": partial(pixart_file, tokens=120, sized=True),
    "pixart-sigma": partial(pixart_file, tokens=300, sized=False),
    "sana": sana_file,
    "kolors": kolors_file,
}
"""Families with all parts in one file."""
PARTED = {
    "qwen-image": ("qwen_image_vae", "qwen_2.5_vl_7b"),
    "flux2-klein": ("flux2-vae", "qwen_3_4b"),
    "flux2": ("flux2-vae", "mistral_3_small_flux2_bf16"),
}
"""Families whose parts are published apart."""
FAMILIES = (*WHOLE, *PARTED)
NARROW = ("sd3", "hidream")  # whose encoders are told apart by their width when alone, which is too small here
UNTOLD = {"sample_size"}  # of PixArt, by the names of diffusers: taken for that of the usual model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layouts")
    for family, make in WHOLE.items():
        make(folder / f"tiny-{family}.safetensors")
    qwen_image_files(folder)
    flux2_files(folder)
    Image.effect_noise((64, 64), 90).convert("RGB").save(folder / "picture.png")
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    mask.save(folder / "mask.png")
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        return Runner([folder], device="cpu", rng="cpu")


def loaded(folder: Path, family: str) -> Checkpoint:
    modules = [folder / f"{name}.safetensors" for name in PARTED.get(family, ())]
    return load_checkpoint(folder / f"tiny-{family}.safetensors", modules=modules)


def parts(folder: Path, family: str, place: Path) -> tuple[Path, list[Path]]:
    """A file of the diffusion model alone, and those of its parts."""
    place.mkdir()
    if family in PARTED:
        for path in folder.glob("*.tokenizer.json"):
            shutil.copy(path, place)
        for name in (f"tiny-{family}", *PARTED[family]):
            shutil.copy(folder / f"{name}.safetensors", place)
        return place / f"tiny-{family}.safetensors", [place / f"{name}.safetensors" for name in PARTED[family]]
    whole = load_file(folder / f"tiny-{family}.safetensors")
    base = loaded(folder, family).base
    prefixes = {"vae": VAE if any(name.startswith(VAE) for name in whole) else "vae."}
    prefixes |= {
        row.part or "text": row.prefix for row in encoders(base) if any(n.startswith(row.prefix) for n in whole)
    }
    for found in (folder / f"tiny-{family}.tokenizer.json", folder / f"tiny-{family}" / "tokenizer.model"):
        if found.is_file():
            shutil.copy(found, place / found.name.removeprefix(f"tiny-{family}."))
    if base in NARROW:
        prefixes = {"vae": prefixes["vae"]}
        shutil.copy(folder / f"tiny-{family}.safetensors", place / "encoders.safetensors")
    files = []
    for part, prefix in ({"model": UNET} | prefixes).items():
        own = {name.removeprefix(prefix): tensor for name, tensor in whole.items() if name.startswith(prefix)}
        files.append(save(place / f"{part}.safetensors", own, MERGES))
    return files[0], [*files[1:], *place.glob("encoders.safetensors")]


def states(model: Checkpoint) -> list[dict[str, torch.Tensor]]:
    return [part.state_dict() for part in (model.unet, model.vae, *model.text_encoders)]


def equal(one: Checkpoint, other: Checkpoint) -> bool:
    pairs = list(zip(states(one), states(other), strict=True))
    return all(a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in pairs)


OPEN_CLIP = ("sdxl", "sdxl-refiner")  # whose second encoder is published in another layout when alone


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in OPEN_CLIP])
def test_a_bare_model_with_its_parts_beside_it_is_the_same(folder: Path, tmp_path: Path, family: str) -> None:
    model, modules = parts(folder, family, tmp_path / "parts")
    assert identify(read_header(model)).kind == "diffusion_model"
    assert equal(load_checkpoint(model, modules=modules), loaded(folder, family))


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in OPEN_CLIP])
def test_the_same_by_the_names_of_diffusers(folder: Path, tmp_path: Path, family: str) -> None:
    single = loaded(folder, family)
    _, [_, *modules] = parts(folder, family, tmp_path / "parts")
    model = save(tmp_path / "parts" / "diffusers.safetensors", single.unet.state_dict(), MERGES)
    vae = save(tmp_path / "parts" / "vae.safetensors", single.vae.state_dict(), MERGES)
    assert identify(read_header(model)) == ("diffusion_model", single.family, single.base)
    assert identify(read_header(vae)).kind == "vae"
    other = load_checkpoint(model, modules=[vae, *modules])
    assert equal(other, single)
    told = {key for key in single.unet.config if not key.startswith("_")} - UNTOLD
    assert {key: other.unet.config[key] for key in told} == {key: single.unet.config[key] for key in told}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
@pytest.mark.parametrize("family", FAMILIES)
def test_other_number_types_are_read(folder: Path, tmp_path: Path, family: str, dtype: torch.dtype) -> None:
    path = tmp_path / "a.safetensors"
    save(
        path, {name: each.to(dtype) for name, each in load_file(folder / f"tiny-{family}.safetensors").items()}, MERGES
    )
    beside = folder / f"tiny-{family}.tokenizer.json"
    if beside.is_file():
        shutil.copy(beside, tmp_path / "a.tokenizer.json")
    if family == "kolors":
        shutil.copytree(folder / "tiny-kolors", tmp_path / "a")
    modules = [folder / f"{name}.safetensors" for name in PARTED.get(family, ())]
    found, wanted = load_checkpoint(path, modules=modules).unet.state_dict(), loaded(folder, family).unet.state_dict()
    assert all(torch.equal(found[name], wanted[name].to(dtype).float()) for name in wanted)


TASKS = ("text_to_image", "image_to_image", "inpaint", "hires")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_task_is_painted(runner: Runner, folder: Path, family: str, task: str) -> None:
    settings = "Sampler: Euler, Schedule type: Simple, CFG scale: 3"
    text = (
        f"a cat\nNegative prompt: dog\nSteps: 2, {settings}, Seed: {SEED}, Size: 64x64, Model: tiny-{family}, RNG: CPU"
    )
    job = paramc.parse(f"{text}, {FORGE}")
    picture, mask = (ImageRef(path=str(folder / f"{name}.png")) for name in ("picture", "mask"))
    match task:
        case "image_to_image":
            job = job.model_copy(update={"task": ImageToImage(init=picture, strength=0.6)})
        case "inpaint":
            job = job.model_copy(update={"task": Inpaint(init=picture, mask=mask, strength=0.6)})
        case "hires":
            hires = Hires(scale=2.0, upscaler="latent:bilinear", strength=0.7, steps=2)
            job = job.model_copy(update={"stages": (hires,)})
        case _:
            pass
    seen = Recorder()
    runner.run(job, seen)
    latent = seen.latents[-1]
    side = 128 if task == "hires" else 64
    assert bool(torch.isfinite(latent).all())
    assert side % latent.shape[-1] == 0


def test_every_base_is_here() -> None:
    assert {families()[family] for family in FAMILIES} >= bases().keys() - {"sd1", "sd2"}
