"""Control pictures brought to the size of a pass."""

import math

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from PIL import Image

from paramc.backends.registry import find_target
from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.runtime.control.hints import Resize, hint, nearest_hint, preprocessed
from paramc.runtime.control.words import words

pytestmark = pytest.mark.sdk


def halves(width: int, height: int) -> Image.Image:
    """Red on the left, blue on the right, with one green row on top and at the bottom."""
    values = np.zeros((height, width, 3), np.uint8)
    values[:, : width // 2, 0] = 255
    values[:, width // 2 :, 2] = 255
    values[[0, -1]] = (0, 255, 0)
    return Image.fromarray(values)


def colour(numbers: np.ndarray, row: int, column: int) -> tuple[int, ...]:
    return tuple(round(float(value) * 255) for value in numbers[0, :, row, column])


def test_a_picture_of_the_right_size_is_taken_as_it_is() -> None:
    picture = halves(32, 16)
    numbers = hint(picture, Size(32, 16), "crop").numpy()
    assert (np.round(numbers[0].transpose(1, 2, 0) * 255) == np.asarray(picture)).all()


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [Size(48, 48), Size(64, 32), Size(16, 40)])
def test_every_way_gives_the_size_of_the_pass(resize: Resize, size: Size) -> None:
    assert hint(halves(40, 24), size, resize).shape == (1, 3, size.height, size.width)


def test_cropping_keeps_the_middle() -> None:
    numbers = hint(halves(64, 16), Size(16, 16), "crop").numpy()
    assert colour(numbers, 8, 1) == (255, 0, 0)
    assert colour(numbers, 8, 14) == (0, 0, 255)


def test_stretching_keeps_the_sides() -> None:
    numbers = hint(halves(64, 16), Size(16, 16), "stretch").numpy()
    assert colour(numbers, 0, 8) == (0, 255, 0)


def test_padding_fills_with_the_median_of_the_border() -> None:
    picture = Image.new("RGB", (64, 16), (10, 20, 30))
    picture.paste((200, 0, 0), (20, 4, 40, 12))
    numbers = hint(picture, Size(64, 64), "pad").numpy()
    assert colour(numbers, 2, 2) == (10, 20, 30)
    assert colour(numbers, 32, 30) == (200, 0, 0)


def test_the_nearest_way_invents_no_colours() -> None:
    numbers = nearest_hint(halves(20, 30), Size(64, 64)).numpy()
    assert {float(value) for value in np.unique(numbers)} == {0.0, 1.0}
    assert colour(numbers, 0, 0) == (255, 0, 0)  # five rows are cut away on top


def test_inversion_turns_white_to_black() -> None:
    unit = ControlNet(preprocessor="invert", resolution=64)
    made = preprocessed(Image.new("RGB", (64, 64), (255, 200, 0)), unit, Size(64, 64))
    assert made.getpixel((3, 3)) == (0, 55, 255)


def test_a_threshold_makes_black_and_white() -> None:
    unit = ControlNet(preprocessor="threshold", resolution=64, threshold_a=100)
    made = preprocessed(halves(64, 64), unit, Size(64, 64))
    assert not np.asarray(made).any()
    bright = preprocessed(Image.new("RGB", (64, 64), (101, 150, 200)), unit, Size(64, 64))
    assert (np.asarray(bright) == 255).all()


@pytest.mark.parametrize(
    ("resize", "wanted", "size"),
    [("crop", Size(128, 64), (128, 64)), ("pad", Size(128, 64), (128, 64)), ("crop", Size(64, 128), (256, 128))],
)
def test_pixel_perfect_works_at_what_the_pass_shows(resize: Resize, wanted: Size, size: tuple[int, int]) -> None:
    unit = ControlNet(preprocessor="invert", pixel_perfect=True, resize=resize, resolution=512)
    assert preprocessed(halves(32, 16), unit, wanted).size == size


def test_a_resolution_is_that_of_the_shorter_side() -> None:
    unit = ControlNet(preprocessor="invert", resolution=128)
    assert preprocessed(halves(40, 20), unit, Size(64, 64)).size == (256, 128)


def test_resampling_by_two_halves_the_picture() -> None:
    unit = ControlNet(preprocessor="tile_resample", resolution=128, threshold_a=2)
    assert preprocessed(halves(128, 128), unit, Size(64, 64)).size == (64, 64)


def made(name: str, picture: Image.Image, **thresholds: float) -> np.ndarray:
    unit = ControlNet(preprocessor=name, resolution=64, **thresholds)
    return np.asarray(preprocessed(picture, unit, Size(64, 64))).astype(int)


def drawn() -> Image.Image:
    """A dark line of two pixels on bright paper."""
    values = np.full((64, 64, 3), 220, np.uint8)
    values[:, 30:32] = 40
    return Image.fromarray(values)


def test_blur_spreads_an_edge_by_the_deviation_asked_for() -> None:
    values = np.zeros((64, 64, 3), np.uint8)
    values[:, 32:] = 255
    row = made("blur_gaussian", Image.fromarray(values), threshold_a=4.0)[32, :, 0]
    at = np.arange(64) - 31.5
    expected = [255 * 0.5 * (1 + math.erf(place / (4 * 2**0.5))) for place in at]
    assert np.abs(row - expected).max() <= 3


@pytest.mark.parametrize("name", ["scribble_xdog", "lineart_standard", "lineart_standard (from white bg & black line)"])
def test_dark_lines_become_bright_ones_on_black(name: str) -> None:
    found = made(name, drawn())
    assert found[:, 30:32].min() >= 100
    assert found[:, :10].max() == 0


def test_a_higher_bound_leaves_fewer_scribbles() -> None:
    assert made("scribble_xdog", drawn(), threshold_a=500.0).max() == 0


def test_recolouring_keeps_lightness_or_intensity_alone() -> None:
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    assert made("recolor_intensity", red).min() == 255
    assert (made("recolor_luminance", red) == round(53.24 / 100 * 255)).all()  # CIE's lightness of sRGB's red
    grey = Image.new("RGB", (64, 64), (64, 64, 64))
    assert (made("recolor_intensity", grey, threshold_a=2.0) == round(255 * (64 / 255) ** 2)).all()


def test_the_report_calls_lost_what_is_not_built_in_and_nothing_else() -> None:
    rule = next(rule for rule in find_target("run").rules if "is not built in" in rule.why)
    kept = {str(name).lower() for name in (rule.unless or {})["controls.controlnet.preprocessor"]}
    looking = {name for name, kind in words("references").items() if kind == "attention"}
    assert kept == {*words("preprocessors"), *looking}


@pytest.mark.parametrize(("width", "height"), [(1, 8), (200, 8), (200, 1), (2, 1)])
def test_of_a_strip_that_is_cut_to_size_one_pixel_stays(width: int, height: int) -> None:
    values = np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)
    assert nearest_hint(Image.fromarray(values), Size(8, 64 if width > 1 else 8)).shape[2:] == (
        64 if width > 1 else 8,
        8,
    )
