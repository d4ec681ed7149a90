"""Lists of files that a site puts beside the settings."""

import json

import pytest

import paramc
from paramc.backends.infotext import write_infotext
from paramc.dialects.registry import find_dialect
from paramc.ir.control import ExtraNetwork

CHECKPOINT = {"type": "checkpoint", "modelVersionId": 1, "modelName": "A model", "modelVersionName": "v2"}
LORA = {"type": "lora", "weight": 0.6, "modelName": "A style", "air": "urn:air:sdxl:lora:civitai:12@34"}


def text(*resources: object, prompt: str = "a cat", more: str = "") -> str:
    listed = json.dumps(resources, separators=(",", ":"))
    return (
        f"{prompt}\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64{more}, Civitai resources: {listed}"
    )


def networks(job: paramc.Job) -> list[tuple[str | None, float, str | None]]:
    return [(one.model.name, one.unet, one.model.urn) for one in job.patches if isinstance(one, ExtraNetwork)]


def test_the_checkpoint_is_known_by_the_list() -> None:
    checkpoint = paramc.parse(text(CHECKPOINT)).assets.checkpoint
    assert checkpoint
    assert (checkpoint.name, checkpoint.version) == ("A model", "v2")


def test_a_field_of_its_own_goes_before_the_list() -> None:
    checkpoint = paramc.parse(text(CHECKPOINT, more=", Model: own")).assets.checkpoint
    assert checkpoint
    assert checkpoint.name == "own"


def test_networks_are_switched_on_beside_the_prompt() -> None:
    assert networks(paramc.parse(text(LORA, {"type": "lycoris", "modelName": "b"}))) == [
        ("A style", 0.6, "urn:air:sdxl:lora:civitai:12@34"),
        ("b", 1.0, None),
    ]


def test_a_prompt_with_tags_says_its_networks_itself() -> None:
    assert networks(paramc.parse(text(LORA, prompt="a <lora:x:1>"))) == []


def test_other_types_are_only_noted() -> None:
    job = paramc.parse(text({"type": "upscaler", "modelName": "x"}))
    assert (job.patches, [key for key, _ in job.producer.notes]) == ((), ["Civitai resources"])


@pytest.mark.parametrize(
    "value", ['[1, "a", null]', '[{"type": "lora"}]', '[{"type": ["lora"], "modelName": 1}]', "[" * 2000, "x"]
)
def test_what_is_no_such_list_is_only_noted(value: str) -> None:
    job = paramc.parse(f"a\nSteps: 20, Sampler: Euler, Seed: 1, Civitai resources: {value}")
    assert (job.assets.checkpoint, job.patches) == (None, ())


def test_the_text_comes_back() -> None:
    source = text(CHECKPOINT, LORA)
    assert write_infotext(paramc.parse(source), find_dialect("a1111")) == source


def test_the_sites_own_record_has_such_a_list_too() -> None:
    record = {"prompt": "a", "cfgScale": 7, "resources": [{"type": "model", "name": "m", "hash": "0123456789"}]}
    checkpoint = paramc.parse(json.dumps(record)).assets.checkpoint
    assert checkpoint
    assert checkpoint.name == "m"


def test_strict_reading_leaves_the_list_alone() -> None:
    assert paramc.parse(text(CHECKPOINT), strict=True).assets.checkpoint is None


def test_a_network_that_only_its_version_names_is_told_from_others() -> None:
    job = paramc.parse(
        text({"type": "lora", "modelVersionId": 5}, {"type": "lora", "modelVersionId": 6, "weight": 0.5})
    )
    first, second = "urn:air:*:lora:civitai:*@5", "urn:air:*:lora:civitai:*@6"
    assert networks(job) == [(first, 1.0, first), (second, 0.5, second)]


def test_a_list_of_weights_switches_networks_on() -> None:
    job = paramc.parse(f'{text()}, Lora weights: "offset: 0.1, b: 0.7, c", Version: Fooocus v2.5.5')
    assert networks(job) == [("offset", 0.1, None), ("b", 0.7, None)]
