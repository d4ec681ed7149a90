"""A job that was read from a graph gets that graph back, and a change is a change of its widget alone."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import paramc
from paramc.ir.job import Job

GOLDEN = Path(__file__).parents[3] / "golden" / "comfyui"
SUFFIX = "jsonl.gz"


def recorded(name: str) -> dict[str, Any]:
    with gzip.open(GOLDEN / f"{name}.{SUFFIX}", "rt", encoding="utf-8") as lines:
        return {record["name"]: record["api"] for record in map(json.loads, lines)}


WORKFLOWS = recorded("workflows")
TEMPLATES = recorded("templates")
HIRES = WORKFLOWS["03_sd15_hires_latent"]


def job_of(api: object) -> Job:
    return paramc.parse(json.dumps(api))


def written(job: Job, **options: str) -> dict[str, Any]:
    """Classes and inputs of the graph that is written for a job."""
    graph: dict[str, Any] = json.loads(paramc.compile(job, "comfyui", options=options).files[0].text)
    return {name: (node["class_type"], node["inputs"]) for name, node in graph.items()}


def bare(api: dict[str, Any]) -> dict[str, Any]:
    return {name: (node["class_type"], node["inputs"]) for name, node in api.items()}


def upstream(api: dict[str, Any], output: str) -> set[str]:
    """The nodes that a result is made of."""
    found: set[str] = set()
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [value[0] for value in api[name]["inputs"].values() if isinstance(value, list)]
    return found


@pytest.mark.parametrize("name", sorted(set(WORKFLOWS) - {"28_two_jobs_one_graph"}))
def test_a_recorded_workflow_comes_back_node_by_node(name: str) -> None:
    assert written(job_of(WORKFLOWS[name])) == bare(WORKFLOWS[name])


def test_of_two_pictures_the_one_that_was_read_comes_back() -> None:
    api = WORKFLOWS["28_two_jobs_one_graph"]
    found = written(job_of(api))
    (output,) = [name for name, (kind, _) in found.items() if kind == "SaveImage"]
    assert found == {name: node for name, node in bare(api).items() if name in upstream(api, output)}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_template_with_a_picture_comes_back(name: str) -> None:
    job = job_of(TEMPLATES[name])
    if job.noise.seed is None and job.task.kind == "text_to_image":
        pytest.skip("no picture comes out of it that is made here")
    found = written(job)
    whole = bare(TEMPLATES[name])
    assert found == {key: whole[key] for key in found}


@pytest.mark.parametrize(
    ("edits", "inputs"),
    [
        ({"sampling.steps": 33}, {"5": {"steps": 33}}),
        ({"sampling.cfg_scale": 5.5}, {"5": {"cfg": 5.5}, "7": {"cfg": 5.5}}),
        ({"sampling.sampler": "heun"}, {"5": {"sampler_name": "heun"}, "7": {"sampler_name": "heun"}}),
        ({"sampling.schedule": "ddim"}, {"5": {"scheduler": "ddim_uniform"}, "7": {"scheduler": "ddim_uniform"}}),
        ({"noise.seed": 99}, {"5": {"seed": 99}, "7": {"seed": 99}}),
        ({"prompt": "a dog"}, {"2": {"text": "a dog"}}),
        ({"size": (640, 768)}, {"4": {"width": 640, "height": 768}, "6": {"width": 1280, "height": 1536}}),
        ({"assets.checkpoint.name": "dream"}, {"1": {"ckpt_name": "dream.safetensors"}}),
        ({"assets.checkpoint.name": "dream.safetensors"}, {"1": {"ckpt_name": "dream.safetensors"}}),
        ({"assets.checkpoint.name": "old/dream.ckpt"}, {"1": {"ckpt_name": "old/dream.ckpt"}}),
        ({"stages.hires.strength": 0.25, "stages.hires.scale": 1.5}, {"7": {"denoise": 0.25}, "6": {"width": 768, "height": 768}}),
    ],
)  # fmt: skip
def test_a_change_is_one_of_its_widgets_alone(edits: dict[str, object], inputs: dict[str, Any]) -> None:
    """What both passes share is changed in both."""
    before = bare(HIRES)
    after = {name: (kind, given | inputs.get(name, {})) for name, (kind, given) in before.items()}
    assert written(job_of(HIRES).replace(edits)) == after


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("other.png", "other.png"),
        ("sub/in.png", "sub/in.png"),
        ("/home/me/in.png", "in.png"),  # a loader takes what lies in its own folder
        (r"C:\pictures\in.png", "in.png"),
    ],
)
def test_another_picture_is_a_change_of_its_widget(path: str, name: str) -> None:
    before = bare(WORKFLOWS["05_sd15_img2img"])
    art = paramc.compile(job_of(WORKFLOWS["05_sd15_img2img"]).replace({"task.init.path": path}), "comfyui")
    assert bare(json.loads(art.text)) == before | {"2": ("LoadImage", before["2"][1] | {"image": name})}
    assert "PC664" not in {said.code for said in art.diagnostics}


def test_a_text_that_ends_like_a_file_is_another_text() -> None:
    before = bare(WORKFLOWS["05_sd15_img2img"])
    (text,) = {node[1]["text"] for node in before.values() if node[0] == "CLIPTextEncode" and node[1]["text"]} - {
        job_of(WORKFLOWS["05_sd15_img2img"]).negative.text
    }
    after = written(job_of(WORKFLOWS["05_sd15_img2img"]).replace({"prompt": f"{text}.safetensors"}))
    assert f"{text}.safetensors" in {node[1].get("text") for node in after.values()}


@pytest.mark.parametrize("name", ["sub/in.png", "clipspace/mask.png [input]"])
def test_a_picture_keeps_its_folder_in_a_graph_written_anew(name: str) -> None:
    art = paramc.compile(
        job_of(WORKFLOWS["05_sd15_img2img"]).replace({"task.init.path": name}), "comfyui", options={"canonical": "true"}
    )
    (loader,) = (node for node in json.loads(art.text).values() if node["class_type"] == "LoadImage")
    assert (loader["inputs"]["image"], "PC664" in {said.code for said in art.diagnostics}) == (name, False)


def test_what_no_widget_can_say_makes_a_graph_anew_and_the_loss_is_told() -> None:
    job = job_of(WORKFLOWS["22_sd35"])
    art = paramc.compile(job.replace({"stages.hires.scale": 2.0, "stages.hires.strength": 0.5}), "comfyui")
    assert "LatentUpscale" in art.files[0].text
    assert {item.code for item in art.diagnostics} == {"PC664", "PC666"}
    assert {fate.grade for fate in art.report.fates if any("opaque" in path for path in fate.paths)} == {"dropped"}


def test_on_request_the_graph_is_written_anew() -> None:
    anew = written(job_of(HIRES), canonical="true")
    assert [kind for kind, _ in anew.values()].count("KSampler") == 2
    assert anew != bare(HIRES)


def test_titles_are_kept() -> None:
    api = json.loads(json.dumps(HIRES))
    api["2"]["_meta"] = {"title": "what I want"}
    text = paramc.compile(job_of(api), "comfyui").files[0].text
    assert json.loads(text)["2"]["_meta"] == {"title": "what I want"}
