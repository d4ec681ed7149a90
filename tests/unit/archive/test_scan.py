"""Whole scans, from the words of the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paramc.archive.entry import Reading, read_entry
from paramc.cli import main
from paramc.presentation.console import Screen
from paramc.presentation.progress import Progress

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "tests" / "golden" / "images"
SOME = ("a1111.jpg", "forge-snow.png", "pillow.gif", "none-screenshot.png", "sdnext.webp")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    place.mkdir()
    for name in SOME:
        shutil.copy(IMAGES / name, place)
    return place


def rows(table: Path) -> dict[str, dict[str, object]]:
    with table.open(encoding="utf-8") as lines:
        listed = [json.loads(line) for line in lines]
    named = {Path(row["path"]).name: row for row in listed}
    assert len(named) == len(listed)
    return named


def test_every_file_has_one_row_with_one_status(folder: Path, tmp_path: Path) -> None:
    assert main(["scan", str(folder), "--to", str(tmp_path / "t.jsonl")]) == 0
    statuses = {name: row["status"] for name, row in rows(tmp_path / "t.jsonl").items()}
    assert statuses == {name: "none" if name.startswith("none") else "read" for name in SOME}


def test_a_row_tells_values_and_the_status_of_every_field(folder: Path) -> None:
    entry = read_entry(str(folder / "forge-snow.png"), Reading())
    assert (entry.dialect, entry.carrier, entry.values["sampling.sampler"]) == (
        "forge", "png:tEXt:parameters", "euler_ancestral",
    )  # fmt: skip
    assert (entry.values["size"], entry.values["assets.checkpoint.hashes"]) == ("1216x832", ["9f86289b6a"])
    assert {field.status for field in entry.fields} <= {"understood", "kept", "problem"}
    assert [field.raw for field in entry.fields if field.key == "Sampler"] == ["Euler a"]


def test_a_second_run_reads_only_what_is_new(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["scan", str(folder), "--to", str(tmp_path / "t.jsonl"), "--format", "json"]
    main(words)
    shutil.copy(folder / "a1111.jpg", folder / "new.jpg")
    capsys.readouterr()
    main(words)
    told = json.loads(capsys.readouterr().out)["result"]
    assert (sum(told["files"].values()), told["known"]) == (1, len(SOME))
    assert set(rows(tmp_path / "t.jsonl")) == {*SOME, "new.jpg"}


@pytest.mark.parametrize("table", ["t.jsonl", "t.sqlite", None])
def test_a_query_prints_the_files_that_fit(
    folder: Path, tmp_path: Path, table: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["scan", str(folder), "--find", "steps>=20 -status=none sampler~euler"]
    assert main([*words, "--to", str(tmp_path / table)] if table else words) == 0
    found = capsys.readouterr().out.splitlines()
    assert sorted(Path(line).name for line in found) == ["forge-snow.png", "pillow.gif"]
    if table:
        main(["scan", str(tmp_path / table), "--find", "steps>=20 -status=none sampler~euler"])
        assert sorted(capsys.readouterr().out.splitlines()) == sorted(found)


def test_nothing_found_is_told_by_the_exit_code(folder: Path) -> None:
    assert main(["scan", str(folder), "--find", "steps>9000"]) == 1


def test_an_unclear_query_is_refused_before_anything_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(folder), "--find", "steps="]) == 2
    assert "PC821" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_counted_and_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    assert main(["scan", str(folder), "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["result"]["files"] == {"read": 4, "damaged": 0, "unknown": 0, "none": 1, "failed": 1}
    assert [item["code"] for item in document["diagnostics"]] == ["PC824"]


def test_settings_that_are_cut_off_are_damaged(folder: Path) -> None:
    data = (folder / "forge-snow.png").read_bytes()
    (folder / "half.png").write_bytes(data[: data.index(b"Steps: ") + 9])
    assert read_entry(str(folder / "half.png"), Reading()).status == "damaged"


def test_texts_that_are_no_settings_are_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("remember the milk", encoding="utf-8")
    assert read_entry(str(tmp_path / "notes.txt"), Reading()).status == "none"


def test_a_misspelt_folder_is_told() -> None:
    assert main(["scan", "/nowhere/at/all"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("table", ["t.jsonl", "t.sqlite"])
def test_a_run_that_was_killed_goes_on_with_no_file_twice_and_none_missing(tmp_path: Path, table: str) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1200):
        name = SOME[number % len(SOME)]
        os.link(shutil.copy(IMAGES / name, tmp_path), folder / f"{number}{Path(name).suffix}")
        (tmp_path / name).unlink()
    words = [sys.executable, "-m", "paramc", "scan", str(folder), "--to", str(tmp_path / table), "--jobs", "2"]
    for _ in range(3):
        run = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
        size = path_size(tmp_path / table)
        deadline = time.monotonic() + 60
        while path_size(tmp_path / table) == size and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
        run.wait()
    subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(
        [*words[:4], str(tmp_path / table), "--find=-status=failed"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = done.stdout.splitlines()
    assert (len(paths), len(set(paths))) == (1200, 1200)


def path_size(path: Path) -> int:
    return sum(item.stat().st_size for item in path.parent.glob(f"{path.name}*"))


class TestFolders:
    """`convert` of a whole folder."""

    def test_every_picture_becomes_a_file_of_its_own(self, folder: Path, tmp_path: Path) -> None:
        (folder / "in").mkdir()
        shutil.copy(folder / "a1111.jpg", folder / "in" / "b.jpg")
        assert main(["convert", str(folder), "--to", "a1111", "-o", str(tmp_path / "out")]) == 0
        made = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
        assert made == ["a1111.jpg.txt", "forge-snow.png.txt", "in/b.jpg.txt", "pillow.gif.txt", "sdnext.webp.txt"]
        assert "Steps: 20" in (tmp_path / "out" / "pillow.gif.txt").read_text(encoding="utf-8")

    def test_what_is_there_is_kept(self, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["convert", str(folder), "--to", "a1111", "-o", str(tmp_path / "out"), "--format", "json"]
        main(words)
        (tmp_path / "out" / "pillow.gif.txt").write_text("mine", encoding="utf-8")
        capsys.readouterr()
        main(words)
        counts = json.loads(capsys.readouterr().out)["result"]["files"]
        assert counts == {"written": 0, "kept": 4, "errors": 0, "none": 1, "failed": 0}
        assert (tmp_path / "out" / "pillow.gif.txt").read_text(encoding="utf-8") == "mine"

    def test_a_folder_needs_a_place_to_go(self, folder: Path) -> None:
        assert main(["convert", str(folder), "--to", "a1111"]) == 2


def test_progress_tells_share_rate_and_time_left() -> None:
    now = [0.0]
    said: list[str] = []
    progress = Progress(200, Screen(80), said.append, lambda: now[0])
    for _ in range(50):
        now[0] += 0.5
        progress.step()
    assert progress.line(now[0]) == "[██████··················] 50 of 200 · 2/s · 1:15 left"
    assert said[-1] == f"\r{progress.line(now[0])}\x1b[K"


def test_progress_without_a_total_counts() -> None:
    progress = Progress(None, Screen(), lambda text: None, iter([0.0, 1.0, 2.0]).__next__)
    progress.step()
    assert progress.line(2.0) == "1 files · 0/s"
