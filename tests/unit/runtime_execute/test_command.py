"""`paramc run`: pictures in files, with their settings inside."""

import errno
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
    run(SETTINGS)
    assert "1 picture kept from before: `--force` paints anew\n" in capsys.readouterr().err


def test_a_batch_of_which_a_picture_is_missing_is_painted_again(run: Run, tmp_path: Path) -> None:
    batch = SETTINGS.replace("RNG", "Batch size: 2, RNG")
    run(batch)
    first, second = painted(tmp_path)
    before, bytes_ = first.stat().st_mtime_ns, second.read_bytes()
    run(batch)
    assert first.stat().st_mtime_ns == before
    second.unlink()
    run(batch)
    assert second.read_bytes() == bytes_


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


def test_a_model_may_be_asked_for_by_the_name_that_it_has_in_the_folders(run: Run, tmp_path: Path) -> None:
    assert run(SETTINGS.replace("tiny", "nobody"), "--model", "tiny.safetensors") == 0
    assert paramc.read(painted(tmp_path)[0]).assets.checkpoint == paramc.parse(SETTINGS).assets.checkpoint


def test_a_model_that_is_not_there_is_not_replaced(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(SETTINGS, "--model", str(tmp_path / "tiny.safetensors")) == 1
    assert "PC573" in capsys.readouterr().err


def test_a_folder_to_look_through_is_no_model(run: Run, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SETTINGS, "--model", str(models)) == 1
    assert "PC541 folder-no-model]" in capsys.readouterr().err


def test_weights_in_fewer_bits_are_said_to_make_another_picture(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(SETTINGS, "--weights", "float8", "--report")
    assert "PC542 fewer-bits]" in capsys.readouterr().err


def test_settings_of_the_demo_model_say_how_it_is_asked_for(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SETTINGS.replace("tiny", "demo")) == 1
    assert "`--model demo` paints" in capsys.readouterr().err


def test_settings_without_a_model_ask_for_one(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SETTINGS.replace("Model: tiny, ", "")) == 1
    assert "PC540 model-not-named]: the settings name no checkpoint" in capsys.readouterr().err


def test_a_folder_that_cannot_be_read_is_told_where_no_model_is_found(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "nobody.safetensors").symlink_to(tmp_path / "nowhere")
    assert run(SETTINGS.replace("tiny", "nobody"), "--models", str(tmp_path / "more")) == 1
    printed = capsys.readouterr().err
    assert ("PC523" in printed, "PC520" in printed) == (True, True)


def test_an_assumed_noise_source_is_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(SETTINGS.replace(", RNG: CPU", ""))
    assert "PC553" in capsys.readouterr().err


def test_a_folder_is_made_with_the_first_picture_and_no_sooner(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").rmdir()
    assert run(SETTINGS.replace("Steps: 2", "Steps: 0")) == 1
    assert not (tmp_path / "out").exists()
    assert run(SETTINGS) == 0
    assert len(painted(tmp_path)) == 1


@pytest.mark.parametrize(("place", "code", "said"), [("no/where", 4, "PC802"), ("cat.png", 2, "PC800")])
def test_a_place_that_is_no_folder_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, code: int, said: str
) -> None:
    assert main(["run", SETTINGS, "-o", str(tmp_path / place)]) == code
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_size_of_broken_cells_is_told_once(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SETTINGS.replace("64x64", "70x64")) == 0
    printed = capsys.readouterr().err
    assert (printed.count("PC406"), printed.count("PC560")) == (1, 0)


def test_a_file_that_is_gone_while_painting_is_not_told_as_one_that_cannot_be_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    monkeypatch.setattr("paramc.runtime.catalogue.find.Finder.find", lambda *asked: gone.read_bytes())
    assert run(SETTINGS) == 1
    assert (
        f"PC519 unreadable-while-painting]: `{gone}` cannot be read: No such file or directory"
        in capsys.readouterr().err
    )
    assert painted(tmp_path) == []


def full_disk(path: Path, data: bytes) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


@pytest.mark.parametrize("place", ["run", "painter"])
def test_a_full_disk_is_told_with_the_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    monkeypatch.setattr(f"paramc.commands.{place}.write_atomically", full_disk)
    assert run(SETTINGS, "--preview") == 4
    printed = capsys.readouterr().err
    assert "PC802 unwritable-output]" in printed
    assert str(tmp_path / "out") in printed
    assert "No space left on device" in printed


LONG = "n" * 5000
STRANGER = "~nobody-of-this-name/x"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("-o", LONG), 4, "PC802"),
        (("-o", __file__ + "/"), 4, "PC802"),
        (("--model", LONG), 1, "PC520"),
        (("--model", f"{LONG}/{LONG}"), 1, "PC573"),
        (("--model", STRANGER), 1, "PC573"),
        (("--vae", STRANGER), 1, "PC573"),
        (("--set", f"assets.checkpoint.path={LONG}"), 1, "PC520"),
        (("--models", LONG), 2, "PC800"),
        (("--models", STRANGER), 2, "PC800"),
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
