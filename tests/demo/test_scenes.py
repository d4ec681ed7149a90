"""The scenes that the demo model is trained on, and their captions."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from paramc.runtime.demo.captions import caption
from paramc.runtime.demo.examples import LENGTH, scenes, token_ids
from paramc.runtime.demo.scenes import draw, drawn_at_random, language
from paramc.runtime.demo.vocabulary import merges
from paramc.runtime.text.bpe import are_merges, tokeniser, vocabulary
from tests.demo.geometry import seen_in
from tests.demo.painting import unseen, whole_caption

pytestmark = pytest.mark.sdk


def test_a_drawn_scene_shows_what_its_words_say() -> None:
    drawn = unseen(150)
    right = Counter[str]()
    for scene in drawn:
        seen = seen_in(draw(scene))
        assert seen is not None
        right["colour"] += seen.colour == scene.colour
        right["shape"] += seen.shape == scene.shape
        right["place"] += seen.place == scene.place or scene.count > 1
        right["count"] += seen.count == scene.count
    assert min(right.values()) >= 147, right


def test_nothing_is_seen_where_nothing_is() -> None:
    picture = draw(drawn_at_random(Random(0)))
    assert seen_in(picture.crop((0, 0, 3, 3)).resize((64, 64), 0)) is None


def test_the_same_scene_is_the_same_picture() -> None:
    scene = drawn_at_random(Random(3))
    assert draw(scene).tobytes() == draw(scene).tobytes()


def test_training_sees_no_combination_that_is_held_out() -> None:
    assert not any(scene.held_out for scene in scenes(500, seed=1))


def test_a_tenth_of_all_combinations_is_held_out() -> None:
    random = Random(4)
    share = sum(drawn_at_random(random).held_out for _ in range(4000)) / 4000
    assert 0.08 < share < 0.12


def test_every_word_of_a_caption_is_one_token() -> None:
    random = Random(5)
    text = " ".join(caption(drawn_at_random(random), random).replace(",", " ") for _ in range(300))
    assert len(tokeniser("composed", merges()).ids(text)) == len(text.split())


def test_the_vocabulary_is_one_of_clip_s_format() -> None:
    assert are_merges(merges())
    words = vocabulary(merges())
    assert (words.begin, words.end) == (512 + len(merges().split("\n")), 513 + len(merges().split("\n")))


@pytest.mark.parametrize("damaged", ["a b c", "ab c", "a b\na b", "a</w> b", "a"])
def test_a_damaged_list_of_merges_is_none(damaged: str) -> None:
    assert not are_merges(damaged)


def test_texts_are_as_long_as_the_text_encoder_takes_them() -> None:
    ids = token_ids("red circle")
    words = vocabulary(merges())
    assert (len(ids), ids[0], ids[3:]) == (LENGTH, words.begin, [words.end] * (LENGTH - 3))


def test_captions_leave_unsaid_what_is_usual() -> None:
    scene = replace(drawn_at_random(Random(6)), count=1, place="middle", size="medium", texture="plain")
    assert whole_caption(scene) == f"{scene.colour} {scene.shape}, {scene.background} background"


def test_plurals_are_known_for_every_shape() -> None:
    assert set(language().shapes) < set(language().plurals)
