"""Prompts that count in parts of the picture, in scripts of the style `exact`: 1e-5 of the runner's latent."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

import paramc
from paramc.ir.assets import ImageRef
from paramc.ir.control import PromptArea
from paramc.ir.family import Family
from paramc.ir.job import Job
from tests.sdk.test_own_graphs import enlarged, graph, of_picture

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated"),  # diffusers warns of a class of its own
]

FILE = "area 'é'.png"
WHERE = ImageRef(path=FILE)
LOADED = {"load": ("LoadImageMask", {"image": FILE, "channel": "blue"})}
RECTANGLE = {"x": 16, "y": 8, "width": 64, "height": 64, "strength": 0.8}
SHARES = {"x": 0.25, "y": 0.5, "width": 0.6, "height": 0.3, "strength": 1.4}
MASKED = {"mask": ["load", 0], "strength": 0.7, "set_cond_area": "default"}
Nodes = dict[str, tuple[str, dict[str, Any]]]
KINDS: dict[str, Nodes] = {
    "strong": {
        "strong": ("ConditioningSetAreaStrength", {"strength": 1.5, "conditioning": ["dog", 0]}),
        "placed": ("ConditioningSetMask", {**MASKED, "conditioning": ["strong", 0]}),
        **LOADED,
    },
    "rectangle": {"placed": ("ConditioningSetArea", RECTANGLE)},
    "shares": {"placed": ("ConditioningSetAreaPercentage", SHARES)},
    "outside": {"placed": ("ConditioningSetArea", {**RECTANGLE, "x": 640})},
    "mask": {"placed": ("ConditioningSetMask", MASKED), **LOADED},
    "transparent": {
        "placed": ("ConditioningSetMask", {**MASKED, "mask": ["load", 1]}),
        "load": ("LoadImage", {"image": FILE}),
    },
    "fitted": {"placed": ("ConditioningSetMask", {**MASKED, "set_cond_area": "mask bounds"}), **LOADED},
    "inverted": {
        "placed": ("ConditioningSetMask", {**MASKED, "mask": ["rest", 0]}),
        "rest": ("InvertMask", {"mask": ["load", 0]}),
        **LOADED,
    },
}
SAMPLERS = ("euler", "dpmpp_2m_sde", "uni_pc", "res_multistep_cfg_pp")
GRID = [(base, kind, sampler) for base in ("sd1", "sd2", "sdxl") for kind in KINDS for sampler in SAMPLERS]
ALWAYS = {("sd1", kind, "euler") for kind in KINDS} | {
    ("sdxl", "shares", "dpmpp_2m_sde"),
    ("sd1", "fitted", "res_multistep_cfg_pp"),
}


def job(nodes: dict[str, Any], base: str) -> Job:
    return paramc.parse(json.dumps(nodes)).model_copy(update={"family": Family(name=base, base=base)})


def placed(made: dict[str, Any], nodes: Nodes, text: str = "a dog, " * 30) -> dict[str, Any]:
    """A graph with a further text for a part of the picture, in every pass."""
    further: Nodes = {
        "dog": ("CLIPTextEncode", {"text": text, "clip": ["4", 1]}),
        "both": ("ConditioningCombine", {"conditioning_1": ["6", 0], "conditioning_2": ["placed", 0]}),
        **nodes,
    }
    for name, (kind, given) in further.items():
        wired = {"conditioning": ["dog", 0], **given} if name == "placed" else given
        made[name] = {"class_type": kind, "inputs": wired}
    for node in made.values():
        if node["class_type"] == "KSampler":
            node["inputs"]["positive"] = ["both", 0]
    return made


def painting(*areas: PromptArea, prompt: str = "a cat :0.7 AND a (dog:1.2) :0.5", more: str = "") -> Job:
    """A job of A1111's, with places that it does not know."""
    settings = f"Steps: 5, Sampler: Euler a, CFG scale: 5, Seed: 42, Size: 96x80, RNG: CPU{more}, Version: v1.10.1"
    made = paramc.parse(f"{prompt}\nNegative prompt: bad\n{settings}")
    return made.model_copy(update={"patches": areas, "family": Family(name="sd1", base="sd1"), "ledger": ()})


@pytest.fixture(autouse=True)
def drawn(offline: None) -> None:
    """A picture with a mask in each channel lies in the working folder."""
    picture = Image.new("RGBA", (96, 64), (0, 0, 0, 255))
    picture.paste((255, 120, 200, 30), (20, 16, 70, 50))
    picture.save(FILE)


@pytest.mark.parametrize(
    ("base", "kind", "sampler"),
    [pytest.param(*row, id="-".join(row), marks=() if row in ALWAYS else pytest.mark.slow) for row in GRID],
)
def test_places_are_the_runner_s(agrees: Callable[[Job], None], base: str, kind: str, sampler: str) -> None:
    made = placed(graph(sampler_name=sampler, batch=2, steps=4), KINDS[kind])
    made["5"]["inputs"] |= {"width": 96, "height": 80}
    read = job(made, base)
    assert any(isinstance(patch, PromptArea) for patch in read.patches)
    agrees(read)


AREAS: dict[str, tuple[PromptArea, ...]] = {
    "first": (PromptArea(width=48, height=64),),
    "overlapping": (PromptArea(width=64, height=80, strength=2.0), PromptArea(branch=1, x=32, width=64, height=80)),
    "shaded": (PromptArea(branch=1, mask=WHERE, mask_channel="green", x=8, width=72, height=56),),
    "none": (PromptArea(width=32, height=32, x=96), PromptArea(branch=1, width=32, height=32, y=80)),
}


@pytest.mark.parametrize("kind", AREAS)
def test_jobs_of_any_program_have_places(agrees: Callable[[Job], None], kind: str) -> None:
    agrees(painting(*AREAS[kind]))


@pytest.mark.parametrize(
    "more",
    [
        ", Pad conds: True",
        ", NGMS: 4",
        ", CFG Rescale φ: 0.5",
        pytest.param(", Denoising strength: 0.6, Hires upscale: 2, Hires upscaler: Latent", marks=pytest.mark.slow),
        pytest.param(
            ", Denoising strength: 0.6, Hires upscale: 1.5, Hires upscaler: Latent, Hires prompt: a dog",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_places_beside_other_settings_are_the_runner_s(agrees: Callable[[Job], None], more: str) -> None:
    prompt = f"a [cat:dog:0.5] AND {'a photo ' * 80}"
    agrees(painting(PromptArea(branch=1, unit="share", x=0.5, width=0.5, height=1.0), prompt=prompt, more=more))


@pytest.mark.parametrize("weight", ["", " :0.6"])
def test_one_prompt_has_a_place_and_a_weight(agrees: Callable[[Job], None], weight: str) -> None:
    agrees(painting(PromptArea(mask=WHERE), prompt=f"a cat{weight}"))


def test_a_prompt_s_weight_counts_without_a_place(agrees: Callable[[Job], None]) -> None:
    agrees(painting(prompt="a cat :0.6"))


def test_a_timestep_sampler_has_places(agrees: Callable[[Job], None]) -> None:
    agrees(painting(PromptArea(branch=1, width=64, height=64)).replace({"sampling.sampler": "unipc"}))


def test_places_with_odd_sides_in_an_even_picture_are_the_runner_s(agrees: Callable[[Job], None]) -> None:
    agrees(painting(PromptArea(branch=1, x=16, width=40, height=64)).replace({"size": "64x64"}))


@pytest.mark.slow
def test_passes_over_a_picture_have_places(agrees: Callable[[Job], None]) -> None:
    agrees(job(placed(of_picture(denoise=0.6, sampler_name="euler"), KINDS["rectangle"]), "sd1"))
    agrees(job(placed(enlarged("bilinear"), KINDS["fitted"]), "sd1"))


@pytest.mark.slow
def test_a_refiner_paints_in_the_same_places(agrees: Callable[[Job], None]) -> None:
    made = painting(PromptArea(branch=1, width=48, height=80), more=", Refiner: refiner, Refiner switch at: 0.5")
    agrees(made.model_copy(update={"family": Family(name="sdxl", base="sdxl")}))


@pytest.mark.slow
@pytest.mark.parametrize("base", ["sd3", "flux"])
@pytest.mark.parametrize("kind", ["rectangle", "fitted"])
def test_flows_have_places(agrees: Callable[[Job], None], base: str, kind: str) -> None:
    made = placed(graph(sampler_name="euler", scheduler="simple", cfg=3.0), KINDS[kind])
    made["5"]["inputs"] |= {"width": 96, "height": 96}
    agrees(job(made, base))
