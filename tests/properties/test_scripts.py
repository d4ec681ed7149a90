"""Any job becomes a script that parses, calls only what exists, and needs no formatter; every setting has its fate."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

import paramc
from paramc import Artifact
from paramc.ir.family import Family
from paramc.ir.job import Job
from paramc.ir.paths import leaves
from tests.properties.strategies import jobs

ROUNDS = 5  # of drawing: what is drawn in one of them is alike
DRAWN = settings(max_examples=30, database=None, phases=[Phase.generate])
BASES = ("sd1", "sd2", "sdxl", "sd3", "flux")
FEATURES = (
    "from_single_file",
    "from_pretrained",
    "LORAS",
    "CLIP_SKIP",
    "BATCH_SIZE",
    "HIRES_",
    "IMAGE",
    "VAE",
    "CFG_RESCALE",
)


def families() -> st.SearchStrategy[Family]:
    return st.sampled_from(BASES).map(lambda base: Family(name=base, base=base))


def cast() -> st.SearchStrategy[Job]:
    """Jobs of a family that has pipelines."""
    return st.builds(lambda job, family: job.model_copy(update={"family": family}), jobs(), families())


class Drawn(NamedTuple):
    job: Job
    artifact: Artifact


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    """Scripts of jobs of all kinds; written once, looked at from all sides."""
    found: list[Drawn] = []

    def write(job: Job) -> None:
        found.append(Drawn(job, paramc.compile(job, "diffusers")))

    for start in range(ROUNDS):
        seed(start)(DRAWN(given(cast())(write)))()
    return found


def test_a_job_becomes_a_script(drawn: list[Drawn]) -> None:
    for job, artifact in drawn:
        assert [item for item in artifact.diagnostics if item.severity == "error"] == [], job
        assert all(line.isprintable() for line in artifact.text.splitlines()), job


def test_the_prompt_is_found_in_the_script_as_text(drawn: list[Drawn]) -> None:
    for job, artifact in drawn:
        held = {
            node.targets[0].id: node.value
            for node in ast.parse(artifact.text).body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        assert isinstance(ast.literal_eval(held["PROMPT"]), str), job


def test_every_setting_has_one_fate(drawn: list[Drawn]) -> None:
    for job, artifact in drawn:
        fates = Counter(fate.paths[0] for fate in artifact.report.fates)
        assert fates == Counter(path for path, _ in leaves(job)), job


def test_no_script_needs_a_formatter(drawn: list[Drawn], tmp_path: Path) -> None:
    for number, (_, artifact) in enumerate(drawn):
        (tmp_path / f"script{number}.py").write_text(artifact.text, encoding="utf-8")
    for command in (["format", "--diff"], ["check", "--quiet", "--select", "E4,E7,E9,F,I,B"]):
        line = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(tmp_path)]
        assert subprocess.run(line, capture_output=True, text=True, check=False).stdout == ""


@pytest.mark.parametrize("feature", FEATURES)
def test_scripts_of_every_kind_are_drawn(drawn: list[Drawn], feature: str) -> None:
    assert sum(feature in artifact.text for _, artifact in drawn) >= len(drawn) * 0.02
