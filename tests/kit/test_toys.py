"""A dialect and a target are one folder of data each: dropped in, they are found, read, written and checked."""

import json
from pathlib import Path

import pytest

from paramc import api
from paramc.backends.registry import targets
from paramc.dialects.registry import dialects
from paramc.resources import GRAMMARS, TARGETS
from paramc.source.detect import open_text
from tests.kit import TOY_GRAMMARS, TOY_TARGETS

TEXT = """a cat
Steps: 20, Sampler: Euler, Schedule type: Uniform, CFG scale: 7, Wobble: 2.5, Seed: 1, Size: 512x768, Version: toy-1"""
ROOTS = (GRAMMARS, TOY_GRAMMARS)


def test_folders_hold_data_only() -> None:
    assert {path.suffix for folder in (TOY_GRAMMARS, TOY_TARGETS) for path in folder.rglob("*.*")} == {".toml"}


def test_both_are_found_beside_the_built_in_ones() -> None:
    assert "toy_fork" in dialects(ROOTS)
    assert "toy_json" in targets((TARGETS, TOY_TARGETS))


def test_the_fork_is_recognised_by_its_pattern_and_its_field_read() -> None:
    job = api.load(open_text(TEXT), grammars=ROOTS).job
    assert job.producer.dialect == "toy_fork"
    assert job.sampling.shift == 2.5


def test_what_it_shares_with_its_parent_is_inherited() -> None:
    job = api.load(open_text(TEXT), grammars=ROOTS).job
    assert (job.sampling.steps, job.sampling.sampler, job.size) == (20, "euler", (512, 768))


def test_the_service_gets_its_payload() -> None:
    job = api.load(open_text(TEXT), grammars=ROOTS).job
    artifact = api.compile(job, "toy_json", targets=(TARGETS, TOY_TARGETS))
    assert json.loads(artifact.text) == {
        "prompt": "a cat",
        "picture": {"width": 512, "height": 768},
        "steps": 20,
        "sampler": "plain-euler",
        "version": 1,
    }


def test_every_setting_has_a_fate_there_too() -> None:
    job = api.load(open_text(TEXT), grammars=ROOTS).job
    report = api.compile(job, "toy_json", targets=(TARGETS, TOY_TARGETS)).report
    fates = {fate.key: fate.grade for fate in report.fates}
    assert fates["Steps"] == "exact"
    assert fates["Wobble"] == "dropped"


def test_the_command_line_takes_the_folders(tmp_path: Path) -> None:
    from paramc.cli import main

    output = tmp_path / "out.json"
    arguments = ["--grammars", str(TOY_GRAMMARS), "--targets", str(TOY_TARGETS)]
    assert main(["convert", TEXT, "--to", "toy_json", "-o", str(output), *arguments]) == 0
    assert json.loads(output.read_text(encoding="utf-8"))["steps"] == 20


def test_the_fork_is_written_by_the_engine_of_its_family() -> None:
    job = api.load(open_text(TEXT), grammars=ROOTS).job.replace({"sampling.shift": 3})
    artifact = api.compile(job, "a1111", grammars=ROOTS)
    assert (artifact.files[0].name, artifact.text) == ("toy_fork.txt", TEXT.replace("Wobble: 2.5", "Wobble: 3"))


def test_the_command_line_writes_the_fork_too(capsys: pytest.CaptureFixture[str]) -> None:
    from paramc.cli import main

    words = ["convert", TEXT, "--dialect", "toy_fork", "--grammars", str(TOY_GRAMMARS), "--to", "a1111"]
    assert main(words) == 0
    assert capsys.readouterr().out == TEXT
