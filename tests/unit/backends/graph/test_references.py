"""Pictures that a model for editing looks at, out of graphs and into them."""

import json
from typing import Any

import pytest

import paramc
from paramc.ir.assets import ImageRef
from paramc.ir.control import Reference
from paramc.ir.job import Job
from paramc.ir.stages import ImageToImage
from tests.unit.backends.graph.plans import every, only
from tests.unit.backends.graph.server import refusals
from tests.unit.dialects.graph.drawings import Drawing, drawing, job_of, named, node, sampler

PARTS = "Module 1: ae, Module 2: clip_l, Module 3: t5xxl_fp16"
KONTEXT = f"make it night\nSteps: 4, Sampler: Euler, Seed: 1, Size: 512x512, Model: flux1-dev-kontext, {PARTS}"
QWEN = "make it night\nSteps: 4, Sampler: Euler, Seed: 1, Size: 512x512, Model: qwen_image_edit_2509"


def shown(*files: str) -> tuple[Reference, ...]:
    return tuple(Reference(unit=number, image=ImageRef(path=file)) for number, file in enumerate(files, 1))


def looking(settings: str, *files: str) -> Job:
    return paramc.parse(settings).model_copy(update={"patches": shown(*files), "ledger": ()})


def graph_of(job: Job) -> dict[str, Any]:
    graph: dict[str, Any] = json.loads(paramc.compile(job, "comfyui").text)
    assert refusals(graph) == []
    return graph


def after_latents(*files: str) -> Drawing:
    """A pass whose conditioning is shown one picture after the other."""
    more: Drawing = {}
    conditioning = "good"
    for number, file in enumerate(files):
        more[f"load{number}"] = node("LoadImage", image=file)
        more[f"size{number}"] = node("FluxKontextImageScale", image=(f"load{number}", 0))
        more[f"encode{number}"] = node("VAEEncode", pixels=(f"size{number}", 0), vae=("file", 2))
        latent = (f"encode{number}", 0)
        more[f"shown{number}"] = node("ReferenceLatent", conditioning=(conditioning, 0), latent=latent)
        conditioning = f"shown{number}"
    return drawing(**more, **{"pass": sampler(positive=(conditioning, 0))})


def test_pictures_beside_the_latents_are_read_in_their_order() -> None:
    assert job_of(after_latents("a.png", "b.png")).patches[:2] == shown("a.png", "b.png")


def test_pictures_beside_a_text_are_read_in_their_order() -> None:
    loaders = {name: node("LoadImage", image=f"{name}.png") for name in ("one", "two", "three")}
    pictures = {"image1": ("two", 0), "image2": ("one", 0), "image3": ("three", 0)}
    text = node("TextEncodeQwenImageEditPlus", prompt="a cat", clip=("file", 1), vae=("file", 2), **pictures)
    job = job_of(drawing(good=text, **loaders))
    assert (job.prompt.text, job.patches) == ("a cat", shown("two.png", "one.png", "three.png"))


def test_a_reference_that_is_no_file_is_named() -> None:
    other = sampler(seed=6)
    looked_at = node("ReferenceLatent", conditioning=("good", 0), latent=("other", 0))
    assert "ReferenceLatent" in named(
        job_of(drawing(other=other, shown=looked_at, **{"pass": sampler(positive=("shown", 0))}))
    )


def test_a_model_of_flux_is_shown_latents() -> None:
    graph = graph_of(looking(KONTEXT, "a.png", "b.png"))
    assert [load["image"] for load in every(graph, "LoadImage")] == ["a.png", "b.png"]
    chain = [only(graph, "KSampler")["positive"][0]]
    while (above := graph[chain[-1]]["inputs"].get("conditioning")) is not None:
        chain.append(above[0])
    kinds = [graph[name]["class_type"] for name in chain]
    assert kinds == ["ReferenceLatent", "ReferenceLatent", "CLIPTextEncode"]


def test_a_model_that_edits_is_shown_the_picture_that_it_starts_from() -> None:
    start = ImageToImage(init=ImageRef(path="a.png"), strength=1.0)
    graph = graph_of(paramc.parse(KONTEXT).model_copy(update={"task": start}))
    latent = only(graph, "ReferenceLatent")["latent"][0]
    assert graph[graph[latent]["inputs"]["pixels"][0]]["inputs"] == {"image": "a.png"}


def test_qwen_is_shown_them_beside_both_texts() -> None:
    graph = graph_of(looking(QWEN, "a.png", "b.png"))
    texts = every(graph, "TextEncodeQwenImageEditPlus")
    files = [[graph[text[name][0]]["inputs"]["image"] for name in ("image1", "image2")] for text in texts]
    assert files == [["a.png", "b.png"]] * 2


@pytest.mark.parametrize(
    ("settings", "grades"),
    [
        (KONTEXT, ["exact"] * 4),
        (QWEN, ["exact", "exact", "exact", "dropped"]),
        (QWEN.replace("qwen_image_edit_2509", "dreamshaper_8"), ["dropped"] * 4),
    ],
)
def test_what_cannot_be_shown_is_dropped(settings: str, grades: list[str]) -> None:
    report = paramc.compile(looking(settings, "a.png", "b.png", "c.png", "d.png"), "comfyui").report
    fates = [fate for fate in report.fates if "patch.reference" in fate.features and fate.paths[0].endswith("path")]
    assert [fate.grade for fate in fates] == grades


@pytest.mark.parametrize("settings", [KONTEXT, QWEN])
def test_references_come_back_from_the_graph(settings: str) -> None:
    job = looking(settings, "a.png", "b.png")
    assert paramc.parse(json.dumps(graph_of(job))).patches == job.patches
