"""Runs to rows of 77 tokens."""

import pytest

pytest.importorskip("torch")

from paramc.ir.plan import Run
from paramc.runtime.text.bpe import tokeniser
from paramc.runtime.text.cutting import cut
from paramc.runtime.text.manners import find_manner
from paramc.runtime.text.row import EMPTY_ROW, Learned

pytestmark = pytest.mark.sdk

A1111, COMFYUI, COMPEL = (find_manner(name) for name in ("a1111", "comfyui", "compel"))
CAT, DOG, COMMA = 2368, 1929, 267


@pytest.mark.parametrize("manner", [A1111, COMFYUI, COMPEL])
def test_a_text_without_words_is_one_empty_row(manner: object) -> None:
    assert cut([Run(text="")], manner, {}).rows == (EMPTY_ROW,)


def test_a_break_starts_a_row() -> None:
    rows = cut([Run(text="cat"), Run(text="", breaks=True), Run(text="dog")], A1111, {}).rows
    assert [row.tokens[1] for row in rows] == [CAT, DOG]


def test_a_short_group_moves_to_the_next_row_as_a_whole() -> None:
    rows = cut([Run(text="cat " * 73), Run(text="dog dog dog", weight=2.0)], COMFYUI, {}).rows
    assert [row.end for row in rows] == [74, 4]
    assert rows[1].weights[:5] == (1.0, 2.0, 2.0, 2.0, 1.0)


def test_a_long_group_is_cut_anywhere() -> None:
    assert [row.end for row in cut([Run(text="cat " * 80)], COMFYUI, {}).rows] == [76, 6]


def test_a_learned_word_that_is_cut_goes_on_with_its_later_vectors() -> None:
    rows = cut([Run(text="cat " * 70), Run(text="embedding:long")], COMFYUI, {"long": 12}).rows
    assert [row.learned for row in rows] == [(Learned(71, "long"),), (Learned(1, "long", 5),)]


def test_a_comma_behind_a_learned_word_is_no_part_of_its_name() -> None:
    (row,) = cut([Run(text="embedding:mine, cat")], COMFYUI, {"mine": 1}).rows
    assert row.tokens[1:4] == (0, COMMA, CAT)


def test_a_word_that_nobody_learned_drops_out_and_is_named() -> None:
    done = cut([Run(text="embedding:nope cat")], COMFYUI, {})
    assert done.rows[0].tokens[1] == CAT
    assert [(item.code, item.message) for item in done.diagnostics] == [
        ("PC504", "there is no embedding `nope`, and it drops out of the prompt")
    ]


def test_a_learned_word_is_only_looked_for_behind_a_space() -> None:
    assert not cut([Run(text="xembedding:mine")], COMFYUI, {"mine": 1}).rows[0].learned


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("cat " * 60 + ". " + "dog, " * 20, 62),  # behind the sentence
        ("cat " * 60 + ", " + "dog " * 20, 62),  # behind the phrase
        ("cat " * 80, 76),  # behind a word
        ("supercalifragilistic" * 40, 76),  # anywhere
    ],
)
def test_long_texts_are_cut_behind_sentences_phrases_or_words(text: str, ends: int) -> None:
    assert cut([Run(text=text)], COMPEL, {}).rows[0].end == ends


@pytest.mark.parametrize("manner", [A1111, COMFYUI, COMPEL])
def test_no_token_is_lost_between_rows(manner: object) -> None:
    text = "a red, green. blue; " * 40
    rows = cut([Run(text=text)], manner, {}).rows
    kept = [token for row in rows for token in row.tokens[1 : row.end]]
    assert kept == tokeniser("composed").ids(text)
