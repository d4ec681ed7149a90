"""Texts copied from pages and programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.source.detect import open_source, open_text, read_source
from paramc.source.pasted import cleaned

PLAIN = 'a "cat" <lora:fur:0.8>, d & d\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1'
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
