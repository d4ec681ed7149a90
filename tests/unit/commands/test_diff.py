"""`paramc diff`: settings, and pixels where both are pictures."""

import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from paramc.cli import main

TEXT = "a cat\nSteps: 20, Sampler: Euler, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 64x64, Model: m, Version: v1.10.1"
OTHER = TEXT.replace("Steps: 20", "Steps: 30").replace("Seed: 5", "Seed: 6")


def picture(path: Path, text: str | None, shade: int, side: int = 8) -> str:
    info = PngInfo()
    if text is not None:
        info.add_text("parameters", text)
    Image.new("RGB", (side, side), (shade, 0, 0)).save(path, pnginfo=info)
    return str(path)


def diffed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["diff", *words]) == 0
    return capsys.readouterr().out


def test_the_strongest_difference_stands_first(capsys: pytest.CaptureFixture[str]) -> None:
    lines = diffed(capsys, TEXT, OTHER).splitlines()
    assert [line.split("\t")[:4] for line in lines] == [
        ["noise.seed", "5", "6", "another picture"],
        ["sampling.steps", "20", "30", "visible"],
    ]


def test_values_are_written_as_people_write_them(capsys: pytest.CaptureFixture[str]) -> None:
    other = TEXT.replace("64x64", "64x96").replace("Model: m", "Model: m, VAE: v, Model hash: 0123456789")
    cells = {line.split("\t")[0]: line.split("\t")[1:3] for line in diffed(capsys, TEXT, other).splitlines()}
    assert cells == {
        "size": ["64 × 64", "64 × 96"],
        "assets.vae.name": ["–", "v"],
        "assets.checkpoint.hashes": ["–", "sha256 0123456789"],
    }


def test_equal_settings_are_said_to_be_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", TEXT, TEXT]) == 0
    assert tuple(capsys.readouterr()) == ("", "no value differs\n")


def test_the_whole_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(diffed(capsys, TEXT, OTHER, "--format", "json"))["result"]
    assert told["pixels"] is None
    assert told["values"][1] | {"why": ""} == {
        "path": "sampling.steps", "left": "20", "right": "30", "effect": "visible", "size": 0.03, "why": "",
    }  # fmt: skip


def test_markdown_cells_hold_whatever_a_prompt_says(capsys: pytest.CaptureFixture[str]) -> None:
    out = diffed(capsys, TEXT, TEXT.replace("a cat", "a | <b>\u202e"), "--format", "markdown")
    lines = out.splitlines()
    assert lines[:2] == [
        "| path | <text> | <text> | effect | why |".replace("<", "&lt;"),
        "| --- | --- | --- | --- | --- |",
    ]
    assert r"a \| &lt;b>\\u202e" in lines[2]


def test_pixels_are_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    left, right = picture(tmp_path / "a.png", TEXT, 10), picture(tmp_path / "b.png", OTHER, 40)
    assert diffed(capsys, left, right).splitlines()[-1] == (
        "pixels: 33.33 % of all values differ, by up to 30 of 255 levels, 10 on average"
    )


def test_equal_settings_with_other_pixels_are_no_accident(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    left, right = picture(tmp_path / "a.png", TEXT, 10), picture(tmp_path / "b.png", TEXT, 11)
    assert main(["diff", left, right]) == 0
    assert "PC838" in capsys.readouterr().err


def test_equal_pictures_say_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    left, right = picture(tmp_path / "a.png", TEXT, 10), picture(tmp_path / "b.png", OTHER, 10)
    assert diffed(capsys, left, right).splitlines()[-1] == "pixels: all the same"


def test_a_few_values_are_not_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    left, right = picture(tmp_path / "a.png", TEXT, 10, 256), picture(tmp_path / "b.png", TEXT, 10, 256)
    with Image.open(right) as image:
        image.putpixel((0, 0), (11, 0, 0))
        image.save(right)
    assert "less than 0.01 % of all values" in diffed(capsys, left, right)


def test_pictures_without_settings_are_compared_all_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    left, right = picture(tmp_path / "a.png", None, 10), picture(tmp_path / "b.png", TEXT, 40)
    main(["diff", left, right])
    printed = capsys.readouterr()
    assert printed.out.startswith("pixels: 33.33 %")
    assert "PC103" in printed.err


def test_both_and_their_difference_go_into_a_picture(tmp_path: Path) -> None:
    left, right = picture(tmp_path / "a.png", TEXT, 10), picture(tmp_path / "b.png", TEXT, 40)
    assert main(["diff", left, right, "-o", str(tmp_path / "d.png")]) == 0
    with Image.open(tmp_path / "d.png") as sheet:
        assert sheet.getpixel((sheet.width - 1, sheet.height - 1)) == (240, 0, 0)
    assert main(["diff", left, right, "-o", str(tmp_path / "d.png")]) == 2


def test_pictures_of_two_sizes_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    left, right = picture(tmp_path / "a.png", TEXT, 10), picture(tmp_path / "b.png", TEXT, 10, 9)
    assert main(["diff", left, right]) == 0
    assert "8x8 pixels and `b.png` 9x9" in capsys.readouterr().err


def test_a_text_has_no_pixels_to_show(tmp_path: Path) -> None:
    assert main(["diff", TEXT, picture(tmp_path / "a.png", TEXT, 1), "-o", str(tmp_path / "d.png")]) == 2
