"""Any job becomes a script that parses, calls only what exists, and needs no formatter; every setting has its fate."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramc
from paramc.ir.family import Family
from paramc.ir.job import Job
from paramc.ir.paths import leaves
from tests.properties.strategies import jobs

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


@given(cast())
@settings(max_examples=300)
def test_a_job_becomes_a_script(job: Job) -> None:
    artifact = paramc.compile(job, "diffusers")
    assert [item for item in artifact.diagnostics if item.severity == "error"] == []
    assert all(line.isprintable() for line in artifact.text.splitlines())


@given(cast())
@settings(max_examples=200)
def test_the_prompt_is_found_in_the_script_as_text(job: Job) -> None:
    tree = ast.parse(paramc.compile(job, "diffusers").text)
    held = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert isinstance(ast.literal_eval(held["PROMPT"]), str)


@given(cast())
@settings(max_examples=200)
def test_every_setting_has_one_fate(job: Job) -> None:
    report = paramc.compile(job, "diffusers").report
    assert Counter(fate.paths[0] for fate in report.fates) == Counter(path for path, _ in leaves(job))


def test_no_script_needs_a_formatter(tmp_path: Path) -> None:
    @given(cast())
    @settings(max_examples=250, database=None)
    def write(job: Job) -> None:
        number = len(list(tmp_path.iterdir()))
        (tmp_path / f"script{number}.py").write_text(paramc.compile(job, "diffusers").text, encoding="utf-8")

    write()
    for command in (["format", "--diff"], ["check", "--quiet", "--select", "E4,E7,E9,F,I,B"]):
        line = [sys.executable, "-m", "ruff", *command, "--isolated", str(tmp_path)]
        assert subprocess.run(line, capture_output=True, text=True, check=False).stdout == ""


@pytest.fixture(scope="module")
def drawn() -> Counter[str]:
    """How many of 300 scripts have a feature."""
    found: Counter[str] = Counter()

    @given(cast())
    @settings(max_examples=300, database=None)
    def count(job: Job) -> None:
        text = paramc.compile(job, "diffusers").text
        found.update(feature for feature in FEATURES if feature in text)

    count()
    return found


@pytest.mark.parametrize("feature", FEATURES)
def test_scripts_of_every_kind_are_drawn(drawn: Counter[str], feature: str) -> None:
    assert drawn[feature] >= 6  # 2 %
