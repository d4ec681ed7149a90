"""Regions that are found and painted anew: by nodes of a pack, for those who ask for them."""

import json
from typing import Any

import pytest

import paramc
from paramc.ir.stages import Detailer
from tests.unit.backends.graph.plans import every, only

TEXT = """a lighthouse, <lora:fog:0.8> (red:1.2)
Negative prompt: rain
Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 5, Size: 512x768, Clip skip: 2, ADetailer model: {model}, \
{more}ADetailer confidence: 0.35, ADetailer dilate erode: 6, ADetailer mask blur: 5, ADetailer denoising strength: 0.4, \
ADetailer inpaint only masked: True, ADetailer inpaint padding: 32, ADetailer version: 24.3.0, Version: v1.9.0"""


def detailed(model: str = "face_yolov8n.pt", more: str = "") -> dict[str, Any]:
    made = paramc.compile(paramc.parse(TEXT.format(model=model, more=more)), "comfyui", options={"detailer": True})
    assert "PC790" not in {item.code for item in made.diagnostics}
    graph: dict[str, Any] = json.loads(made.files[0].text)
    return graph


def test_without_the_packs_there_is_no_node_for_them() -> None:
    text = paramc.convert(TEXT.format(model="face_yolov8n.pt", more=""), "comfyui").files[0].text
    assert "Detailer" not in text


def test_a_region_is_painted_with_the_numbers_of_the_detailer() -> None:
    graph = detailed()
    inputs = only(graph, "FaceDetailer")
    asked = (
        "seed",
        "steps",
        "cfg",
        "sampler_name",
        "scheduler",
        "denoise",
        "feather",
        "bbox_threshold",
        "bbox_dilation",
    )
    assert [inputs[name] for name in asked] == [5, 9, 7.0, "dpmpp_2m", "karras", 0.4, 5, 0.35, 6]
    assert (inputs["guide_size"], inputs["max_size"]) == (512, 768)
    assert only(graph, "SaveImage")["images"] == [key_of(graph, "FaceDetailer"), 0]


def key_of(graph: dict[str, Any], class_type: str) -> str:
    (key,) = [key for key, node in graph.items() if node["class_type"] == class_type]
    return key


def test_model_and_texts_are_those_of_the_pass() -> None:
    graph = detailed()
    region, whole = only(graph, "FaceDetailer"), only(graph, "KSampler")
    assert [region[name] for name in ("model", "positive", "negative")] == [
        whole[name] for name in ("model", "positive", "negative")
    ]


def test_a_text_of_its_own_may_hold_the_main_one() -> None:
    graph = detailed(more='ADetailer prompt: "[PROMPT], (smile:1.3) <lora:joy:1>", ')
    text = graph[only(graph, "FaceDetailer")["positive"][0]]["inputs"]
    assert text["text"] == "a lighthouse,  (red:1.2), (smile:1.3)"
    assert text["clip"] == [key_of(graph, "CLIPSetLastLayer"), 0]


def test_of_texts_for_single_regions_the_first_one_is_taken() -> None:
    graph = detailed(more='ADetailer prompt: "a face [SEP] a mouse", ')
    assert graph[only(graph, "FaceDetailer")["positive"][0]]["inputs"]["text"] == "a face"


def test_steps_are_those_that_the_job_runs_after_a_second_pass_too() -> None:
    """A1111 runs the share of 20 steps, and one; FaceDetailer as many as it is told, of a longer schedule."""
    graph = detailed(more="Denoising strength: 0.5, Hires upscale: 2, Hires steps: 8, Hires upscaler: Latent, ")
    assert only(graph, "FaceDetailer")["steps"] == 9


def test_steps_of_a_graph_are_all_run() -> None:
    job = paramc.parse(json.dumps(detailed()))
    made = paramc.compile(job, "comfyui", options={"detailer": True, "canonical": True})
    assert only(json.loads(made.text), "FaceDetailer")["steps"] == 9


def test_a_region_is_not_steered_by_the_picture_of_the_whole() -> None:
    graph = detailed(more='ControlNet 0: "Module: none, Model: canny, Weight: 1", ')
    assert graph[only(graph, "KSampler")["positive"][0]]["class_type"] == "ControlNetApplyAdvanced"
    assert graph[only(graph, "FaceDetailer")["positive"][0]]["class_type"] == "CLIPTextEncode"


def test_a_text_of_its_own_holds_the_guidance_of_a_distilled_model() -> None:
    more = 'ADetailer prompt: "a face", Distilled CFG Scale: 2.5, Module 1: ae, Module 2: clip_l, Module 3: t5xxl, '
    made = paramc.compile(
        paramc.parse(TEXT.format(model="face_yolov8n.pt", more=more) + ", Model: flux1-dev, Version: f2.0.1"),
        "comfyui",
        options={"detailer": True},
    )
    graph = json.loads(made.text)
    guided = graph[only(graph, "FaceDetailer")["positive"][0]]
    assert (guided["class_type"], guided["inputs"]["guidance"]) == ("FluxGuidance", 2.5)


def test_another_checkpoint_reads_the_texts_itself() -> None:
    graph = detailed(more="ADetailer use separate checkpoint: True, ADetailer checkpoint: other, ")
    region = only(graph, "FaceDetailer")
    assert graph[region["model"][0]]["inputs"] == {"ckpt_name": "other.safetensors"}
    assert graph[region["vae"][0]]["inputs"] == {"ckpt_name": "other.safetensors"}
    assert graph[graph[region["positive"][0]]["inputs"]["clip"][0]]["inputs"]["clip"][0] == region["model"][0]


@pytest.mark.parametrize(
    ("model", "file"),
    [
        ("hand_yolov8s.pt", "bbox/hand_yolov8s.pt"),
        ("person_yolov8n-seg.pt", "segm/person_yolov8n-seg.pt"),
        ("mediapipe_face_full", "bbox/face_yolov8n.pt"),
        ("bbox/own.pt", "bbox/own.pt"),
    ],
)
def test_a_detector_is_in_the_folder_of_its_kind(model: str, file: str) -> None:
    assert only(detailed(model), "UltralyticsDetectorProvider") == {"model_name": file}


def test_regions_are_painted_one_after_the_other() -> None:
    graph = detailed(more="ADetailer model 2nd: hand_yolov8n.pt, ")
    first, second = (key for key, node in graph.items() if node["class_type"] == "FaceDetailer")
    assert graph[second]["inputs"]["image"] == [first, 0]
    assert len(every(graph, "UltralyticsDetectorProvider")) == 2


def test_detailers_come_back_from_their_graph() -> None:
    back = paramc.parse(json.dumps(detailed(more='ADetailer prompt: "a door", ')))
    (stage,) = back.stages
    assert isinstance(stage, Detailer)
    assert (stage.model, stage.prompt, stage.negative, stage.strength) == ("bbox/face_yolov8n.pt", "a door", "", 0.4)
    assert (stage.confidence, stage.dilation, stage.steps, stage.sampler) == (0.35, 6, 9, "dpmpp_2m")
