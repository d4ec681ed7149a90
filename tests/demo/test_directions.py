"""What pulls at a picture pulls in the direction that it names."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from tests.demo.geometry import seen_in
from tests.demo.painting import paint, unseen, whole_caption

pytestmark = pytest.mark.sdk

SEEDS = range(4)
WEIGHTS = (0.5, 0.75, 1.0, 1.25, 1.5)


def redness(pictures: Sequence[Image.Image]) -> float:
    """How far red is above the mean of the other two, over all pixels, 0 to 1."""
    pixels = np.asarray([np.asarray(picture, dtype=np.float64) for picture in pictures])
    excess = pixels[..., 0] - pixels[..., 1:].mean(axis=-1)
    return float(np.clip(excess, 0, None).mean() / 255)


def test_emphasis_on_red_raises_the_share_of_red() -> None:
    shares = [
        redness([paint(f"large (red:{weight}) circle, white background", seed=seed, cfg=3) for seed in SEEDS])
        for weight in WEIGHTS
    ]
    assert shares == sorted(shares)
    assert shares[-1] > shares[0]


def test_a_negative_prompt_takes_its_colour_away() -> None:
    plain = redness([paint("large circle, white background", seed=seed) for seed in SEEDS])
    without = redness([paint("large circle, white background", seed=seed, negative="red, orange") for seed in SEEDS])
    assert without < plain


@pytest.mark.slow
def test_guidance_makes_pictures_follow_the_caption() -> None:
    def followed(cfg: float) -> int:
        seen = [
            (scene, seen_in(paint(whole_caption(scene), seed=seed, cfg=cfg))) for seed, scene in enumerate(unseen(24))
        ]
        return sum(item is not None and (item.shape, item.count) == (scene.shape, scene.count) for scene, item in seen)

    assert followed(5) > followed(1)


def colourfulness(picture: Image.Image) -> float:
    pixels = np.asarray(picture, dtype=np.float64)
    return float((pixels.max(axis=-1) - pixels.min(axis=-1)).mean())


def test_the_style_takes_more_colour_away_the_stronger_it_is() -> None:
    left = [
        sum(
            colourfulness(paint(f"large red heart, blue background<lora:demo-grey:{strength}>", seed=seed))
            for seed in SEEDS
        )
        for strength in (0, 0.5, 1)
    ]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.3 * left[0]
