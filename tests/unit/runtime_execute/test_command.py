"""`paramc run`: pictures in files, with their settings inside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import paramc
from paramc.cli import main

SETTINGS = (
    "a cat\nNegative prompt: dog\nSteps: 2, Sampler: Euler a, Schedule type: Karras, CFG scale: 5, Seed: 7, "
    "Size: 64x64, Model: tiny, RNG: CPU, Version: 1.10.1"
)

Run = Callable[..., int]


@pytest.fixture
def run(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    folder = tmp_path / "out"
    folder.mkdir()

    def call(*words: str) -> int:
        return main(["run", *words, "-o", str(folder), "--models", str(models), "--device", "cpu"])

    return call


def painted(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "out").iterdir())


def test_the_settings_in_the_picture_are_those_that_were_asked_for(run: Run, tmp_path: Path) -> None:
    assert run(SETTINGS) == 0
    (file,) = painted(tmp_path)
    assert paramc.read(file) == paramc.parse(SETTINGS)
    with Image.open(file) as image:
        assert image.info["parameters"] == SETTINGS


def test_what_is_finished_is_kept(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(SETTINGS)
    (file,) = painted(tmp_path)
    before = file.stat().st_mtime_ns
    assert run(SETTINGS, "--format", "json") == 0
    assert file.stat().st_mtime_ns == before
    told = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert [result["kept"] for result in told["result"]] == [True]


def test_force_paints_again(run: Run, tmp_path: Path) -> None:
    run(SETTINGS)
    before = painted(tmp_path)[0].stat().st_mtime_ns
    run(SETTINGS, "--force")
    assert painted(tmp_path)[0].stat().st_mtime_ns > before


def test_the_command_line_has_the_last_word_on_the_seed(run: Run, tmp_path: Path) -> None:
    run(SETTINGS, "--seed", "9")
    assert paramc.read(painted(tmp_path)[0]).noise.seed == 9


def test_a_source_that_fails_does_not_stop_the_others(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(SETTINGS.replace("tiny", "nobody"), SETTINGS) == 1
    assert len(painted(tmp_path)) == 1
    assert "PC520" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_not_replaced(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(SETTINGS, "--model", str(tmp_path / "tiny.safetensors")) == 1
    assert "PC573" in capsys.readouterr().err


def test_an_assumed_noise_source_is_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(SETTINGS.replace(", RNG: CPU", ""))
    assert "PC553" in capsys.readouterr().err


def test_a_missing_folder_is_a_matter_of_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", SETTINGS, "-o", str(tmp_path / "nowhere")]) == 2


LONG = "n" * 5000
STRANGER = "~nobody-of-this-name/x"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("-o", LONG), 2, "PC800"),
        (("-o", __file__ + "/"), 4, "PC802"),
        (("--model", LONG), 1, "PC573"),
        (("--model", STRANGER), 1, "PC573"),
        (("--vae", STRANGER), 1, "PC573"),
        (("--set", f"assets.checkpoint.path={LONG}"), 1, "PC520"),
        (("--models", LONG), 1, "PC520"),
        (("--models", STRANGER), 1, "PC520"),
    ],
)
def test_names_that_no_file_can_have_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...],
    code: int, said: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert main(["run", SETTINGS, "--device", "cpu", *words]) == code
    assert said in capsys.readouterr().err


# a shell starts what runs in the background with interrupts ignored, and children inherit that
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from paramc.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent by signal")
def test_an_interrupt_leaves_nothing_half_written(models: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    words = [SETTINGS.replace("Steps: 2", "Steps: 1500"), "-o", str(tmp_path / "out"), "--models", str(models)]
    work = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "run", *words, "--device", "cpu", "--preview"],
        env={**os.environ, "PARAMC_HOME": str(tmp_path / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    patience = time.monotonic() + 300
    while not painted(tmp_path) and work.poll() is None and time.monotonic() < patience:
        time.sleep(0.05)
    work.send_signal(signal.SIGINT)
    assert (work.wait(60), painted(tmp_path)) == (130, [])
