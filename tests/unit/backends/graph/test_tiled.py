"""A pass over an enlarged picture in tiles: by a node of a pack, for those who ask for it."""

import json
from typing import Any

import pytest

import paramc
from paramc.ir.job import Job
from paramc.ir.stages import Hires
from tests.unit.backends.graph.plans import classes, only

TEXT = (
    "a cat\nNegative prompt: dog\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 5, Size: 512x640, "
    "Model: sd15, Denoising strength: 0.4, Hires upscale: 1.5, Hires steps: 10, Hires upscaler: 4x-UltraSharp"
)


def tiled(job: Job, **options: str) -> dict[str, Any]:
    graph: dict[str, Any] = json.loads(
        paramc.compile(job, "comfyui", options={"tiled_upscale": "true", **options}).text
    )
    return graph


def test_the_node_enlarges_and_paints_with_the_numbers_of_the_pass() -> None:
    graph = tiled(paramc.parse(TEXT))
    node, first = only(graph, "UltimateSDUpscale"), only(graph, "KSampler")
    asked = ("upscale_by", "seed", "steps", "cfg", "sampler_name", "scheduler", "denoise")
    assert [node[name] for name in asked] == [1.5, 5, 10, 7.0, "dpmpp_2m", "karras", 0.4]
    assert [node[name] for name in ("model", "positive", "negative")] == [
        first[name] for name in ("model", "positive", "negative")
    ]
    assert only(graph, "UpscaleModelLoader") == {"model_name": "4x-UltraSharp.pth"}
    assert not {"ImageUpscaleWithModel", "VAEEncode"} & set(classes(graph))
    assert classes(graph).count("VAEDecode") == 1
    assert graph[only(graph, "SaveImage")["images"][0]]["class_type"] == "UltimateSDUpscale"


def test_it_comes_back_as_the_pass_that_it_is() -> None:
    back = paramc.parse(json.dumps(tiled(paramc.parse(TEXT))))
    assert back.stages == (Hires(upscaler="model:4x-UltraSharp", scale=1.5, steps=10, strength=0.4),)
    assert [patch.name for patch in back.patches if patch.kind == "opaque"] == ["UltimateSDUpscale"]


@pytest.mark.parametrize(
    "changed",
    [
        {"stages.hires.upscaler": "latent:bilinear"},
        {"stages.hires.upscaler": "image:lanczos"},
        {"stages": [*paramc.parse(TEXT).stages, {"kind": "further", "upscaler": "latent:bilinear", "scale": 1.5}]},
    ],
)
def test_only_pictures_that_a_model_enlarged_and_nothing_but_a_picture_follows(changed: dict[str, Any]) -> None:
    graph = tiled(paramc.parse(TEXT).replace(changed))
    assert "UltimateSDUpscale" not in classes(graph)


def test_without_the_option_it_is_painted_in_one_piece() -> None:
    job = paramc.parse(TEXT)
    assert "UltimateSDUpscale" not in classes(json.loads(paramc.compile(job, "comfyui").text))


def test_the_pack_is_told_and_the_grade_is_honest() -> None:
    made = paramc.compile(paramc.parse(TEXT), "comfyui", options={"tiled_upscale": "true"})
    assert "ComfyUI_UltimateSDUpscale" in [item.message.split("`")[1] for item in made.diagnostics]
    (grade,) = {fate.grade for fate in made.report.fates if "stages.hires.scale" in fate.paths}
    assert grade == "approximate"
