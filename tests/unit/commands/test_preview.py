"""The picture in hand, on a terminal and in a file."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from paramc.commands.painter import Preview
from paramc.presentation.blocks import WIPE
from paramc.presentation.console import Console, Screen

pytestmark = pytest.mark.sdk

RED = Image.new("RGB", (64, 32), "red")
ROWS = 6  # of cells, for a picture twice as wide as high


def preview(file: Path, shown: list[str], *, colour: bool = True) -> Preview:
    return Preview(file, Console(BytesIO(), errors=Screen(80, colour, fine=True), notify=shown.append))


def test_the_picture_in_hand_is_shown_under_the_line_of_progress(tmp_path: Path) -> None:
    shown: list[str] = []
    preview(tmp_path / "now.png", shown).show(RED)
    assert shown[0].count("\n") == ROWS
    assert shown[0].endswith(f"\x1b[{ROWS}A\r")
    with Image.open(tmp_path / "now.png") as picture:
        assert picture.size == RED.size


def test_finished_pictures_take_its_place_and_the_file_is_gone(tmp_path: Path) -> None:
    shown: list[str] = []
    work = preview(tmp_path / "now.png", shown)
    work.show(RED)
    work.end([RED])
    wiped, finished = shown[1:]
    assert (wiped, finished.count("\n"), finished[-1]) == (WIPE, ROWS, "\n")
    assert list(tmp_path.iterdir()) == []


def test_without_colours_there_is_only_the_file(tmp_path: Path) -> None:
    shown: list[str] = []
    work = preview(tmp_path / "now.png", shown, colour=False)
    work.show(RED)
    work.end([RED])
    assert shown == [WIPE]
