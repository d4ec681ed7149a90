"""Prompts from one language into another: exact where it says so, and everything else is named."""

import gzip
import json
from collections import Counter
from math import isclose
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramc
from paramc.cli import main

LANGUAGES = ["a1111", "forge", "sdnext", "reforge", "comfyui", "compel", "novelai"]
GOLDEN = Path(__file__).parents[2] / "golden" / "a1111" / "a1111_attention.jsonl.gz"
WORDS = st.sampled_from(
    ["cat", "a red fox", "old, town", "(", ")", "[", "]", "\\", ":", "1.2", "+", "BREAK", "é", "{", "}"]
)
PIECES = st.one_of(
    WORDS,
    st.builds(
        "({}:{})".format, st.sampled_from(["cat", "a b", "x, y"]), st.sampled_from(["1.2", "0.5", "1", "-1", "1.05"])
    ),
    st.sampled_from(["<lora:x:0.5>", " AND ", "[a:b:0.5]", "[a|b]", "{c}", "(d)1.3", "e++", "f BREAK g"]),
)
TEXTS = st.lists(PIECES, max_size=6).map(" ".join)


def merged(runs: object) -> list[tuple[str, float]]:
    """Runs without white space, neighbours of one weight as one."""
    found: list[tuple[str, float]] = []
    assert isinstance(runs, tuple)
    for text, weight in runs:
        bare = "".join(text.split())
        if bare and found and isclose(weight, found[-1][1], rel_tol=1e-9):
            found[-1] = (found[-1][0] + bare, found[-1][1])
        elif bare:
            found.append((bare, weight))
    return found


@pytest.mark.parametrize("target", LANGUAGES)
@given(text=TEXTS)
def test_a_conversion_without_warnings_reads_back_the_same(target: str, text: str) -> None:
    rephrased = paramc.rephrase(text, "a1111", target)
    if any(item.severity == "warning" for item in rephrased.diagnostics):
        return
    texts = ((paramc.prompt(text).text, "a1111"), (paramc.prompt(rephrased.text, target).text, target))
    mine, theirs = (paramc.prompt(one, name) for one, name in texts)
    for part, other in zip(mine.branches(), theirs.branches(), strict=True):
        steps = zip(paramc.prompt(part[0]).schedule(20), paramc.prompt(other[0], target).schedule(20), strict=True)
        for (_, one_text), (_, other_text) in steps:
            one, two = merged(paramc.prompt(one_text).runs()), merged(paramc.prompt(other_text, target).runs())
            assert [text for text, _ in one] == [text for text, _ in two]
            assert all(isclose(a, b, rel_tol=1e-9) for (_, a), (_, b) in zip(one, two, strict=True))


def test_the_texts_of_these_tests_are_of_every_kind() -> None:
    """A census: conversions with and without each loss."""
    seen: Counter[str] = Counter()

    @settings(max_examples=300)
    @given(TEXTS, st.sampled_from(LANGUAGES))
    def count(text: str, target: str) -> None:
        codes = {item.code for item in paramc.rephrase(text, "a1111", target).diagnostics}
        seen.update(codes or {"none"})

    count()
    assert {"none", "PC219", "PC220", "PC221", "PC222", "PC223", "PC224"} <= set(seen)


@pytest.mark.parametrize("source", LANGUAGES)
@pytest.mark.parametrize("target", LANGUAGES)
def test_any_language_is_written_in_any_other(source: str, target: str) -> None:
    assert "cat" in paramc.rephrase("a cat, dog", source, target).text


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("a (cat:1.3) sits", "comfyui", "a (cat:1.3) sits"),
        ("a ((cat:1.2):1.5)", "comfyui", "a (cat:1.7999999999999998)"),
        ("a [dog]", "comfyui", "a (dog:0.9090909090909091)"),
        ("a (cat:1.3) sits", "compel", "a (cat)1.3 sits"),
        ("a (cat:1.3) sits", "novelai", "a 1.3::cat:: sits"),
        ("a cat <lora:x:0.5>", "forge", "a cat <lora:x:0.5>"),
        ("(small\\)", "comfyui", "(small\\):1.1)"),
    ],
)
def test_a_prompt_is_written_as_a_person_would(text: str, target: str, expected: str) -> None:
    assert paramc.rephrase(text, "a1111", target).text == expected


def test_recorded_prompts_become_comfyui_prompts_with_the_same_weights() -> None:
    """1,773 of 1,773 records without breaks, as measured with both programs."""
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    exact = total = 0
    for text in texts:
        runs = paramc.prompt(text).runs()
        if any(piece == "BREAK" for piece, _ in runs):
            continue
        total += 1
        codes = {item.code for item in paramc.rephrase(text, "a1111", "comfyui").diagnostics}
        exact += not codes & {"PC220", "PC221", "PC223"}
    assert exact / total > 0.85  # the others change while sampling or have parts


def test_the_command_prints_the_text_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", "a (cat:1.3)", "--to", "comfyui"]) == 0
    assert capsys.readouterr().out == "a (cat:1.3)\n"


def test_the_command_shows_what_a_prompt_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", "a (cat)1.3", "--from", "compel"]) == 0
    assert "1.3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "target", "text", "written"),
    [
        ("comfyui", "a1111", "a, embedding:easy, (embedding:bad-5.v2:1.2)", "a, easy, (bad-5.v2:1.2)"),
        ("comfyui", "a1111", "an xembedding:easy", "an xembedding:easy"),
        ("comfyui", "fooocus", "a, embedding:easy", "a, embedding:easy"),
        ("comfyui", "swarmui", "a, embedding:easy", "a, <embed:easy>"),
        ("swarmui", "a1111", "a <embed:easy> (<embed:b>:1.2)", "a easy (b:1.2)"),
        ("a1111", "comfyui", "a, easy", "a, easy"),
    ],
)
def test_a_textual_inversion_is_named_as_the_other_language_does(
    source: str, target: str, text: str, written: str
) -> None:
    found = paramc.rephrase(text, source, target)
    assert (found.text, [item.code for item in found.diagnostics if item.code != "PC224"]) == (written, [])


@pytest.mark.parametrize(
    ("target", "written"),
    [("fooocus", "a, (embedding:Easy:1.2), easynet"), ("swarmui", "a, (<embed:Easy>:1.2), easynet")],
)
def test_a_name_alone_is_known_by_the_hashes_beside_it(target: str, written: str) -> None:
    text = 'a, (easy:1.2), easynet\nSteps: 20, Sampler: Euler, Seed: 1, TI hashes: "Easy: 0123456789ab"'
    assert paramc.parse(paramc.convert(text, to=target).text).prompt.text == written
