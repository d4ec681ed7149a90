"""The demo model paints what captions say that training never saw. The figures are in its model card."""

from collections import Counter

import pytest

from tests.demo.geometry import seen_in
from tests.demo.painting import paint, unseen, whole_caption

pytestmark = pytest.mark.sdk

FEW, ALL = 20, 300  # captions


def right(count: int) -> Counter[str]:
    """How many pictures of unseen captions have the right colour, shape, and place or count."""
    found = Counter[str]()
    for number, scene in enumerate(unseen(count)):
        seen = seen_in(paint(whole_caption(scene), seed=number))
        if seen is not None:
            found["colour"] += seen.colour == scene.colour
            found["shape"] += seen.shape == scene.shape
            found["place"] += seen.count == scene.count and (scene.count > 1 or seen.place == scene.place)
    return found


def test_a_few_unseen_captions_are_painted_as_they_say() -> None:
    found = right(FEW)
    assert found["colour"] >= 0.85 * FEW
    assert found["shape"] >= 0.6 * FEW
    assert found["place"] >= 0.6 * FEW


@pytest.mark.slow
def test_unseen_captions_are_painted_as_they_say() -> None:
    found = right(ALL)
    assert found["colour"] >= 0.9 * ALL, found
    assert found["shape"] >= 0.8 * ALL, found
    assert found["place"] >= 0.7 * ALL, found
