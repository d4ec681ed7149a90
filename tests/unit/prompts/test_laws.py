"""The laws of conversion, over every ordered pair of prompt languages: what is not named is exact."""

from collections import Counter
from math import isclose
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramc.dialects.language import Language
from paramc.dialects.rephrase import rephrase
from paramc.dialects.weights import Runs
from tests.unit.prompts.records import ATTENTION, language, records

LANGUAGES: dict[str, Language] = {
    name: language(name)
    for name in (
        "a1111", "forge", "reforge", "sdcpp", "sdnext", "sdnext_a1111", "comfyui", "fooocus", "fooocus_a1111", "swarmui",
        "compel", "novelai", "diffusers", "easydiffusion_2",
    )
} | {f"sdnext as {mode}": language("sdnext", parser=mode) for mode in ("compel", "xhinker", "fixed")}  # fmt: skip
STEPS = 20
WORDS = st.sampled_from(
    ["cat", "a red fox", "old, town", "x", "(", ")", "[", "]", "{", "}", "<", ">", "\\", "\\(", "\\)", ":", "::", "1.2",
     "+", "-", "=", "|", "#", '"', "BREAK", "AND", "é", "C++", "<break>", "f1.8", "  ", "."]
)  # fmt: skip
FORMS = {
    "a1111": ["({}:1.2)", "(({}))", "[{}]", "[{}:b:0.5]", "[{}|b]", "{} BREAK b", "{} AND b :0.5", "<lora:{}:0.5>"],
    "reforge": ["({}:x2)", "({}:x1.5)"],
    "comfyui": ["({}:1.2)", "({} (b:1.3):0.7)", "(({}))", "\\({}\\)"],
    "fooocus": ["({}:1.2)", "<lora:{}:0.5>", "<hypernet:{}:1>"],
    "swarmui": [
        "({}:1.2)",
        "<lora:{}:0.5>",
        "<alternate:{}, b>",
        "<fromto[0.5]:{}, b>",
        "<random:{}, b>",
        "{}<break>b",
    ],
    "compel": ["({})1.2", '"{}"++', "{}--", "({}).attend(0.5)", '("{}", "b").blend(0.5, 0.5)', "withLora({},0.5)"],
    "easydiffusion_2": ["({})", "[{}]", "{}:2 b:1"],
    "novelai": ["{{{}}}", "[{}]", "1.5::{}::", "{}|b", "-1::{}::"],
}
KIN = {"fooocus_a1111": "fooocus", "sdnext as compel": "compel"}


def texts(name: str) -> st.SearchStrategy[str]:
    """Texts with the forms of a language, and with signs that mean something in others."""
    forms = FORMS.get(KIN.get(name, name), []) + (FORMS["a1111"] if name not in FORMS and name not in KIN else [])
    weighted = st.builds(str.format, st.sampled_from(forms), st.sampled_from(["cat", "a b", "x, y", "c:d", "C++"]))
    return st.lists(st.one_of(WORDS, weighted, weighted), max_size=4).map(" ".join)


def merged(runs: Runs) -> list[tuple[str, float]]:
    """Runs without white space, neighbours of one weight as one."""
    found: list[tuple[str, float]] = []
    for text, weight in runs:
        bare = "".join(text.split())
        if bare and found and isclose(weight, found[-1][1], rel_tol=1e-12):
            found[-1] = (found[-1][0] + bare, found[-1][1])
        elif bare:
            found.append((bare, weight))
    return found


def meaning(text: str, speaks: Language) -> list[object]:
    """Networks, and per part its weight and what each step sees, to the last digits but two."""
    untagged = speaks.networks.split(text)
    parts: list[object] = [(tag.kind, tag.items) for tag in untagged.tags]
    for part in speaks.branches.split(untagged.text):
        steps: list[object] = []
        begin = 0
        for end, entry in speaks.edits.schedule(part.text, STEPS):
            runs = [(piece, float(f"{weight:.10g}")) for piece, weight in merged(speaks.weights.runs(entry))]
            steps += [runs] * (end - begin)
            begin = end
        parts.append((part.weight, steps))
    return parts


@pytest.mark.parametrize("source", LANGUAGES)
@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_carries_no_warning_reads_back_the_same(source: str, data: st.DataObject) -> None:
    text = data.draw(texts(source))
    target = data.draw(st.sampled_from(list(LANGUAGES)))
    said = rephrase(text, LANGUAGES[source], LANGUAGES[target])
    if not any(item.severity == "warning" for item in said.diagnostics):
        assert meaning(said.text, LANGUAGES[target]) == meaning(text, LANGUAGES[source])


def test_these_texts_are_exact_and_lossy_between_all_languages() -> None:
    """A census over the ordered pairs."""
    seen: Counter[tuple[str, str, bool]] = Counter()

    @settings(max_examples=20, deadline=None)
    @given(st.data())
    def count(data: st.DataObject) -> None:
        for source in LANGUAGES:
            text = data.draw(texts(source))
            for target in LANGUAGES:
                said = rephrase(text, LANGUAGES[source], LANGUAGES[target])
                seen[source, target, not said.diagnostics] += 1

    count()
    pairs = [(source, target) for source in LANGUAGES for target in LANGUAGES]
    assert [pair for pair in pairs if not seen[*pair, True]] == []
    lossless = {pair for pair in pairs if not seen[*pair, False]}
    assert lossless >= {(name, name) for name in LANGUAGES}
    assert len(lossless) < len(pairs) / 3


@pytest.mark.parametrize("target", ["comfyui", "fooocus", "swarmui"])
def test_every_recorded_prompt_without_breaks_is_exact_for_kin_of_comfyui(target: str) -> None:
    every = [
        [(text, weight) for text, weight in record["out"]]
        for record in map(dict, records(ATTENTION))
        if record.get("out")
    ]
    flat = [tuple(runs) for runs in every if all(text != "BREAK" for text, _ in runs)]
    speaks = LANGUAGES[target]
    assert len(flat) > 1700
    assert [runs for runs in flat if merged(speaks.weights.runs(speaks.writing.write(runs))) != merged(runs)] == []


@pytest.mark.parametrize("name", [name for name in LANGUAGES if name not in ("diffusers", "sdnext as fixed")])
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_normalising_twice_is_normalising_once(name: str, data: st.DataObject) -> None:
    speaks = LANGUAGES[name]
    words = st.text("abc ,.é", max_size=8)
    weights = st.sampled_from([1.0, 1.1, 0.9, 1.05, 2.0, 0.25])
    runs = tuple(data.draw(st.lists(st.tuples(words, weights), max_size=5)))
    once = speaks.writing.write(speaks.weights.runs(speaks.writing.write(runs)))
    assert speaks.writing.write(speaks.weights.runs(once)) == once


@pytest.mark.slow
@pytest.mark.parametrize("text", ["(" * 20_000, "(a:1.1)" * 3000, "[a:" * 7000, "<alternate:a," * 2000, "{a|" * 7000])
@pytest.mark.parametrize("source", ["a1111", "swarmui", "novelai", "comfyui", "compel"])
def test_hostile_prompts_are_rewritten_in_a_moment(source: str, text: str) -> None:
    start = process_time()
    for target in ("a1111", "swarmui", "compel"):
        rephrase(text, LANGUAGES[source], LANGUAGES[target])
    assert process_time() - start < 10  # a quadratic way takes minutes
