"""`paramc models`: scan, list, find."""

import json
from pathlib import Path
from typing import get_args

import pytest

from paramc.cli import main
from paramc.commands.models import Meter
from paramc.commands.parser import KINDS
from paramc.presentation.console import Console, Screen
from paramc.runtime.catalogue.signs import Kind
from tests.unit.catalogue.files import LORA, SD1, write

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    write(tmp_path / "models" / "cat.safetensors", SD1)
    write(tmp_path / "models" / "fluff.safetensors", LORA)
    return tmp_path / "models"


def test_a_scan_counts_what_it_met(models: Path, capsys: Captured) -> None:
    assert main(["models", "scan", str(models)]) == 0
    assert capsys.readouterr().out == "2 files, 2 new, 2 hashed, 0 gone\n"


def test_a_scan_without_a_folder_looks_through_the_known_ones(models: Path, capsys: Captured) -> None:
    main(["models", "scan", str(models)])
    write(models / "dog.safetensors", SD1)
    capsys.readouterr()
    assert main(["models", "scan"]) == 0
    assert capsys.readouterr().out == "3 files, 1 new, 1 hashed, 0 gone\n"


def test_without_any_folder_it_says_so(capsys: Captured) -> None:
    assert main(["models", "scan"]) == 2
    assert "PC534" in capsys.readouterr().err


def test_damaged_files_make_the_scan_fail_but_not_stop(models: Path, capsys: Captured) -> None:
    (models / "cut.safetensors").write_bytes((models / "cat.safetensors").read_bytes()[:-9])
    assert main(["models", "scan", str(models)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "3 files, 3 new, 2 hashed, 0 gone\n"
    assert "PC522 truncated-model" in captured.err


def test_the_list_has_kinds_and_hashes(models: Path, capsys: Captured) -> None:
    main(["models", "scan", str(models)])
    capsys.readouterr()
    main(["models", "list", "--kind", "network"])
    kind, family, name, digest, network, size, path = capsys.readouterr().out.splitlines()[-1].split("\t")
    assert (kind, family, name, path) == ("network", "sd1", "fluff", str(models / "fluff.safetensors"))
    assert (len(digest), len(network), size) == (10, 12, "7 kB")


def test_a_file_is_found_by_the_hash_that_is_printed(models: Path, capsys: Captured) -> None:
    main(["models", "scan", str(models)])
    main(["models", "list", "--kind", "network"])
    digest = capsys.readouterr().out.splitlines()[-1].split("\t")[4]
    assert main(["models", "find", digest]) == 0
    assert "fluff" in capsys.readouterr().out


def test_json_has_the_whole_hashes(models: Path, capsys: Captured) -> None:
    main(["models", "scan", str(models)])
    capsys.readouterr()
    main(["models", "find", "cat", "--format", "json"])
    (found,) = json.loads(capsys.readouterr().out)["result"]
    assert (found["kind"], len(found["sha256"]), found["path"]) == ("checkpoint", 64, str(models / "cat.safetensors"))


def test_what_is_not_there_is_an_error_with_a_hint(models: Path, capsys: Captured) -> None:
    main(["models", "scan", str(models)])
    assert main(["models", "find", "cats"]) == 1
    assert "did you mean `cat.safetensors`?" in capsys.readouterr().err


def test_hashes_can_wait(models: Path, capsys: Captured) -> None:
    main(["models", "scan", str(models), "--no-hashes"])
    assert capsys.readouterr().out == "2 files, 2 new, 0 hashed, 0 gone\n"


def test_what_comes_with_paramc_is_found_without_a_scan(capsys: Captured) -> None:
    assert main(["models", "find", "demo-grey"]) == 0
    assert "demo-grey.safetensors" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["find"], ["find", "a", "b"], ["list", "a"], ["forget"], ["unpack", "demo"], ["unpack", "demo", "a", "b"],
     ["unpack", "demo", "."]],
)  # fmt: skip
def test_words_that_make_no_sense_are_refused(words: list[str]) -> None:
    assert main(["models", *words]) == 2


def test_a_catalogue_that_is_none_is_named(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models.sqlite").write_bytes(b"this is no database" * 100)
    assert main(["models", "list"]) == 1
    assert "PC523" in capsys.readouterr().err


def test_kinds_on_the_command_line_are_those_of_the_catalogue() -> None:
    assert get_args(Kind) == KINDS


def test_the_meter_draws_bytes_for_those_who_watch(tmp_path: Path) -> None:
    shown: list[str] = []
    with (tmp_path / "nothing").open("wb+") as nothing:
        meter = Meter(Console(nothing, errors=Screen(60), notify=shown.append))
        meter(500_000_000, 2_000_000_000, "cat.safetensors")
        meter(600_000_000, 2_000_000_000, "cat.safetensors")
        meter.clear()
    assert shown == ["\r[██████··················] 500 MB of 2.0 GB · cat.safetenso\x1b[K", "\r\x1b[K"]
