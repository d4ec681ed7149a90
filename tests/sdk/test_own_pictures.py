"""Masks, pictures that steer and networks in scripts of the style `exact`, against the runner: 1e-5 of the latent."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image

import paramc
from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.control import ControlNet
from paramc.ir.family import Family
from paramc.ir.job import Job
from paramc.ir.stages import Inpaint

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
]

EXACT = 1e-5
FORGE = "f2.0.1v1.10.1-previous-636-gb835f24a"
TEXT = (
    "a photo of a (cat:1.2){words}\nNegative prompt: bad quality\nSteps: 4, Sampler: Euler, Schedule type: Automatic, "
    "CFG scale: 5, Seed: 42, Size: 64x64, RNG: NV{more}, Version: {version}"
)
HIRES = ", Denoising strength: 0.7, Hires upscale: 2, Hires steps: 3, Hires upscaler: Latent"
Fill = Literal["original", "fill", "latent_noise", "latent_nothing"]


def job(words: str = "", more: str = "", base: str = "sd1", version: str = "v1.10.1") -> Job:
    made = paramc.parse(TEXT.format(words=words, more=more, version=version))
    return made.model_copy(update={"family": Family(name=base, base=base)})


def start() -> None:
    """A picture, and a mask that shows some of it."""
    Image.radial_gradient("L").resize((96, 80)).convert("RGB").save("input.png")
    mask = Image.new("L", (96, 80))
    mask.paste(255, (20, 10, 60, 50))
    mask.save("mask.png")


def repainted(
    *,
    fill: Fill = "original",
    area: Literal["whole", "masked"] = "whole",
    resize: Literal["stretch", "crop", "pad", "latent"] = "crop",
    inverts: bool = False,
    base: str = "sd1",
    version: str = "v1.10.1",
) -> Job:
    start()
    task = Inpaint(
        init=ImageRef(path="input.png"),
        mask=ImageRef(path="mask.png"),
        strength=0.6,
        fill=fill,
        area=area,
        mask_blur=4,
        padding=8,
        resize=resize,
        inverts_mask=inverts,
    )
    return job(base=base, version=version).model_copy(update={"task": task})


@pytest.fixture
def agrees(worded: Callable[[str], Path]) -> Callable[[Job], None]:
    """Holds a job's script against the runner."""

    def agrees(made: Job) -> None:
        from tests.sdk.deviations import deviation

        assert made.family is not None
        assert deviation(made, worded(made.family.base), "exact") <= EXACT

    return agrees


@pytest.mark.parametrize("area", ["whole", "masked"])
@pytest.mark.parametrize(
    "fill",
    ["fill", *(pytest.param(name, marks=pytest.mark.slow) for name in ("original", "latent_noise", "latent_nothing"))],
)
def test_masks_are_the_runner_s(agrees: Callable[[Job], None], fill: Fill, area: Literal["whole", "masked"]) -> None:
    agrees(repainted(fill=fill, area=area))


@pytest.mark.slow
@pytest.mark.parametrize("resize", ["stretch", "pad", "latent"])
def test_masks_are_brought_to_size_as_by_the_runner(
    agrees: Callable[[Job], None], resize: Literal["stretch", "pad", "latent"]
) -> None:
    agrees(repainted(resize=resize))
    agrees(repainted(resize=resize, area="masked"))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["ddim", "unipc", "dpmpp_2m_sde", "euler_ancestral"])
def test_samplers_repaint_as_the_runner_s(agrees: Callable[[Job], None], sampler: str) -> None:
    agrees(repainted().replace({"sampling.sampler": sampler}))


@pytest.mark.slow
def test_masks_of_forge_and_of_sdxl_are_the_runner_s(agrees: Callable[[Job], None]) -> None:
    agrees(repainted(version=FORGE, fill="latent_noise").replace({"sampling.sampler": "euler_ancestral"}))
    agrees(repainted(base="sdxl", inverts=True))


def both(made: Job, folder: Path, files: dict[str, Path], swaps: dict[str, str]) -> tuple[Any, Any]:
    """The latents of the runner and of the script, which loads from folders in place of files."""
    import torch
    from diffusers import DiffusionPipeline

    from paramc.runtime.execute.runner import Runner
    from tests.sdk.painted import Keeps, OneFolder, TinyShelf

    class Finder(OneFolder):
        def find(self, asset: AssetRef, kind: str) -> Path:
            return files.get(kind, folder)

    finder, watch = Finder(folder), Keeps()
    runner = Runner([], device="cpu", rng="nv", finder=finder)
    runner.shelf = TinyShelf(finder, device=torch.device("cpu"))
    runner.run(made, watch)
    options = {"model": "tiny", "dtype": "float32", "device": "cpu", "loader": "pretrained", "style": "exact"}
    source = paramc.compile(made, "diffusers", options=options).text
    for old, new in swaps.items():
        assert old in source
        source = source.replace(old, new)
    source = re.sub(r"pipe = \w+\.from_pretrained\([^)]*\)", "pipe = PIPE", source)
    names: dict[str, Any] = {"__name__": "script", "PIPE": DiffusionPipeline.from_pretrained(folder)}
    exec(compile(source, "script.py", "exec"), names)  # noqa: S102  # the script is what is tested
    return watch.latent, names["latents"]


def apart(pair: tuple[Any, Any]) -> float:
    first, second = pair
    return float((first - second).abs().max() / first.abs().max())


UNITS = {
    "one": ({"weight": 0.8},),
    "two": (
        {"weight": 0.8, "end": 0.5, "priority": "control"},
        {"weight": 0.5, "start": 0.3, "priority": "prompt", "resize": "pad"},
    ),
    "by_pass": ({"weight": 0.8, "passes": "first"}, {"weight": 0.5, "resize": "stretch"}),
}


@pytest.mark.parametrize(
    ("units", "base", "version"),
    [
        ("two", "sd1", "v1.10.1"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (("one", "sdxl", "v1.10.1"), ("by_pass", "sd1", "v1.10.1"), ("two", "sd1", FORGE))
        ),
    ],
)
def test_pictures_steer_as_by_the_runner(
    worded: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, units: str, base: str, version: str
) -> None:
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    start()
    torch.manual_seed(0)
    net = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(worded(base) / "unet"))
    for part in (*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out):
        torch.nn.init.normal_(part.weight)  # zeros as they are made: nothing would steer
    net.save_pretrained("net.safetensors")
    monkeypatch.setattr("paramc.runtime.execute.shelf.load_net", lambda path, base, **rest: net)
    monkeypatch.setattr("paramc.runtime.execute.shelf.lies_on_model", lambda path: False)
    told = [
        ControlNet(unit=number, model=AssetRef(name="net"), image=ImageRef(path="input.png"), **unit)
        for number, unit in enumerate(UNITS[units])
    ]
    made = job(base=base, version=version, more=HIRES if units == "by_pass" else "")
    steered = both(
        made.model_copy(update={"controls": tuple(told)}),
        worded(base),
        {},
        {"ControlNetModel.from_single_file": "ControlNetModel.from_pretrained"},
    )
    assert apart(steered) <= EXACT
    assert apart((steered[0], both(made, worded(base), {}, {})[0])) > 1e-2


@pytest.mark.parametrize(
    ("base", "strength", "more"),
    [
        ("sd1", "1:0.3", ""),
        ("sd1", "1:0.3", HIRES + ', Hires prompt: "a dog <lora:style:0.4>"'),
        pytest.param("sd1", "1", HIRES + ", Hires prompt: a dog", marks=pytest.mark.slow),
        pytest.param("sdxl", "0.7", "", marks=pytest.mark.slow),
    ],
)
def test_networks_weigh_as_in_the_runner(worded: Callable[[str], Path], base: str, strength: str, more: str) -> None:
    import torch
    from diffusers import DiffusionPipeline
    from safetensors.torch import save_file

    pipe = DiffusionPipeline.from_pretrained(worded(base))
    generator = torch.Generator().manual_seed(1)
    texts = {"te": pipe.text_encoder} if base == "sd1" else {"te1": pipe.text_encoder}
    tensors: dict[str, Any] = {}
    for prefix, part in (("unet", pipe.unet), *((f"{name}_text_model", part) for name, part in texts.items())):
        for name, module in part.named_modules():
            if isinstance(module, torch.nn.Linear) and ("attn" in name or "mlp" in name or "ff." in name):
                key = f"lora_{prefix}_{name.replace('.', '_')}"
                tensors[f"{key}.lora_down.weight"] = torch.randn(4, module.in_features, generator=generator) * 0.1
                tensors[f"{key}.lora_up.weight"] = torch.randn(module.out_features, 4, generator=generator) * 0.1
                tensors[f"{key}.alpha"] = torch.tensor(2.0)
    save_file(tensors, "style.safetensors")
    made = job(f" <lora:style:{strength}>", more, base=base)
    laid = both(made, worded(base), {"network": Path("style.safetensors")}, {})
    assert apart(laid) <= EXACT
    assert apart((laid[0], both(job(more=more and HIRES, base=base), worded(base), {}, {})[0])) > 1e-3
