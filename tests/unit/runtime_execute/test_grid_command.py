"""`paramc grid`: the pictures of a sweep are those of single runs, whatever is reused and however often it breaks off."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import paramc
from paramc.cli import main
from paramc.ir.job import Job
from paramc.runtime.execute.runner import Ran, Runner
from paramc.runtime.execute.watch import Watch

SETTINGS = (
    "a cat\nNegative prompt: rain\nSteps: 2, Sampler: Euler a, Schedule type: Karras, CFG scale: 5, Seed: 7, "
    "Size: 64x64, Model: tiny, RNG: CPU, Version: 1.10.1"
)
AXES = ("--axis", "seed=1,2", "--axis", "cfg_scale=4,6", "--axis", "prompt:cat=dog,fox")

Grid = Callable[..., int]


@pytest.fixture
def grid(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grid:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))

    def call(*words: str, folder: str = "out") -> int:
        rest = ("-o", str(tmp_path / folder), "--models", str(models), "--device", "cpu")
        return main(["grid", *words, *rest])

    return call


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def cells(folder: Path) -> list[dict[str, object]]:
    (index,) = (path for path in folder.glob("*.json"))
    listed: list[dict[str, object]] = json.loads(index.read_text(encoding="utf-8"))["cells"]
    return listed


def test_every_cell_is_a_picture_with_its_own_settings(grid: Grid, tmp_path: Path) -> None:
    assert grid(SETTINGS, *AXES) == 0
    found = cells(tmp_path / "out")
    assert len({cell["file"] for cell in found}) == 8
    for cell in found:
        seed, scale, word = cell["labels"] if isinstance(cell["labels"], list) else []
        text = SETTINGS.replace("Seed: 7", f"Seed: {seed}").replace("scale: 5", f"scale: {scale}").replace("cat", word)
        with Image.open(tmp_path / "out" / str(cell["file"])) as image:
            assert image.info["parameters"] == text


def test_pictures_are_those_of_runs_of_their_own(grid: Grid, tmp_path: Path, models: Path) -> None:
    grid(SETTINGS, *AXES, "--axis", "checkpoint=tiny,other")
    for cell in cells(tmp_path / "out"):
        file = tmp_path / "out" / str(cell["file"])
        alone = Runner([models], device="cpu", rng="cpu").run(paramc.read(file)).images[0]
        with Image.open(file) as image:
            assert image.tobytes() == alone.tobytes()


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_pictures_that_are_painted_at_once_are_those_of_single_ones(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--axis", "seed=1,2,3,5", "--axis", "cfg_scale=4,6", "--axis", "sampler=euler_a,dpmpp_2m_sde")
    assert grid(SETTINGS, *asked, folder="alone") == 0
    sizes: list[int] = []
    run = Runner.run

    def counted(self: Runner, job: Job, watch: Watch) -> Ran:
        sizes.append(job.batch.size)
        return run(self, job, watch)

    monkeypatch.setattr(Runner, "run", counted)
    assert grid(SETTINGS, *asked, "--batch", "2", folder="joined") == 0
    assert sorted(sizes) == [1] * 8 + [2] * 4
    for cell in cells(tmp_path / "alone"):
        one, other = (tmp_path / folder / str(cell["file"]) for folder in ("alone", "joined"))
        assert np.abs(pixels(one) - pixels(other)).max() <= 1
        assert paramc.read(one) == paramc.read(other)


def test_a_later_call_paints_nothing_again(grid: Grid, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid(SETTINGS, *AXES)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("picture-*.png")}
    first = written(tmp_path / "out")
    assert grid(SETTINGS, *AXES, "--format", "json") == 0
    told = json.loads(capsys.readouterr().out.split("\n", 10)[-1])
    assert all(cell["kept"] for cell in told["result"]["cells"])
    assert written(tmp_path / "out") == first
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items() if "grid" not in path.name)


def test_cells_of_the_same_settings_are_painted_once(grid: Grid, tmp_path: Path) -> None:
    grid(SETTINGS, "--axis", "seed=1,1,1")
    assert len(cells(tmp_path / "out")) == 3
    assert len(written(tmp_path / "out")) == 4  # a picture, the index, the sheet, the page


def test_a_grid_shares_its_pictures_with_single_runs(grid: Grid, tmp_path: Path, models: Path) -> None:
    grid(SETTINGS, "--axis", "seed=7")
    assert main(["run", SETTINGS, "-o", str(tmp_path / "out"), "--models", str(models), "--format", "json"]) == 0
    assert len(written(tmp_path / "out")) == 4


def test_a_random_seed_is_drawn_once_for_all_and_kept(grid: Grid, tmp_path: Path) -> None:
    text = SETTINGS.replace("Seed: 7, ", "")
    grid(text, "--axis", "cfg_scale=4,6")
    first = written(tmp_path / "out")
    grid(text, "--axis", "cfg_scale=4,6")
    assert written(tmp_path / "out") == first
    assert len({paramc.read(tmp_path / "out" / str(cell["file"])).noise.seed for cell in cells(tmp_path / "out")}) == 1


def test_the_axes_may_come_from_the_settings(grid: Grid, tmp_path: Path) -> None:
    plot = 'Script: X/Y/Z plot, X Type: Steps, X Values: 1-3 (+2), Y Type: Prompt S/R, Y Values: "cat,dog"'
    assert grid(SETTINGS.replace("Version", f"{plot}, Version")) == 0
    assert [cell["labels"] for cell in cells(tmp_path / "out")] == [
        ["1", "cat"],
        ["3", "cat"],
        ["1", "dog"],
        ["3", "dog"],
    ]


def test_a_cell_that_fails_does_not_stop_the_others(
    grid: Grid, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grid(SETTINGS, "--axis", "checkpoint=nobody,tiny") == 1
    printed = capsys.readouterr()
    assert ("PC520" in printed.err, "1 painted" in printed.err, "1 failed" in printed.err) == (True, True, True)
    assert "not painted" in next((tmp_path / "out").glob("*.html")).read_text(encoding="utf-8")


@pytest.mark.parametrize("prompt", ["</template><script>alert(1)</script>", 'a "b" {{ c }}\u202e', "é 猫 \U0001f408"])
def test_hostile_prompts_stay_text(grid: Grid, tmp_path: Path, prompt: str) -> None:
    assert grid(SETTINGS, "--axis", f"prompt:cat={json.dumps(prompt, ensure_ascii=False)}") == 0
    (cell,) = cells(tmp_path / "out")
    assert paramc.read(tmp_path / "out" / str(cell["file"])).prompt.text == f"a {prompt}"
    assert next((tmp_path / "out").glob("*.html")).read_text(encoding="utf-8").count("<script") == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [((), "PC800"), (("--axis", "seed"), "PC830"), (("--axis", "prompt:zebra=cat"), "PC833")],
)
def test_what_cannot_be_painted_is_a_matter_of_usage(
    grid: Grid, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: str
) -> None:
    assert grid(SETTINGS, *words) == 2
    assert code in capsys.readouterr().err


def test_a_lone_surrogate_of_a_command_line_is_spelled_out(grid: Grid, tmp_path: Path) -> None:
    assert grid(SETTINGS, "--axis", "prompt=a \udc80 cat") == 0
    (cell,) = cells(tmp_path / "out")
    with Image.open(tmp_path / "out" / str(cell["file"])) as image:
        assert image.info["parameters"].startswith("a \\udc80 cat\n")


def test_folders_above_the_one_that_is_named_are_not_made(grid: Grid, tmp_path: Path) -> None:
    assert grid(SETTINGS, "--axis", "seed=1", folder="no/where") == 4
    assert not (tmp_path / "no").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no files")
@pytest.mark.parametrize("folder", ["/proc/self", "/proc/self/folder"])
def test_a_folder_that_takes_no_files_is_told_with_its_cause(
    grid: Grid, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    assert grid(SETTINGS, "--axis", "seed=1", folder=folder) == 4
    assert f"PC802 unwritable-output]: `{folder}" in capsys.readouterr().err


def test_what_a_killed_process_left_is_removed(grid: Grid, tmp_path: Path) -> None:
    out = tmp_path / "out"
    grid(SETTINGS, "--axis", "seed=1")
    halves = [out / f".{path.name}.ab1_cdef" for path in out.iterdir()]
    own = [out / ".picture-notes.txt", out / ".picture-0123456789.png", out / ".picture-grid-0123456789.png.ab1_cdef"]
    for path in (*halves, *own):
        path.write_bytes(b"half")
    grid(SETTINGS, "--axis", "seed=1")
    assert len(halves) == 4
    assert sorted(path for path in out.iterdir() if path.name.startswith(".")) == sorted(own)


def test_a_grid_of_which_nothing_could_be_painted_has_no_sheet(
    grid: Grid, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grid(SETTINGS, "--axis", "checkpoint=nobody,noone") == 1
    printed = capsys.readouterr()
    assert (printed.out, "0 painted, 2 failed" in printed.err) == ("", True)
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".json"]


def test_a_size_of_broken_cells_is_told_once(grid: Grid, capsys: pytest.CaptureFixture[str]) -> None:
    assert grid(SETTINGS.replace("64x64", "70x64"), "--axis", "seed=1") == 0
    printed = capsys.readouterr().err
    assert (printed.count("PC406"), printed.count("PC560")) == (1, 0)
    assert grid(SETTINGS, "--axis", "size=70x64") == 0
    assert capsys.readouterr().err.count("PC560") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent by signal")
@pytest.mark.parametrize("seed", range(3))
def test_a_sweep_that_was_killed_at_random_and_resumed_has_the_same_files(
    grid: Grid, models: Path, tmp_path: Path, seed: int
) -> None:
    grid(SETTINGS, *AXES, folder="whole")
    whole = written(tmp_path / "whole")
    chance = random.Random(seed)
    words = ["grid", SETTINGS, *AXES, "-o", str(tmp_path / "out"), "--models", str(models), "--device", "cpu"]
    for _ in range(20):
        work = subprocess.Popen(
            [sys.executable, "-m", "paramc", *words],
            env={**os.environ, "PARAMC_HOME": str(tmp_path / "home")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        had = len(list((tmp_path / "out").glob("*.png"))) if (tmp_path / "out").exists() else 0
        while work.poll() is None and len(list((tmp_path / "out").glob("*.png"))) <= had:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.5))
        work.send_signal(chance.choice([signal.SIGKILL, signal.SIGINT]))
        if work.wait() == 0:
            break
    assert grid(SETTINGS, *AXES) == 0
    assert written(tmp_path / "out") == whole
