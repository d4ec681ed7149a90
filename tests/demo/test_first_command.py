"""`paramc run … --model demo`: what somebody sees who tries paramc for the first time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import paramc
from paramc.cli import main
from paramc.presentation.blocks import below, blocks
from paramc.runtime.demo.shipped import shipped_model
from tests.demo.geometry import seen_in

pytestmark = pytest.mark.sdk

EXAMPLE = Path(paramc.__file__).parents[1] / "examples" / "demo.txt"
SETTINGS = EXAMPLE.read_text(encoding="utf-8")
FEWER = SETTINGS.replace("Steps: 20", "Steps: 1")
MEGABYTE = 2**20

Captured = pytest.CaptureFixture[str]
Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: main(["run", *words, "--device", "cpu"])


def test_the_example_becomes_the_picture_that_it_describes(run: Run, tmp_path: Path, capsys: Captured) -> None:
    assert run(str(EXAMPLE), "--model", "demo", "-o", "out/") == 0
    shown = capsys.readouterr()
    with Image.open(tmp_path / shown.out.strip()) as picture:
        seen = seen_in(picture)
    assert seen is not None
    assert (seen.colour, seen.shape, seen.count) == ("yellow", "star", 1)
    assert len((shown.out + shown.err).splitlines()) <= 3


def test_what_the_settings_name_is_not_replaced_in_silence(run: Run, capsys: Captured) -> None:
    assert run(FEWER.replace("Model: demo", "Model: dreamshaper_8"), "--model", "demo") == 0
    assert "PC595" in capsys.readouterr().err


def test_without_being_asked_for_it_the_demo_model_does_not_paint(run: Run, capsys: Captured) -> None:
    assert run(FEWER.replace("Model: demo", "Model: dreamshaper_8")) == 1
    assert "PC520" in capsys.readouterr().err


def test_settings_for_the_demo_model_are_painted_without_a_word(run: Run, capsys: Captured) -> None:
    run(FEWER, "--model", "demo")
    assert "PC59" not in capsys.readouterr().err


def test_a_size_that_it_has_never_seen_is_said(run: Run, capsys: Captured) -> None:
    run(FEWER.replace("64x64", "192x64"), "--model", "demo")
    assert "PC596" in capsys.readouterr().err


def test_the_size_that_counts_is_the_one_that_is_painted(run: Run, capsys: Captured) -> None:
    run(FEWER.replace("64x64", "192x64"), "--model", "demo", "--set", "size=64x64")
    assert "PC596" not in capsys.readouterr().err
    run(FEWER, "--model", "demo", "--set", "size=64x192")
    assert "PC596" in capsys.readouterr().err


def test_a_file_of_that_name_goes_before_the_shipped_model(run: Run, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "demo").write_bytes(b"none")
    assert run(FEWER, "--model", "demo") == 1
    assert "PC52" in capsys.readouterr().err


def test_a_folder_of_that_name_that_is_no_model_is_passed_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    assert run(FEWER, "--model", "demo") == 0


def test_it_is_listed(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    main(["models", "list", "--format", "json"])
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["result"]}
    assert {name: entry["kind"] for name, entry in listed.items()} == {
        "demo": "checkpoint",
        "demo-grey": "network",
        "demo-moon": "embedding",
        "demo-edges": "controlnet",
        "demo-2x": "upscaler",
    }
    assert listed["demo"]["path"] == str(shipped_model())


def test_all_of_it_takes_little_room() -> None:
    assert sum(file.stat().st_size for file in shipped_model().parent.iterdir()) < 9 * MEGABYTE


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="counts the seconds of processors by their POSIX account")
def test_the_first_picture_takes_at_most_twenty_seconds_of_a_processor(tmp_path: Path) -> None:
    import resource  # which only POSIX has

    words = [sys.executable, "-m", "paramc", "run", str(EXAMPLE), "--model", "demo", "-o", f"{tmp_path}/"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, env={**os.environ, "PARAMC_HOME": str(tmp_path / "home")}, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 20


def test_a_small_picture_is_two_pixels_in_a_cell() -> None:
    red, blue = (255, 0, 0), (0, 0, 255)
    assert blocks([[red], [blue], [red]], fine=True) == (
        "  \x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[0m",
        "  \x1b[38;2;255;0;0;48;2;0;0;0m▀\x1b[0m",
    )


def test_a_terminal_of_few_colours_is_shown_the_nearest() -> None:
    assert blocks([[(255, 0, 0)], [(100, 180, 250)]], fine=False) == ("  \x1b[38;5;196;48;5;75m▀\x1b[0m",)


def test_lines_below_leave_the_cursor_where_it_was() -> None:
    assert below(["a", "b"]) == "\n\x1b[2Ka\n\x1b[2Kb\x1b[2A\r"


def test_what_goes_with_the_model_is_found_by_name(run: Run, tmp_path: Path, capsys: Captured) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "edges.png")
    unit = 'ControlNet 0: "Module: none, Model: demo-edges, Weight: 1", Version'
    text = FEWER.replace("large", "demo-moon <lora:demo-grey:1> large").replace("Version", unit)
    edges = f"controls.controlnet[0].image.path={tmp_path / 'edges.png'}"
    assert run(text, "--model", "demo", "--set", edges) == 0
    assert "PC5" not in capsys.readouterr().err
