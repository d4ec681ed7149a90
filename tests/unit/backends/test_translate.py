"""Settings of one program written for another: the prompt changes its language with them."""

import pytest

import paramc

SCRIPT = """
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained("a/b")
pipe.load_lora_weights("style.safetensors", adapter_name="s")
pipe.set_adapters(["s"], [0.6])
pipe({prompt!r}, negative_prompt="(bad)", num_inference_steps=20)
"""


def settings_of(prompt: str) -> str:
    return paramc.convert(SCRIPT.format(prompt=prompt), "a1111").files[0].text


def test_a_plain_text_is_escaped_and_networks_become_tags() -> None:
    written = settings_of("a [cat] (in a hat)").splitlines()
    assert written[:2] == [r"a \[cat\] \(in a hat\) <lora:style:0.6>", r"Negative prompt: \(bad\)"]


@pytest.mark.parametrize("prompt", ["a cat", "a (b:1.2) [c|d]", "x AND y", "a\\", "<lora:x:1>", "1:2"])
def test_the_text_is_the_same_when_it_is_read_again(prompt: str) -> None:
    artifact = paramc.convert(SCRIPT.format(prompt=prompt), "a1111")
    back = paramc.parse(artifact.files[0].text)
    branch = paramc.prompt(back.prompt.text).branches()[0]
    read = "".join(text for text, _ in paramc.prompt(paramc.prompt(branch[0]).text).runs()).strip()
    if any(item.code in {"PC219", "PC220", "PC221", "PC222", "PC223"} for item in artifact.diagnostics):
        return
    assert read == prompt


def test_a_loss_counts_in_the_report() -> None:
    script = SCRIPT.format(prompt="x AND y")
    fates = {path: fate.grade for fate in paramc.convert(script, "a1111").report.fates for path in fate.paths}
    assert fates["prompt"] == "approximate"


def test_what_is_in_the_programs_own_language_stays_as_it_is() -> None:
    text = "a (cat:1.2) [x:y:0.3]\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: x, Version: v1.10.1"
    assert paramc.convert(text, "a1111").files[0].text == text
