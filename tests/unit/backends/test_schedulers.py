"""Samplers and schedules as scheduler classes: which row answers."""

from pathlib import Path

import pytest

from paramc.backends.description import scheduled
from paramc.backends.schedulers import read_schedulers
from paramc.ir.names import samplers, schedules
from paramc.resources import TARGETS
from paramc.tables import TableError

TABLE = read_schedulers(TARGETS / "diffusers" / "samplers.toml")
BASES = [name for row in TABLE.bases for name in row.names]

MINIMAL = """
[[bases]]
names = ["sd1"]
keywords = {}
[[samplers]]
names = ["*"]
bases = ["sd1"]
scheduler = "Euler"
grade = "exact"
"""


@pytest.mark.parametrize(
    ("base", "sampler", "schedule", "scheduler", "grades"),
    [
        ("sd1", "euler", "karras", "EulerDiscreteScheduler", ("exact", "exact")),
        ("sdxl", "euler_ancestral", "uniform", "EulerAncestralDiscreteScheduler", ("exact", "exact")),
        ("sd1", "euler_ancestral", "karras", "EulerAncestralDiscreteScheduler", ("exact", "dropped")),
        ("sd1", "dpmpp_2m", "karras", "DPMSolverMultistepScheduler", ("close", "exact")),
        ("sd1", "dpmpp_2m", "uniform", "DPMSolverMultistepScheduler", ("close", "approximate")),
        ("sd2", "dpmpp_2m_sde", "exponential", "DPMSolverMultistepScheduler", ("approximate", "exact")),
        ("sd1", "unipc", "karras", "UniPCMultistepScheduler", ("close", "inert")),
        ("sd1", "euler_cfg_pp", "normal", "EulerDiscreteScheduler", ("dropped", "exact")),
        ("sd1", "unknown:mine", "unknown:mine", "EulerDiscreteScheduler", ("dropped", "dropped")),
        ("flux", "euler", "simple", "FlowMatchEulerDiscreteScheduler", ("exact", "exact")),
        ("flux", "euler", "uniform", "FlowMatchEulerDiscreteScheduler", ("exact", "approximate")),
        ("sd3", "dpmpp_2m", "simple", "FlowMatchEulerDiscreteScheduler", ("approximate", "exact")),
    ],
)
def test_a_pair_has_a_class_and_two_grades(
    base: str, sampler: str, schedule: str, scheduler: str, grades: tuple[str, str]
) -> None:
    row = TABLE.sampler(base, sampler, 20)
    assert row.scheduler == scheduler
    assert (row.grade, TABLE.schedule(base, scheduler, schedule, 20).grade) == grades


@pytest.mark.parametrize(
    ("sampler", "own"), [("dpmpp_2m", "karras"), ("euler", "uniform"), ("dpmpp_2m_sde", "exponential")]
)
@pytest.mark.parametrize("schedule", ["automatic", None])
def test_automatic_is_judged_as_the_samplers_own(sampler: str, own: str, schedule: str | None) -> None:
    assert TABLE.judged("sd1", "schedule", sampler, schedule, 20) == TABLE.judged("sd1", "schedule", sampler, own, 20)


def test_steps_that_do_not_divide_the_table_are_rounded() -> None:
    assert [TABLE.judged("sd1", "schedule", "euler", "simple", steps).grade for steps in (20, 25, 30)] == [
        "exact",
        "exact",
        "close",
    ]
    assert [TABLE.sampler("sd1", "ddim", steps).grade for steps in (20, 30)] == ["close", "approximate"]


def test_a_base_without_rows_is_not_judged() -> None:
    assert TABLE.judged("kandinsky", "sampler", "euler", "karras", 20) is None


@pytest.mark.parametrize("base", BASES)
def test_every_pair_has_a_row(base: str) -> None:
    pairs = [(sampler, schedule) for sampler in (*samplers(), "unknown:x") for schedule in (*schedules(), "unknown:x")]
    assert all(TABLE.judged(base, "schedule", sampler, schedule, 20) for sampler, schedule in pairs)


def test_every_loss_says_why() -> None:
    kept = ("exact", "inert")
    assert [row for row in (*TABLE.samplers, *TABLE.schedules) if row.grade not in kept and not row.why] == []


def test_names_are_canonical() -> None:
    assert {name for row in TABLE.samplers for name in row.names} <= {*samplers(), "*"}
    assert {name for row in TABLE.schedules for name in row.names} <= {*schedules(), "*"}


def test_losses_of_samplers_and_schedules_have_codes_of_their_own() -> None:
    sampler = TABLE.sampler("sd1", "dpmpp_3m_sde", 20)
    schedule = TABLE.schedule("sd1", "EulerDiscreteScheduler", "kl_optimal", 20)
    assert (scheduled(sampler).code, scheduled(schedule).code) == ("PC630", "PC631")
    assert scheduled(TABLE.sampler("sd1", "dpmpp_2m", 20)).code == "PC603"
    assert scheduled(TABLE.sampler("sd1", "euler", 20)).code == ""


def test_a_class_without_a_row_for_other_schedules_is_refused(tmp_path: Path) -> None:
    (tmp_path / "samplers.toml").write_text(MINIMAL)
    with pytest.raises(TableError, match="Euler has no row for any other schedule"):
        read_schedulers(tmp_path / "samplers.toml")


def test_a_base_without_a_row_for_other_samplers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "samplers.toml").write_text(MINIMAL.replace('names = ["*"]', 'names = ["euler"]'))
    with pytest.raises(TableError, match="base sd1 has no row for any other sampler"):
        read_schedulers(tmp_path / "samplers.toml")
