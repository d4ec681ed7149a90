"""Scripts in the style `exact` against the runner, on tiny pipelines with the whole vocabulary: 1e-5 of the latent."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from PIL import Image

import paramc
from paramc.backends.loops import read_loops
from paramc.backends.registry import find_target
from paramc.ir.assets import ImageRef
from paramc.ir.family import Family
from paramc.ir.job import Job
from paramc.ir.names import samplers, schedules
from paramc.ir.stages import ImageToImage

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
]

EXACT = 1e-5
TEXT = (
    "a photo of a (cat:1.2), dog\nNegative prompt: bad quality\n"
    "Steps: 6, Sampler: Euler, Schedule type: Automatic, CFG scale: 5, Seed: 42, Size: 64x64, RNG: {rng}{more}, "
    "Version: v1.10.1"
)
LOOPS = read_loops(find_target("diffusers").folder / "loop.toml")
WALKED = [name for name in samplers() if name != "tcd"]
SCHEDULED = [name for name in schedules() if name != "automatic"]
GRID = [(sampler, schedule) for sampler in WALKED for schedule in SCHEDULED]
ALWAYS = frozenset(Random(0).sample(GRID, 12))


def job(more: str = "", *, base: str = "sd1", rng: str = "NV", text: str = TEXT) -> Job:
    made = paramc.parse(text.format(rng=rng, more=f", {more}" if more else ""))
    return made.model_copy(update={"family": Family(name=base, base=base)})


@pytest.fixture
def agrees(worded: Callable[[str], Path]) -> Callable[[Job], None]:
    """Holds a job's script against the runner."""

    def agrees(made: Job) -> None:
        from tests.sdk.deviations import deviation

        assert made.family is not None
        assert deviation(made, worded(made.family.base), "exact") <= EXACT

    return agrees


@pytest.mark.parametrize(
    ("sampler", "schedule"),
    [pytest.param(*pair, id="-".join(pair), marks=() if pair in ALWAYS else pytest.mark.slow) for pair in GRID],
)
def test_every_sampler_on_every_schedule(agrees: Callable[[Job], None], sampler: str, schedule: str) -> None:
    agrees(job().replace({"sampling.sampler": sampler, "sampling.schedule": schedule}))


HIRES = "Denoising strength: 0.7, Hires upscale: 2, Hires steps: 3, Hires upscaler: "
TEXTS = {
    "edits": TEXT.replace("dog", "[cat:dog:0.5] [red|blue]"),
    "parts": TEXT.replace("dog", "dog AND a (bad:1.3) photo :0.6"),
    "chunks": TEXT.replace("dog", "a photo of a bad dog, " * 15 + "BREAK [cat]"),
    "forge": TEXT.replace("v1.10.1", "f2.0.1v1.10.1-previous-636-gb835f24a"),
    "mended": TEXT.replace("dog", "“dog” &amp; ﬁne Ｆull caf\u00e9 isn’t\u200b <|endoftext|> x"),
    "silent": TEXT.replace("Negative prompt: bad quality\n", ""),
}


@pytest.mark.parametrize("base", ["sd1", "sdxl"])
@pytest.mark.parametrize("kind", TEXTS)
def test_texts_are_the_runner_s(agrees: Callable[[Job], None], kind: str, base: str) -> None:
    agrees(job(base=base, text=TEXTS[kind]))


@pytest.mark.parametrize("rng", ["NV", "CPU"])
@pytest.mark.parametrize(
    "more",
    [
        "Batch size: 2, Variation seed: 7, Variation seed strength: 0.3",
        "Batch size: 2, ENSD: 31337",
        "Batch size: 2, Batch pos: 1, Variation seed: 7, Variation seed strength: 0.3",
        f"Batch size: 2, Batch pos: 1, {HIRES}Latent",
        "Seed resize from: 96x48",
        "NGMS: 4, Skip Early CFG: 0.2",
        "Eta: 0.5, Sigma noise: 1.02",
        "Schedule type: Karras, Schedule rho: 5, Schedule max sigma: 10",
        "Pad conds: True",
        f"{HIRES}Latent",
        f"{HIRES}Latent (nearest-exact), Hires prompt: a dog",
        "Size: 72x104",
    ],
)
def test_settings_are_the_runner_s(agrees: Callable[[Job], None], more: str, rng: str) -> None:
    agrees(job(more, rng=rng).replace({"sampling.sampler": "euler_ancestral"}))


@pytest.mark.parametrize("sampler", ["ddpm", "lcm", "euler_ancestral"])
def test_forge_s_quirks_are_the_runner_s(agrees: Callable[[Job], None], sampler: str) -> None:
    made = job(text=TEXTS["forge"].replace("64x64", "72x104"))
    agrees(made.replace({"sampling.sampler": sampler}))


def test_layers_are_counted_below_a_model_s_own_by_forge(agrees: Callable[[Job], None]) -> None:
    for base in ("sd2", "sdxl"):
        agrees(job("Clip skip: 3", base=base, text=TEXTS["forge"]))


@pytest.mark.parametrize("sampler", ["euler_ancestral", "ddim", "unipc", "dpmpp_2m_sde", "dpm_fast", "lcm"])
def test_pictures_to_start_from_are_the_runner_s(agrees: Callable[[Job], None], sampler: str) -> None:
    Image.radial_gradient("L").resize((64, 64)).convert("RGB").save("input.png")
    made = job("Denoising strength: 0.6").replace({"sampling.sampler": sampler})
    task = ImageToImage(init=ImageRef(path="input.png"), strength=0.6)
    agrees(made.model_copy(update={"task": task}))


@pytest.mark.slow
@pytest.mark.parametrize("upscaler", ["Lanczos", "Latent"])
@pytest.mark.parametrize("size", ["128x192", "200x136"])
def test_a_second_pass_is_cut_as_in_the_runner(agrees: Callable[[Job], None], upscaler: str, size: str) -> None:
    agrees(job(f"Denoising strength: 0.6, Hires resize: {size}, Hires steps: 3, Hires upscaler: {upscaler}"))


@pytest.mark.slow
def test_a_refiner_fills_short_texts_with_its_own_empty_one(
    worded: Callable[[str], Path], agrees: Callable[[Job], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.sdk.painted import prepare

    prepare(worded("sdxl"), monkeypatch)
    long = TEXT.replace("a photo", "a photo " * 60)
    agrees(job("Pad conds: True, Refiner: refiner, Refiner switch at: 0.5", base="sdxl", text=long))


def test_a_script_runs_as_it_stands(worded: Callable[[str], Path]) -> None:
    options = {
        "style": "exact",
        "model": str(worded("sd1")),
        "dtype": "float32",
        "device": "cpu",
        "loader": "pretrained",
    }
    source = paramc.compile(job(f"{HIRES}Lanczos"), "diffusers", options=options).text
    exec(compile(source, "script.py", "exec"), {"__name__": "script"})  # noqa: S102  # the script is what is tested
    with Image.open("42.png") as picture:
        assert picture.size == (128, 128)


def test_knobs_go_to_the_samplers_that_the_runner_hands_them_to() -> None:
    from paramc.runtime.samplers.registry import HANDED, TIMESTEP_SAMPLERS

    assert {name: frozenset(knobs) for name, knobs in HANDED.items()} == LOOPS.handed
    assert frozenset(TIMESTEP_SAMPLERS) == LOOPS.timesteps
