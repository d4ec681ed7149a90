"""Scripts of newer families run as written, against tiny models with random weights: a picture appears."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import paramc
from paramc.ir.family import Family

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.slow,
    # The libraries' own trouble with NumPy 2 and with a name of theirs; no call of ours is concerned.
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
]

Tiny = Callable[[str], Path]
TEXT = (
    "a photo\nNegative prompt: bad\nSteps: 4, Sampler: Euler, Schedule type: Simple, CFG scale: {cfg}, Seed: 42, "
    "Size: 64x64, RNG: CPU{more}"
)
FAMILIES = {
    "chroma": "chroma",
    "z-image": "z-image",
    "auraflow": "auraflow",
    "lumina2": "lumina2",
    "pixart-sigma": "pixart",
}
HIRES = ", Denoising strength: 0.6, Hires upscale: 2, Hires steps: 3, Hires upscaler: "
BEGUN = ("chroma", "z-image")  # families whose pipelines start from pictures


@pytest.fixture(autouse=True)
def pictures(offline: None) -> None:
    Image.radial_gradient("L").resize((64, 64)).convert("RGB").save("input.png")
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    mask.save("mask.png")


def painted(name: str, base: str, folder: Path, cfg: float = 1.0, more: str = "") -> Image.Image:
    job = paramc.parse(TEXT.format(cfg=cfg, more=more)).model_copy(update={"family": Family(name=name, base=base)})
    options = {"model": str(folder), "dtype": "float32", "device": "cpu", "local_files_only": "true"}
    source = paramc.compile(job, "diffusers", options=options).text
    exec(compile(source, "script.py", "exec"), {"__name__": "script"})  # noqa: S102  # the script is what is tested
    with Image.open("42.png") as picture:
        return picture.convert("RGB")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_script_of_the_family_paints_and_is_guided(tiny: Tiny, name: str) -> None:
    base = FAMILIES[name]
    found = [painted(name, base, tiny(base), cfg) for cfg in (1.0, 4.0)]
    assert {picture.size for picture in found} == {(64, 64)}
    assert found[0].tobytes() != found[1].tobytes()


@pytest.mark.parametrize("name", BEGUN)
def test_a_picture_is_redrawn_the_more_the_stronger(tiny: Tiny, name: str) -> None:
    found = [painted(name, name, tiny(name), more=f", Denoising strength: {strength}") for strength in (0.25, 0.75)]
    assert found[0].tobytes() != found[1].tobytes()


@pytest.mark.parametrize("name", BEGUN)
@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_a_second_pass_enlarges(tiny: Tiny, name: str, upscaler: str) -> None:
    assert painted(name, name, tiny(name), 4.0, f"{HIRES}{upscaler}").size == (128, 128)


@pytest.mark.parametrize("name", [*BEGUN, "flux-fill"])
def test_only_what_the_mask_shows_is_painted_anew(tiny: Tiny, name: str) -> None:
    base = name.partition("-fill")[0]
    picture = painted(name, base, tiny(name), more=", Denoising strength: 0.75, Mask blur: 2")
    with Image.open("input.png") as file:
        before = file.convert("RGB")
    kept, shown = (48, 0, 64, 64), (0, 0, 16, 64)
    assert picture.crop(kept).tobytes() == before.crop(kept).tobytes()
    assert picture.crop(shown).tobytes() != before.crop(shown).tobytes()
