"""Texts copied from pages and programs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.source.detect import open_source, open_text, read_source
from paramc.source.pasted import cleaned

PLAIN = 'a "cat" <lora:fur:0.8>, d & d\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1'
FIELDS = [("Prompt", 'a "cat" <lora:fur:0.8>, d & d'), ("Negative prompt", "dog"), ("Steps", "20"), ("Sampler", "Euler a"),
          ("CFG scale", "7"), ("Seed", "1")]  # fmt: skip
PROMPTS, SETTINGS = PLAIN.rsplit("\n", 1)
ESCAPED = PLAIN.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@pytest.mark.parametrize(
    "pasted",
    [
        ESCAPED,
        ESCAPED.replace("\n", "<br>"),
        "<pre>" + ESCAPED + "</pre>",
        "<p>" + ESCAPED.replace("\n", "<br />\n") + "</p>",
        "```\n" + PLAIN + "\n```",
        "```text\n" + PLAIN + "\n```\n",
        "Generation data\nCopy\n" + PLAIN + "\nSend to txt2img\nSend to img2img",
        "> " + PLAIN.replace("\n", "\n> "),
        "Parameters                      : " + PLAIN.replace("\n", "."),
        'Prompt\nCopy\na "cat" <lora:fur:0.8>, d & d\nNegative prompt\nCopy\ndog\nOther metadata\n'
        "Steps\n20\nSampler\nEuler a\nCFG scale\n7\nSeed\n1",
    ],
)
def test_a_page_leaves_no_trace(pasted):
    source = open_text(pasted)
    assert (source.text.strip(), [problem.code for problem in source.diagnostics]) == (PLAIN, ["PC116"])


@pytest.mark.parametrize(
    "pasted",
    [
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\\n"),
        PLAIN.replace("\n", "\\r\\n"),
        PLAIN.replace("\n", " "),
        json.dumps(PLAIN),
        repr(PLAIN),
        "\n".join(f"`{line}`" for line in PLAIN.split("\n")),
        f"My settings:\n\n```\n{PLAIN}\n```\nhave fun",
        f"{PROMPTS}\n```\n{SETTINGS}\n```",
        "```\n{}\n```\n```\n{}\n```\n```\n{}\n```".format(*PLAIN.rsplit("\n", 2)),
        f"somebody — Today at 12:34 PM\n{PLAIN}",
        f"u/fox_lover • 3h ago\n{PLAIN}\nReply\nShare",
        f"**some body**:\n{PLAIN}",
        f"{PLAIN}\n\n{PLAIN}\n",
        f"ExifTool Version Number         : 12.40\nParameters                      : {PLAIN.replace(chr(10), '.')}\n"
        "Image Size                      : 8x8",
        PLAIN.replace("Negative prompt", "NEGATIVE PROMPT"),
        PLAIN.replace("Negative prompt", "negative_prompt"),
        PLAIN.replace("\nNegative", "\n\u200bNegative"),
        f"{PROMPTS}\n{SETTINGS.lower().replace('euler', 'Euler')}",
        f"{PROMPTS}\n{SETTINGS.replace(', ', '; ')}",
        f"{PROMPTS}\n{SETTINGS.replace(', ', ' | ')}",
        f"{PROMPTS}\n{SETTINGS.replace(': ', '：')}",
        "\n".join(f"{name}: {value}" for name, value in FIELDS),
        "\n".join(f"- **{name}**: {value}" for name, value in FIELDS),
        "\n".join(f"* **{name}:** {value}" for name, value in FIELDS),
        "\n".join(f"{name.lower()} = {value}" for name, value in FIELDS),
        "\n".join(f"{name}\t{value}" for name, value in FIELDS),
        "\n\n".join(f"**{name}:** {value}" for name, value in FIELDS[:2])
        + "\n\n"
        + ", ".join(f"**{name}**: {value}" for name, value in FIELDS[2:]),
        "Prompt\n{}\nNegative prompt\n{}\nOther metadata\nsteps: {}\nsampler: {}\ncfgScale: {}\nseed: {}".format(
            *dict(FIELDS).values()
        ),
        "Prompt\n\n{}\n\nNegative prompt\n\n{}\n\nSteps: {}\nSampler: {}\nGuidance: {}\nSeed: {}".format(
            *dict(FIELDS).values()
        ),
        "| Key | Value |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in FIELDS),
    ],
)
def test_settings_laid_out_anew_are_settings_again(pasted: str) -> None:
    source = open_text(pasted)
    assert (source.text.strip(), [problem.code for problem in source.diagnostics]) == (PLAIN, ["PC116"])


def test_a_list_keeps_the_fields_that_nobody_knows() -> None:
    pasted = "- Prompt: a cat\n- Steps: 20\n- Seed: 1\n- My own: x, y\n- Sampler: Euler a"
    assert open_text(pasted).text == 'a cat\nSteps: 20, Seed: 1, My own: "x, y", Sampler: Euler a'


def test_of_two_texts_the_last_is_read_and_told() -> None:
    other = PLAIN.replace("cat", "fox").replace("Seed: 1", "Seed: 2")
    source = open_text(f"{other}\nTemplate: a {{b|c}}\n---\n{PLAIN}")
    assert (source.text, [problem.code for problem in source.diagnostics]) == (PLAIN, ["PC281"])


@pytest.mark.parametrize(
    "text",
    [
        "my steps: - one\n- two: three\n- seed: of all",
        "Prompt: a cat\nSteps: 20, Sampler: Euler a, Seed: 1",
        "a cat, seed | size | steps",
        "a: b\nc: d\nSteps to heaven: 3",
        f"{PROMPTS}, `code`\n{SETTINGS}, Model: a | Seed: b; Size: c",
        f"Negative prompt: a\n{SETTINGS}\n{SETTINGS}",
        '"a" and "b"\nSteps: 20, Seed: 1',
        "a (\\nude:1.2) cat",
        "**a red fox**\nin the snow",
        f"**a red fox**\n{SETTINGS}",
        "a photo, 12.11.2022 10:30\na cat, " + "long " * 9,
        "Prompt of a tall woman\n- Model: Kate\n- Size: large\n- Resolution: 8k\n- Version: dark",
        "| Model | woman |\n| Size | large |\n| Version | b |",
        "model = tall\nsize = big\nseed = apple",
        "model = tall; size = big; steps = stone",
        f"{PROMPTS}\n{SETTINGS}\nTemplate: a\nSteps: 3",
        "a cat, see Steps: 3 of it",
        f"{PROMPTS}\nCFG Scale: 7, Steps: 20, Seed: 1, Size: 8x8",
        f"{PROMPTS}\n{SETTINGS.replace(', ', chr(10))}",
    ],
)
def test_what_is_laid_out_as_usual_is_kept(text: str) -> None:
    assert open_text(text).text == text


def test_a_text_of_its_own_stays_as_it_is():
    source = open_text(PLAIN)
    assert (source.text, source.diagnostics) == (PLAIN, ())


@pytest.mark.parametrize(
    "text",
    [
        "copy of a prompt\nSteps: 20",
        "a cat\nprompt\nSteps: 20, Seed: 1",
        "Tom & Jerry; friends",
        "a\n> b\nSteps: 2",
        '{"prompt": "a &lt;b&gt; c"}',
        "Steps\nand stairs\nin the rain",
        "(a:1.2)\n\n\nb",
        "<lora:x:1>",
    ],
)
def test_what_only_looks_a_little_like_a_page_is_kept(text):
    assert open_text(text).text == text


def test_escaped_json_is_json_again():
    assert open_text("{&quot;prompt&quot;: &quot;a&quot;}").text == '{"prompt": "a"}'


def test_entities_are_resolved_once():
    assert cleaned("a &amp;lt; b")[0] == "a &lt; b"


def test_a_verbatim_text_keeps_everything():
    assert open_text(ESCAPED, verbatim=True).text == ESCAPED


def test_the_heading_of_the_program_goes_with_files_and_pastes_only():
    """A1111's own reader takes it for prompt, and a library is not to know better."""
    text = "parameters\n\n" + PLAIN
    assert (open_text(text).text, open_source(text).text.strip()) == (text, PLAIN)


def test_the_name_of_the_prompt_goes_with_pastes_only() -> None:
    text = "Prompt: " + PLAIN
    assert (open_text(text).text, open_source(text).text) == (text, PLAIN)


def test_a_text_of_more_lines_than_a_page_has_is_kept() -> None:
    text = "> a\n" * 20_001
    assert open_text(text).text == text


def test_texts_of_images_are_never_touched(build):
    assert read_source(build.png(build.text("parameters", ESCAPED.encode()))).text == ESCAPED


@given(
    st.lists(
        st.sampled_from(["copy", "\n", "&lt;", "<br>", "</p>", "> ", "```", "Steps", "é", ": ", "20", "&#60;", "{"])
    )
)
def test_cleaning_never_fails_and_only_takes_away_or_resolves(pieces):
    text = "".join(pieces)
    assert cleaned(text)[0].count("é") == text.count("é")
