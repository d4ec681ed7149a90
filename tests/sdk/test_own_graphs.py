"""Graphs as scripts in the style `exact`, with the noise, texts and levels of ComfyUI: 1e-5 of the runner's latent."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

import paramc
from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.control import ControlNet
from paramc.ir.family import Family
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.names import samplers, schedules
from paramc.ir.stages import Inpaint

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
]

WALKED = [name for name in samplers() if name not in ("tcd", "ddim_cfg_pp", "plms", "unipc")]
GRID = [(name, Random(name).choice([each for each in schedules() if each != "automatic"])) for name in WALKED]
ALWAYS = {"euler_ancestral", "ddim"}


def graph(**inputs: Any) -> dict[str, Any]:
    """A picture from a text; `inputs` of the sampler, `text`, `negative` and `batch`."""
    texts = {name: inputs.pop(name, usual) for name, usual in (("text", "a (cat:1.3), dog"), ("negative", "bad"))}
    usual = {"seed": 42, "steps": 6, "cfg": 5.0, "sampler_name": "euler_ancestral", "scheduler": "karras", "denoise": 1}
    room = {"width": 64, "height": 64, "batch_size": inputs.pop("batch", 1)}
    wired = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
    nodes = {
        "3": ("KSampler", {**usual, **inputs, **wired}),
        "4": ("CheckpointLoaderSimple", {"ckpt_name": "model.safetensors"}),
        "5": ("EmptyLatentImage", room),
        "6": ("CLIPTextEncode", {"text": texts["text"], "clip": ["4", 1]}),
        "7": ("CLIPTextEncode", {"text": texts["negative"], "clip": ["4", 1]}),
        "8": ("VAEDecode", {"samples": ["3", 0], "vae": ["4", 2]}),
        "9": ("SaveImage", {"filename_prefix": "x", "images": ["8", 0]}),
    }
    return {name: {"class_type": kind, "inputs": given} for name, (kind, given) in nodes.items()}


def of_picture(**inputs: Any) -> dict[str, Any]:
    """… that begins with a picture, at its own size."""
    made = graph(**inputs)
    made["10"] = {"class_type": "LoadImage", "inputs": {"image": "input.png"}}
    made["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0], "vae": ["4", 2]}}
    return made


def enlarged(method: str, **inputs: Any) -> dict[str, Any]:
    """… whose latent a second pass goes on with, from noise of its own."""
    made = graph(**inputs)
    larger = {"samples": ["3", 0], "upscale_method": method, "width": 128, "height": 128, "crop": "disabled"}
    second = {**made["3"]["inputs"], "latent_image": ["11", 0], "seed": 7, "denoise": 0.6, "steps": 4}
    made["11"] = {"class_type": "LatentUpscale", "inputs": larger}
    made["12"] = {"class_type": "KSampler", "inputs": second}
    made["8"]["inputs"]["samples"] = ["12", 0]
    return made


def part(start: int, end: int, left: str, **inputs: Any) -> dict[str, Any]:
    """… of which some steps are walked."""
    made = graph(**inputs)
    given = made["3"]["inputs"]
    given |= {"noise_seed": given.pop("seed"), "add_noise": "enable", "return_with_leftover_noise": left}
    given |= {"start_at_step": start, "end_at_step": end}
    made["3"]["class_type"] = "KSamplerAdvanced"
    return made


def job(nodes: dict[str, Any], base: str = "sd1") -> Job:
    return paramc.parse(json.dumps(nodes)).model_copy(update={"family": Family(name=base, base=base)})


def repainted(base: str = "sd1", sampler: str = "euler", **settings: object) -> Job:
    usual = {"init": ImageRef(path="input.png"), "mask": ImageRef(path="mask.png"), "strength": 0.6, "mask_blur": 4}
    task = Inpaint.model_validate(usual | {"resize": "crop"} | settings)
    return job(of_picture(sampler_name=sampler), base).model_copy(update={"task": task}).replace({"size": Size(64, 64)})


@pytest.mark.parametrize(
    ("sampler", "schedule"),
    [pytest.param(*pair, id="-".join(pair), marks=() if pair[0] in ALWAYS else pytest.mark.slow) for pair in GRID],
)
def test_samplers_walk_and_draw_as_in_the_runner(agrees: Callable[[Job], None], sampler: str, schedule: str) -> None:
    asked = {"sampling.sampler": sampler, "sampling.schedule": schedule}
    agrees(job(graph(batch=2)).replace(asked))
    agrees(job(of_picture(denoise=0.7)).replace(asked))


LONG = "a (photo:1.2) of a bad dog, " * 20
SPELT = "“a cat” isn’t &amp; ﬁne 日本語 (caf\u00e9:1.2)\u200b <|ENDOFTEXT|> x"


@pytest.mark.parametrize("base", ["sd1", *(pytest.param(b, marks=pytest.mark.slow) for b in ("sd2", "sdxl", "sd3"))])
@pytest.mark.parametrize("text", ["", LONG, SPELT], ids=["silent", "long", "spelt"])
def test_texts_are_cut_and_weighed_as_in_the_runner(agrees: Callable[[Job], None], base: str, text: str) -> None:
    agrees(job(graph(text=text), base))
    agrees(job(graph(negative=text, cfg=1.0 if not text else 3.0), base))


@pytest.mark.slow
@pytest.mark.parametrize("base", ["flux", "sd3"])
@pytest.mark.parametrize("sampler", ["euler", "uni_pc", "dpm_fast"])
def test_flows_are_walked_as_in_the_runner(agrees: Callable[[Job], None], base: str, sampler: str) -> None:
    agrees(job(graph(text=LONG, scheduler="simple", sampler_name=sampler), base))
    agrees(job(of_picture(denoise=0.6, scheduler="simple", sampler_name=sampler, cfg=1.0), base))


@pytest.mark.parametrize("method", ["bilinear", pytest.param("nearest-exact", marks=pytest.mark.slow)])
def test_second_passes_have_noise_of_their_own(agrees: Callable[[Job], None], method: str) -> None:
    agrees(job(enlarged(method, sampler_name="dpmpp_2m_sde")))


@pytest.mark.parametrize(("start", "end", "left"), [(0, 4, "enable"), (2, 5, "disable"), (3, 10000, "disable")])
@pytest.mark.parametrize("base", ["sd1", pytest.param("flux", marks=pytest.mark.slow)])
def test_parts_of_the_steps_are_walked(
    agrees: Callable[[Job], None], base: str, start: int, end: int, left: str
) -> None:
    agrees(job(part(start, end, left, sampler_name="euler" if base == "sd1" else "uni_pc"), base))


@pytest.mark.parametrize("fill", ["original", "fill"])
@pytest.mark.parametrize("sampler", ["ddim", pytest.param("euler", marks=pytest.mark.slow)])
def test_masks_in_shares_are_the_runner_s(agrees: Callable[[Job], None], fill: str, sampler: str) -> None:
    agrees(repainted(sampler=sampler, fill=fill))
    agrees(repainted(sampler=sampler, fill=fill, resize="pad", inverts_mask=True))


def test_pictures_steer_as_in_the_runner(agrees: Callable[[Job], None]) -> None:
    unit = ControlNet(model=AssetRef(name="net"), image=ImageRef(path="input.png"), weight=0.8, start=0.1, end=0.7)
    agrees(job(graph()).model_copy(update={"controls": (unit,)}))


def test_a_batch_of_the_library_draws_one_stream_too(worded: Callable[[str], Path]) -> None:
    from tests.sdk.deviations import deviation

    single, batch = (job(graph(batch=size, sampler_name="euler", scheduler="normal", text="a cat")) for size in (1, 2))
    assert deviation(batch, worded("sd1")) <= 1.1 * deviation(single, worded("sd1"))


def test_one_seed_names_the_pictures_of_a_batch() -> None:
    source = paramc.compile(job(graph(batch=2)), "diffusers", options={"style": "exact"}).text
    assert 'f"{SEED}-{number}.png"' in source
    assert "SEEDS" not in source
