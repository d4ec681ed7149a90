"""Scripts that encode prompts by themselves: what of a prompt stands in them, and what is said of the rest."""

import ast
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.backends.pieces import pieces
from paramc.backends.report import Grade
from paramc.ir.plan import Encode, Run, Variant
from tests.unit.backends.scripts import PLAIN, arguments, code, constants, script, with_family

EXACT = (("prompts", "exact"),)
SHORT = PLAIN.replace("a cat", "a (cat:1.3)", 1)


def grade(text: str, base: str = "sd1") -> Grade:
    """How well the prompt is kept."""
    report = paramc.compile(with_family(text, base, base), "diffusers", options=dict(EXACT)).report
    return next(fate.grade for fate in report.fates if fate.paths == ("prompt",))


@pytest.mark.parametrize("base", ["sd1", "sd2", "sdxl"])
def test_weights_stand_beside_their_pieces(base: str) -> None:
    found = constants(script(SHORT, base, base, EXACT))
    assert found["PROMPT"] == [("a ", 1.0), ("cat", 1.3)]
    assert found["NEGATIVE_PROMPT"] == [("bad", 1.0)]
    assert found["EMPHASIS"] == "original"
    assert grade(SHORT, base) == "exact"


def test_a_break_is_none() -> None:
    text = PLAIN.replace("a cat", "a cat BREAK a dog", 1)
    assert constants(script(text, options=EXACT))["PROMPT"] == [("a cat", 1.0), None, ("a dog", 1.0)]


@pytest.mark.parametrize(("mode", "weight"), [("No norm", 1.3), ("Ignore", 1.0)])
def test_the_way_of_emphasis_decides_whether_weights_count(mode: str, weight: float) -> None:
    found = constants(script(f"{SHORT}, Emphasis: {mode}", options=EXACT))
    assert (found["EMPHASIS"], found["PROMPT"]) == ("no_norm", [("a ", 1.0), ("cat", weight)])


def test_a_negative_prompt_without_a_character_is_left_to_sdxl() -> None:
    text = SHORT.replace("Negative prompt: bad\n", "")
    assert "NEGATIVE_PROMPT" not in constants(script(text, "sdxl", "sdxl", EXACT))
    assert constants(script(text, options=EXACT))["NEGATIVE_PROMPT"] == []


def test_without_guidance_nothing_is_encoded_for_the_negative_prompt() -> None:
    source = script(SHORT.replace("CFG scale: 7", "CFG scale: 1"), options=EXACT)
    assert "negative" not in code(source).lower().replace("negative_prompt = ", "")


def test_skipped_layers_and_a_backtrack_are_those_of_the_settings() -> None:
    job = with_family(f"{SHORT}, Clip skip: 3", "sd1", "sd1").replace({"text.backtrack": 7})
    source = paramc.compile(job, "diffusers", options=dict(EXACT)).text
    assert "75 - last <= 7" in source
    assert "hidden_states[-CLIP_SKIP]" in source


def test_embeddings_take_the_place_of_texts() -> None:
    told = arguments(script(SHORT, "sdxl", "sdxl", EXACT), "pipe")
    assert {key: told[key] for key in told if "prompt" in key} == {
        "prompt_embeds": "embeds",
        "negative_prompt_embeds": "negative_embeds",
        "pooled_prompt_embeds": "pooled",
        "negative_pooled_prompt_embeds": "negative_pooled",
    }


def test_a_second_pass_with_the_same_texts_encodes_nothing_anew() -> None:
    hires = f"{SHORT}, Denoising strength: 0.7, Hires upscale: 2, Hires upscaler: Latent"
    assert script(hires, options=EXACT).count("= encode(pipe,") == 2
    assert script(f"{hires}, Hires prompt: a (dog:1.1)", options=EXACT).count("= encode(pipe,") == 4


@pytest.mark.parametrize(
    ("more", "cfg", "expected"),
    [("", "7", "approximate"), (", Pad conds: True", "7", "exact"), ("", "1", "exact")],
)
def test_prompts_that_may_differ_in_length_are_graded(more: str, cfg: str, expected: str) -> None:
    text = PLAIN.replace("a cat", "a cat, " * 60, 1).replace("CFG scale: 7", f"CFG scale: {cfg}")
    assert grade(text + more) == expected


def test_models_without_such_an_encoding_keep_the_librarys() -> None:
    source = script(SHORT, "sd35-medium", "sd3", EXACT)
    assert constants(source)["PROMPT"] == "a cat"
    assert grade(SHORT, "sd3") == "approximate"


@given(st.text(max_size=200), st.floats(-2, 2))
def test_pieces_are_the_text_whatever_it_says(text: str, weight: float) -> None:
    variant = Variant(last_call=0, text=text, runs=(Run(text=text, weight=weight),))
    found = pieces(Encode(id="", clip="", variants=(variant,), layer=-1, emphasis="original"), variant)
    assert isinstance(found, list)
    assert "".join(piece for piece, _ in found) == text
    assert {number for _, number in found} <= {weight}
    assert ast.literal_eval(repr(found)) == found


LEARNED = PLAIN.replace("Size:", 'TI hashes: "bad: 0123456789ab, unseen: 0123456789ac", Size:')


def test_learned_words_of_the_texts_are_loaded() -> None:
    source = script(LEARNED)
    assert constants(source)["EMBEDDINGS"] == {"bad": "bad.safetensors"}
    assert "    pipe.load_textual_inversion(file, token=word)\n" in source


def test_a_script_that_encodes_finds_learned_words_by_itself() -> None:
    for base in ("sd1", "sdxl"):
        source = script(LEARNED, base, base, EXACT)
        assert constants(source)["EMBEDDINGS"] == {"bad": "bad.safetensors"}
        assert "load_textual_inversion" not in source
        assert "words = learned(EMBEDDINGS, {" in source


class Letters:
    """A tokeniser of which each letter is a token."""

    def __call__(self, text: str, **_: object) -> SimpleNamespace:
        return SimpleNamespace(input_ids=[ord(letter) for letter in text.replace(" ", "")])

    def convert_tokens_to_ids(self, token: str) -> int:
        return ord(token[0])


def test_a_learned_word_without_tokens_is_nowhere_found() -> None:
    functions = [node for node in ast.parse(script(LEARNED, options=EXACT)).body if isinstance(node, ast.FunctionDef)]
    known: dict[str, Any] = {}
    for node in functions:
        if node.name in ("chunks_of", "cut"):
            exec(compile(ast.Module([node], []), "script", "exec"), known)  # noqa: S102  # the script is what is tested
    ((chunk, places),) = known["chunks_of"](Letters(), [("a b", 1.0)], {" ": ["v"], "b": ["w", "w"]})
    assert (chunk, places) == ([(ord("a"), 1.0), (0, 1.0), (0, 1.0)], [(1, ["w", "w"])])


def test_where_nothing_can_learn_words_none_are_loaded() -> None:
    assert "EMBEDDINGS" not in constants(script(LEARNED, "sdxl", "sdxl"))
    report = paramc.compile(with_family(LEARNED, "sdxl", "sdxl"), "diffusers").report
    assert next(fate for fate in report.fates if fate.paths == ("negative",)).code == "PC601"
