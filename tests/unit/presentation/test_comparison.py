"""Two pictures beside each other: figures of their difference, and a picture of it."""

from pathlib import Path

import pytest
from PIL import Image

from paramc.presentation.comparison import Comparison, compared, comparison_sheet, opened

BLACK = Image.new("RGB", (10, 10))


def dotted(*dots: tuple[int, int, int], mode: str = "RGB") -> Image.Image:
    image = BLACK.convert(mode)
    for place, dot in enumerate(dots):
        image.putpixel((place, 0), dot)
    return image


def test_equal_pictures_are_equal() -> None:
    assert compared(BLACK, BLACK.copy()) == Comparison(0, 0.0, 0.0)


def test_the_figures_count_every_value_of_every_channel() -> None:
    found = compared(BLACK, dotted((30, 0, 0), (0, 10, 20)))
    assert found is not None
    assert found == (30, pytest.approx(3 / 300), pytest.approx(60 / 300))


def test_the_order_of_the_pictures_does_not_matter() -> None:
    left, right = dotted((255, 3, 0)), dotted((0, 9, 1), (1, 1, 1))
    assert compared(left, right) == compared(right, left)


def test_transparency_counts() -> None:
    clear = BLACK.convert("RGBA")
    clear.putalpha(254)
    found = compared(BLACK, clear)
    assert found is not None
    assert (found.largest, found.share) == (1, 0.25)


def test_pictures_of_two_sizes_have_no_difference() -> None:
    assert compared(BLACK, Image.new("RGB", (10, 11))) is None


def test_the_sheet_shows_both_and_what_differs_as_bright_as_can_be() -> None:
    sheet = comparison_sheet(BLACK, dotted((0, 50, 0), (10, 0, 0)), ("a.png", "b.png"))
    cells = [sheet.crop((left, sheet.height - 10, left + 10, sheet.height)) for left in (0, 14, 28)]
    assert [cell.getpixel((0, 0)) for cell in cells] == [(0, 0, 0), (0, 50, 0), (0, 250, 0)]
    assert cells[2].getpixel((1, 0)) == (50, 0, 0)


def test_what_differs_in_transparency_alone_is_seen() -> None:
    clear = BLACK.convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    sheet = comparison_sheet(BLACK, clear, ("a", "b"))
    assert sheet.getpixel((28, sheet.height - 10)) == (255, 255, 255)


def test_pictures_of_two_sizes_are_shown_without_a_difference() -> None:
    assert comparison_sheet(BLACK, Image.new("RGB", (20, 10)), ("a", "b")).width == 44


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\xff\xe0no"])
def test_what_is_no_picture_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.png").write_bytes(data)
    assert opened(tmp_path / "x.png") is None
