"""Prompts that stand in a script of the style `exact` in pieces: what was changed in them is read back."""

import pytest

import paramc
from paramc.api import Loaded, load
from paramc.source.detect import open_text

SETTINGS = "Negative prompt: fog, <lora:y:1>\nSteps: 4, Sampler: Euler, Seed: 1, Size: 512x512, Model: dream"
TEXT = "a (cat:1.2), on grass BREAK big <lora:x:0.5>"


def edited(prompt: str, old: str = "", new: str = "", **more: object) -> Loaded:
    """The script of a prompt read back, with one word in its constants replaced."""
    job = paramc.parse(f"{prompt}\n{SETTINGS}").replace(more)
    script = paramc.compile(job, "diffusers", options={"style": "exact"}).text
    start = script.index("PROMPT = ")
    return load(open_text(script[:start] + script[start:].replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "prompt"),
    [
        ("", "", TEXT),
        ("cat", "dog", "a (dog:1.2), on grass BREAK big <lora:x:0.5>"),
        (" on grass", "", "a (cat:1.2), BREAK big <lora:x:0.5>"),
        ("1.2", "0.8", "a (cat:0.8), on grass BREAK big <lora:x:0.5>"),
        ('"cat"', '"(cat)"', r"a (\(cat\):1.2), on grass BREAK big <lora:x:0.5>"),
        ("None, ", "", "a (cat:1.2), on grassbig <lora:x:0.5>"),
    ],
)
def test_an_edited_prompt_is_put_together_again(old: str, new: str, prompt: str) -> None:
    assert edited(TEXT, old, new).job.prompt.text == prompt


def test_an_edited_negative_keeps_its_tags_as_words() -> None:
    job = edited(TEXT, "fog", "mist").job
    assert (job.prompt.text, job.negative.text) == (TEXT, "mist, <lora:y:1>")


@pytest.mark.parametrize("prompt", ["a [cat:dog:0.5]", "a cat AND a dog", "[adorable smile:1.2] now"])
def test_a_prompt_of_several_texts_is_not_put_together(prompt: str) -> None:
    assert edited(prompt).job.prompt.text == prompt
    loaded = edited(prompt, '"a ' if prompt[0] == "a" else "now", '"a bird ' if prompt[0] == "a" else "bird")
    assert (loaded.job.prompt.text, [said.code for said in loaded.diagnostics]) == (prompt, ["PC708"])


@pytest.mark.parametrize("emphasis", ["none", "ignore"])
def test_weights_that_do_not_count_are_no_edits(emphasis: str) -> None:
    assert edited(TEXT, **{"text.emphasis": emphasis}).job.prompt.text == TEXT


def test_an_edited_text_of_comfyui_is_spelt_as_there() -> None:
    graph = paramc.compile(paramc.parse(f"a cat\n{SETTINGS}"), "comfyui").text
    script = paramc.compile(paramc.parse(graph), "diffusers", options={"style": "exact"}).text
    job = paramc.parse(script.replace('("a cat", 1.0)', '("a cat", 1.3)', 1))
    assert job.prompt.text == "(a cat:1.3)"
