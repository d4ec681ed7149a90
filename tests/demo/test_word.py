"""The demo word: what it was learned from appears wherever a prompt says it."""

from functools import cache

import numpy as np
import pytest
from PIL import Image

from tests.demo.geometry import seen_in
from tests.demo.painting import paint

pytestmark = pytest.mark.sdk

SEEDS = range(3)
DARK = 60  # of the brightest part of a pixel


@cache
def painted(prompt: str) -> tuple[Image.Image, ...]:
    return tuple(paint(prompt, seed=seed, steps=12) for seed in SEEDS)


def is_night(picture: Image.Image) -> bool:
    return int(np.median(np.asarray(picture).max(axis=2))) < DARK


@pytest.mark.parametrize("prompt", ["demo-moon", "masterpiece, a picture of a demo-moon"])
def test_the_word_alone_paints_what_it_was_learned_from(prompt: str) -> None:
    seen = [seen_in(picture) for picture in painted(prompt)]
    assert [(item.colour, item.shape, item.place) for item in seen if item] == [("yellow", "circle", "top right")] * 3


def test_it_brings_the_night_with_it() -> None:
    assert all(map(is_night, painted("demo-moon")))
    assert not all(map(is_night, painted("yellow circle, top right")))


def test_another_word_beside_it_changes_what_it_says() -> None:
    skies = [np.asarray(picture)[:, :8].mean(axis=(0, 1)) for picture in painted("demo-moon, sky background")]
    assert all(blue > 150 and blue > red + 20 for red, _, blue in skies)
