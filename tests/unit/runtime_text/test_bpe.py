"""CLIP's tokeniser: merges, special names, normalisations."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from paramc.runtime.text.bpe import _merges, ends_word, tokeniser
from paramc.runtime.text.normalise import Normalisation, composed, mended, spaced, unescaped

pytestmark = pytest.mark.sdk


def merged_by_rounds(word: str) -> list[int]:
    """The textbook's way: each round merges every pair of the lowest rank, left to right."""
    merges = _merges()
    tokens = [merges.first[byte] for byte in word.encode()]
    tokens[-1] += 256
    while True:
        ranked = [merges.ranks[pair] for pair in pairwise(tokens) if pair in merges.ranks]
        if not ranked:
            return tokens
        lowest, merged, index = min(ranked), [], 0
        while index < len(tokens):
            both = tuple(tokens[index : index + 2])
            found = merges.ranks.get(both) == lowest if len(both) == 2 else False
            merged.append(lowest if found else tokens[index])
            index += 2 if found else 1
        tokens = merged


@given(st.text("abcdeinrst", min_size=1, max_size=60) | st.text(st.characters(categories=["Ll", "Lo"]), min_size=1))
def test_a_word_is_merged_in_the_order_of_rank(word: str) -> None:
    normal = composed(word)
    if normal.isalpha():
        assert tokeniser("composed").ids(word) == merged_by_rounds(normal)


def test_pieces_are_contractions_letters_single_numbers_and_signs() -> None:
    ids = tokeniser("mended").ids
    assert ids("it's don't 12!!") == [*ids("it"), *ids("'s"), *ids("don"), *ids("'t"), *ids("1"), *ids("2"), *ids("!!")]


def test_every_vocabulary_entry_is_a_merge_a_byte_or_a_special_name() -> None:
    merges = _merges()
    assert (len(merges.ranks), max(merges.ranks.values())) == (48894, 49405)


def test_the_names_of_start_and_end_stand_for_them() -> None:
    assert tokeniser("spaced").ids("a <|endoftext|> b<|startoftext|>") == [320, 49407, 321, 49406]


def test_open_clip_has_other_names_for_them() -> None:
    assert tokeniser("unescaped").ids("a <end_of_text>") == [320, 49407]
    assert 49407 not in tokeniser("unescaped").ids("<|endoftext|>")


@pytest.mark.parametrize(("token", "ends"), [(267, True), (11, False), (320, True), (49405, True), (512, False)])
def test_a_token_knows_whether_it_ends_a_word(token: int, ends: bool) -> None:
    assert ends_word(token) is ends


def test_a_word_of_a_hundred_thousand_letters_has_tokens() -> None:
    assert len(tokeniser("composed").ids("ab" * 50_000)) > 1000


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("A  Cat\n", ("a cat", "a cat", "a cat", "a cat")),
        ("“x”", ('"x"', '"x"', "“x”", "“x”")),
        ("ＦＵ", ("fu", "fu", "ｆｕ", "ｆｕ")),
        ("日本", ("日本", "日本", "日 本", "日本")),
        ("a\u200bb", ("a\u200bb", "a\u200bb", "ab", "a\u200bb")),
        ("&lt;", ("<", "<", "&lt;", "&lt;")),
        ("< &lt;", ("< &lt;", "< <", "< &lt;", "< &lt;")),
        ("e\u0301", ("é", "é", "é", "é")),
    ],
)
def test_normalisations_differ_where_the_programs_do(text: str, results: tuple[str, ...]) -> None:
    assert (mended(text), unescaped(text), spaced(text), composed(text)) == results


@given(st.text(), st.sampled_from(["mended", "unescaped", "spaced", "composed"]))
def test_any_text_has_tokens(text: str, normalisation: Normalisation) -> None:
    assert all(0 <= token < 49408 for token in tokeniser(normalisation).ids(text))
