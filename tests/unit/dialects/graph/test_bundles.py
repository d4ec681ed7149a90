"""Links that carry many things at once, and piles of networks."""

import json
from typing import Any

import pytest

import paramc
from paramc.ir.control import ExtraNetwork
from paramc.ir.job import Job

BASE: dict[str, tuple[str, dict[str, Any]]] = {
    "c": ("CheckpointLoaderSimple", {"ckpt_name": "m.safetensors"}),
    "p": ("CLIPTextEncode", {"text": "a cat", "clip": ["c", 1]}),
    "n": ("CLIPTextEncode", {"text": "dog", "clip": ["c", 1]}),
    "e": ("EmptyLatentImage", {"width": 512, "height": 640, "batch_size": 1}),
    "d": ("VAEDecode", {"samples": ["k", 0], "vae": ["c", 2]}),
    "s": ("SaveImage", {"images": ["d", 0], "filename_prefix": "x"}),
}
NUMBERS = {"seed": 7, "steps": 9, "cfg": 3.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0}


def read(**nodes: tuple[str, dict[str, Any]]) -> Job:
    graph = {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in (BASE | nodes).items()}
    return paramc.parse(json.dumps(graph), dialect="comfyui")


def seen(job: Job) -> tuple[object, ...]:
    name = job.assets.checkpoint.name if job.assets.checkpoint else None
    return (job.noise.seed, job.sampling.steps, job.sampling.sampler, job.prompt.text, job.negative.text, name)


ALL = (7, 9, "euler", "a cat", "dog", "m")


def sampler(pipe: str, slots: tuple[int, int, int]) -> tuple[str, dict[str, Any]]:
    model, positive, negative = ([pipe, slot] for slot in slots)
    return (
        "KSampler",
        NUMBERS | {"model": model, "positive": positive, "negative": negative, "latent_image": ["e", 0]},
    )


PACKED = {"model": ["c", 0], "clip": ["c", 1], "vae": ["c", 2], "positive": ["p", 0], "negative": ["n", 0]}


def test_what_is_put_into_a_pipe_comes_out_of_it() -> None:
    job = read(
        b=("ToBasicPipe", PACKED),
        u=("FromBasicPipe_v2", {"basic_pipe": ["b", 0]}),
        k=sampler("u", (1, 4, 5)),
    )
    assert seen(job) == ALL
    assert not job.patches


def test_an_edited_pipe_gives_what_was_changed_and_keeps_the_rest() -> None:
    job = read(
        b=("ToBasicPipe", PACKED),
        p2=("CLIPTextEncode", {"text": "a bird", "clip": ["c", 1]}),
        x=("EditBasicPipe", {"basic_pipe": ["b", 0], "positive": ["p2", 0]}),
        u=("FromBasicPipe", {"basic_pipe": ["x", 0]}),
        k=sampler("u", (0, 3, 4)),
    )
    assert (job.prompt.text, job.negative.text) == ("a bird", "dog")


def test_a_context_hands_on_what_the_one_before_it_holds() -> None:
    job = read(
        a=("Context (rgthree)", {"model": ["c", 0], "positive": ["p", 0]}),
        b=("Context (rgthree)", {"base_ctx": ["a", 0], "negative": ["n", 0]}),
        k=sampler("b", (1, 4, 5)),
    )
    assert seen(job) == ALL


def test_a_value_in_a_context_is_changed_where_it_stands() -> None:
    job = read(
        a=(
            "Context Big (rgthree)",
            {"model": ["c", 0], "positive": ["p", 0], "negative": ["n", 0], "steps": 9, "seed": 7},
        ),
        k=(
            "KSampler",
            NUMBERS
            | {"model": ["a", 1], "positive": ["a", 4], "negative": ["a", 5], "steps": ["a", 9], "seed": ["a", 8]}
            | {"latent_image": ["e", 0]},
        ),
    )
    changed = paramc.compile(job.replace({"sampling.steps": 30}), "comfyui").text
    assert seen(job) == ALL
    assert paramc.parse(changed).sampling.steps == 30


def test_a_sampler_takes_from_its_pipe_what_it_is_not_given() -> None:
    loader = {
        "ckpt_name": "m.safetensors", "vae_name": "Baked VAE", "clip_skip": -2, "lora_name": "None", "positive": "a cat",
        "negative": "dog", "empty_latent_width": 512, "empty_latent_height": 640, "batch_size": 1,
    }  # fmt: skip
    job = read(
        f=("easy fullLoader", loader),
        g=("easy preSampling", NUMBERS | {"pipe": ["f", 0]}),
        k=("easy kSampler", {"pipe": ["g", 0], "image_output": "Preview", "link_id": 0, "save_prefix": "x"}),
        s=("SaveImage", {"images": ["k", 1], "filename_prefix": "x"}),
    )
    assert seen(job) == ALL
    assert (job.size, job.text.layer) == ((512, 640), -2)


def test_a_circle_of_pipes_ends() -> None:
    job = read(
        a=("EditBasicPipe", {"basic_pipe": ["b", 0]}),
        b=("EditBasicPipe", {"basic_pipe": ["a", 0]}),
        u=("FromBasicPipe", {"basic_pipe": ["a", 0]}),
        k=sampler("u", (0, 3, 4)),
    )
    assert (job.noise.seed, job.prompt.text) == (7, "")


def networks(job: Job) -> list[tuple[str | None, float, float]]:
    return [(p.model.name, p.unet, p.text_encoder) for p in job.patches if isinstance(p, ExtraNetwork)]


@pytest.mark.parametrize(
    ("kind", "inputs", "expected"),
    [
        (
            "CR LoRA Stack",
            {
                "switch_1": "On", "lora_name_1": "a.safetensors", "model_weight_1": 0.5, "clip_weight_1": 0.4,
                "switch_2": "Off", "lora_name_2": "b.safetensors", "model_weight_2": 1, "clip_weight_2": 1,
            },
            [("a", 0.5, 0.4)],
        ),
        (
            "LoRA Stacker",
            {
                "input_mode": "simple", "lora_count": 1, "lora_name_1": "a.safetensors", "lora_wt_1": 0.7,
                "model_str_1": 0.1, "clip_str_1": 0.2, "lora_name_2": "b.safetensors", "lora_wt_2": 1,
            },
            [("a", 0.7, 0.7)],
        ),
        (
            "LoRA Stacker",
            {
                "input_mode": "advanced", "lora_count": 2, "lora_name_1": "None", "lora_name_2": "b.safetensors",
                "model_str_2": 0.1, "clip_str_2": 0.2,
            },
            [("b", 0.1, 0.2)],
        ),
        (
            "Lora Stacker (LoraManager)",
            {"loras": {"__value__": [{"name": "a", "strength": 0.3, "active": True, "clipStrength": 0.2}]}},
            [("a", 0.3, 0.2)],
        ),
    ],
)  # fmt: skip
def test_a_pile_of_networks_is_read(kind: str, inputs: dict[str, Any], expected: list[object]) -> None:
    job = read(
        t=(kind, inputs),
        l=("CR Apply LoRA Stack", {"model": ["c", 0], "clip": ["c", 1], "lora_stack": ["t", 0]}),
        p=("CLIPTextEncode", {"text": "a cat", "clip": ["l", 1]}),
        k=(
            "KSampler",
            NUMBERS | {"model": ["l", 0], "positive": ["p", 0], "negative": ["n", 0], "latent_image": ["e", 0]},
        ),
    )
    assert networks(job) == expected
    assert seen(job) == ALL


def test_piles_lie_on_one_another_in_the_order_of_their_links() -> None:
    one = {"switch_1": "On", "lora_name_1": "low.safetensors", "model_weight_1": 1, "clip_weight_1": 1}
    job = read(
        t=("CR LoRA Stack", one),
        u=("CR LoRA Stack", one | {"lora_name_1": "high.safetensors", "lora_stack": ["t", 0]}),
        l=("CR Apply LoRA Stack", {"model": ["c", 0], "clip": ["c", 1], "lora_stack": ["u", 0]}),
        k=(
            "KSampler",
            NUMBERS | {"model": ["l", 0], "positive": ["p", 0], "negative": ["n", 0], "latent_image": ["e", 0]},
        ),
    )
    assert [name for name, _, _ in networks(job)] == ["low", "high"]


@pytest.mark.parametrize(
    ("text", "language"), [("STYLE(A1111, mean) a (cat:1.2)", "a1111"), ("a (cat:1.2)", "comfyui")]
)
def test_a_style_that_a_text_begins_with_says_whose_weights_they_are(text: str, language: str) -> None:
    job = read(
        p=("PCTextEncode", {"text": text, "clip": ["c", 1]}),
        k=(
            "KSampler",
            NUMBERS | {"model": ["c", 0], "positive": ["p", 0], "negative": ["n", 0], "latent_image": ["e", 0]},
        ),
    )
    assert (job.prompt.text, job.text.language) == ("a (cat:1.2)", language)
