"""What a version meant by saying nothing: every rule fires where it should, and only there."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from paramc.dialects.description import Dialect
from paramc.dialects.read_infotext import read_infotext
from paramc.dialects.registry import find_dialect
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.paths import value_at
from paramc.passes.upgrade import rules, upgrade_job
from paramc.tables import TableError
from tests.properties.strategies import jobs

A1111 = find_dialect("a1111")
FAMILY = ("a1111", "forge", "forge_classic", "reforge", "sdnext")
HIRES = "Denoising strength: 0.5, Hires upscale: 2"


def read(fields: str, dialect: str = "a1111", *, prompt: str = "a [cat:dog:0.5]") -> Job:
    found = find_dialect(dialect)
    return upgrade_job(read_infotext(f"{prompt}\n{fields}", found)[0], found)


# (dialect, rule, settings, path, value): with the rule the value, without it another
FIRING: list[tuple[str, str, str, str, object]] = [
    ("a1111", "schedule_restart", "Steps: 20, Sampler: Restart, Seed: 1", "sampling.schedule", "karras"),
    ("a1111", "schedule_restart", "Steps: 20, Sampler: Restart, Seed: 1, Version: v1.6.0", "sampling.schedule", "karras"),
    ("a1111", "schedule_in_name", "Steps: 20, Sampler: DPM++ 2M, Seed: 1", "sampling.schedule", "uniform"),
    ("a1111", "schedule_in_name", "Steps: 20, Sampler: DPM++ 2M, Seed: 1, Version: v1.8.0", "sampling.schedule", "uniform"),
    ("a1111", "schedule_in_name", "Steps: 20, Sampler: DPM++ 2M, Seed: 1, Version: 1.9.0-RC", "sampling.schedule", "uniform"),
    ("a1111", "schedule", "Steps: 20, Sampler: DPM++ 2M, Seed: 1, Version: v1.9.0", "sampling.schedule", "automatic"),
    ("a1111", "schedule", "Steps: 20, Sampler: Restart, Seed: 1, Version: v1.10.1", "sampling.schedule", "automatic"),
    ("a1111", "hires_schedule_restart", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Restart", "stages.hires.schedule", "karras"),
    ("a1111", "hires_schedule_in_name", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Heun", "stages.hires.schedule", "uniform"),
    ("a1111", "sampler", "Steps: 20, Seed: 1, Size: 512x512", "sampling.sampler", "dpmpp_2m"),
    ("a1111", "steps", "Sampler: Euler, Seed: 1, Size: 512x512", "sampling.steps", 20),
    ("a1111", "cfg_scale", "Steps: 20, Sampler: Euler, Seed: 1", "sampling.cfg_scale", 7.0),
    ("a1111", "size", "Steps: 20, Sampler: Euler, Seed: 1", "size", Size(512, 512)),
    ("a1111", "generator", "Steps: 20, Sampler: Euler, Seed: 1", "noise.generator", "cuda"),
    ("a1111", "strength_image", "Steps: 20, Sampler: Euler, Seed: 1, Init image hash: 0a", "task.strength", 0.75),
    ("a1111", "strength_hires", "Steps: 20, Sampler: Euler, Hires upscale: 2", "stages.hires.strength", 0.7),
    ("a1111", "legacy_timelines", "Steps: 20, Sampler: Euler, Seed: 1, Version: v1.5.2", "text.legacy_timelines", True),
    ("a1111", "pad_conds", "Steps: 20, Sampler: DDIM, Seed: 1, Version: v1.5.2", "text.padding", "repeat_last"),
    ("a1111", "pad_conds", "Steps: 20, Sampler: PLMS, Seed: 1, Version: v1.5.2", "text.padding", "repeat_last"),
    ("a1111", "downcast_alphas", "Steps: 20, Sampler: Euler, Seed: 1, Version: v1.7.0", "sampling.downcasts_alphas", True),
    ("a1111", "downcast_alphas", "Steps: 20, Sampler: Euler, Version: v1.7.0-224-gabc", "sampling.downcasts_alphas", True),
    ("a1111", "refiner_counts_steps", "Steps: 20, Sampler: Euler, Refiner: r, Version: v1.7.0", "stages.refiner.counts_steps", True),
    ("a1111", "refiner_counts_steps", "Steps: 20, Sampler: Euler, Refiner: r, Version: 1.8.0-RC", "stages.refiner.counts_steps", True),
    ("a1111", "dropped_sigma", "Steps: 20, Sampler: DPM++ 2M SDE Karras, Version: v1.3.2", "sampling.drops_penultimate_sigma", True),
    ("forge", "schedule_in_name", "Steps: 20, Sampler: DPM++ 2M, Version: f0.0.17v1.8.0rc-latest", "sampling.schedule", "uniform"),
    ("forge", "schedule_restart", "Steps: 20, Sampler: Restart, Version: f0.0.17v1.8.0rc-latest", "sampling.schedule", "karras"),
    ("forge", "schedule", "Steps: 20, Sampler: DPM++ 2M, Version: f2.0.1v1.10.1-previous", "sampling.schedule", "automatic"),
    ("forge", "hires_schedule_in_name", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Heun, Version: f0.0.17v1.8.0rc", "stages.hires.schedule", "uniform"),
    ("forge", "hires_schedule_restart", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Restart, Version: f0.0.17v1.8.0rc", "stages.hires.schedule", "karras"),
    ("forge_classic", "schedule_in_name", "Steps: 20, Sampler: DPM++ 2M, Version: classic", "sampling.schedule", "uniform"),
    ("forge_classic", "schedule_restart", "Steps: 20, Sampler: Restart, Version: classic", "sampling.schedule", "karras"),
    ("forge_classic", "hires_schedule_in_name", f"Steps: 20, Sampler: Euler, Schedule type: Karras, {HIRES}, Hires sampler: Heun", "stages.hires.schedule", "uniform"),
    ("forge_classic", "hires_schedule_restart", f"Steps: 20, Sampler: Euler, Schedule type: Karras, {HIRES}, Hires sampler: Restart", "stages.hires.schedule", "karras"),
    ("sdnext", "sampler", "Steps: 20, Seed: 1, Size: 512x512, App: SD.Next", "sampling.sampler", "unknown:Default"),
]  # fmt: skip

# (dialect, settings, path, value): what must not be filled in
SILENT: list[tuple[str, str, str, object]] = [
    ("a1111", "Steps: 20, Sampler: DPM++ 2M Karras, Seed: 1, Version: v1.5.0", "sampling.schedule", "karras"),
    ("a1111", "Steps: 20, Sampler: DPM++ 2M, Schedule type: karras, Seed: 1, Version: v1.5.0", "sampling.schedule", "karras"),
    ("a1111", f"Steps: 20, Sampler: Euler, Schedule type: Simple, {HIRES}, Hires sampler: Heun", "stages.hires.schedule", None),
    ("a1111", f"Steps: 20, Sampler: Euler, {HIRES}", "stages.hires.schedule", None),
    ("a1111", "Steps: 20, Sampler: Euler, Seed: 1", "text.legacy_timelines", False),
    ("a1111", "Steps: 20, Sampler: Euler, Seed: 1, Version: v1.6.0", "text.legacy_timelines", False),
    ("a1111", "Steps: 20, Sampler: Euler, Version: v1.5.0, Old prompt editing timelines: False", "text.legacy_timelines", False),
    ("a1111", "Steps: 20, Sampler: Euler, Seed: 1, Version: v1.5.0", "text.padding", "none"),
    ("a1111", "Steps: 20, Sampler: DDIM CFG++, Seed: 1, Version: v1.5.0", "text.padding", "none"),
    ("a1111", "Steps: 20, Sampler: Euler, Seed: 1, Version: v1.7.0-225-gabc", "sampling.downcasts_alphas", False),
    ("a1111", "Steps: 20, Sampler: Euler, Seed: 1", "sampling.downcasts_alphas", False),
    ("a1111", "Steps: 20, Sampler: Euler, Refiner: r, Version: v1.8.0", "stages.refiner.counts_steps", False),
    ("a1111", "Steps: 20, Sampler: DPM++ 2M SDE, Version: v1.4.0", "sampling.drops_penultimate_sigma", False),
    ("a1111", "Steps: 20, Sampler: DPM++ 2M SDE, Version: v1.2.1", "sampling.drops_penultimate_sigma", False),
    ("a1111", "Steps: 20, Sampler: DPM++ 2M, Version: v1.3.0", "sampling.drops_penultimate_sigma", False),
    ("a1111", "Steps: 20, Sampler: Euler, Hires resize: 0x900", "stages.hires.scale", None),
    ("a1111", "Steps: 20, Sampler: Euler, Size: 512x512", "noise.seed", None),
    ("a1111", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Restart, Version: v1.10.1", "stages.hires.schedule", None),
    ("a1111", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Heun, Version: v1.10.1", "stages.hires.schedule", None),
    ("a1111", f"Steps: 20, Schedule type: Beta, {HIRES}, Hires sampler: Restart", "stages.hires.schedule", None),
    ("a1111", "Steps: 20, Sampler: DDIM, Seed: 1, Version: v1.6.0", "text.padding", "none"),
    ("forge", "Steps: 20, Sampler: Restart, Module 1: ae", "sampling.schedule", "automatic"),
    ("forge", "Steps: 20, Sampler: DPM++ 2M, Module 1: ae", "sampling.schedule", "automatic"),
    ("forge", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Restart", "stages.hires.schedule", None),
    ("forge", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Heun", "stages.hires.schedule", None),
    ("sdnext", "Steps: 20, Sampler: Restart, App: SD.Next", "sampling.schedule", "automatic"),
    ("sdnext", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Restart", "stages.hires.schedule", None),
    ("sdnext", f"Steps: 20, Sampler: Euler, {HIRES}, Hires sampler: Heun", "stages.hires.schedule", None),
    ("sdnext", "Steps: 20, Sampler: DPM++ 2M, Version: 1234567, App: SD.Next", "sampling.schedule", "automatic"),
]  # fmt: skip
OFF = ("legacy_timelines", "pad_conds", "downcast_alphas", "refiner_counts_steps", "dropped_sigma")


@pytest.mark.parametrize(("dialect", "rule", "fields", "path", "value"), FIRING)
def test_silence_means_what_the_version_meant(dialect: str, rule: str, fields: str, path: str, value: object) -> None:
    job = read(fields, dialect)
    assert value_at(job, path) == value
    assert job.origin(path) == f"implied: {rules_of(dialect)[rule]}"


@pytest.mark.parametrize(("dialect", "fields", "path", "value"), SILENT)
def test_what_is_said_or_of_another_version_stays(dialect: str, fields: str, path: str, value: object) -> None:
    assert value_at(read(fields, dialect), path) == value


@pytest.mark.parametrize("dialect", ["forge", "forge_classic", "sdnext"])
@pytest.mark.parametrize("name", OFF)
def test_forks_do_nothing_for_versions_that_are_not_theirs(dialect: str, name: str) -> None:
    fields = next(fields for _, rule, fields, *_ in FIRING if rule == name)
    if dialect == "forge":
        fields = re.sub(
            "Version: v[0-9.]+", "Version: f0.0.17" if name != "dropped_sigma" else "Version: f1.3.0", fields
        )
    path = next(path for _, rule, _, path, _ in FIRING if rule == name)
    assert path not in {item.path for item in read(fields, dialect).implied}


def test_editing_of_old_counts_only_where_a_prompt_has_any() -> None:
    assert not read("Steps: 20, Sampler: Euler, Seed: 1, Version: v1.5.2", prompt="a (cat:1.2)").text.legacy_timelines


def test_the_factor_of_a_second_pass_without_one_is_filled_in() -> None:
    from paramc.ir.stages import Hires

    hires = upgrade_job(Job(stages=(Hires(),)), A1111).hires
    assert hires is not None
    assert hires.scale == 2.0


def test_a_picture_that_is_only_enlarged_is_left_alone() -> None:
    job = read_infotext("Postprocess upscale by: 4, Postprocess upscaler: None", A1111)[0]
    assert upgrade_job(job, A1111) is job


@pytest.mark.parametrize("name", FAMILY)
def test_a_second_run_changes_nothing(name: str) -> None:
    dialect = find_dialect(name)

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(jobs(dialect))
    def holds(job: Job) -> None:
        once = upgrade_job(job, dialect)
        assert upgrade_job(once, dialect) is once

    holds()


def rules_of(name: str) -> dict[str, str]:
    """Each rule of a dialect's lineage with its reason."""
    tables = [folder / "upgrade.toml" for folder in reversed(find_dialect(name).folders)]
    found: dict[str, str] = {}
    for path in tables:
        if path.is_file():
            for rule, row in tomllib.loads(path.read_text(encoding="utf-8"))["rules"].items():
                found[rule] = row.get("because", found.get(rule, ""))
    return found


@pytest.mark.parametrize("name", FAMILY)
def test_every_rule_of_a_table_is_tried(name: str) -> None:
    path = find_dialect(name).folders[0] / "upgrade.toml"
    own = tomllib.loads(path.read_text(encoding="utf-8"))["rules"] if path.is_file() else {}
    tried = {rule for dialect, rule, *_ in FIRING if dialect == name} | {"language", "hires_scale"}
    assert {rule for rule, row in own.items() if not row.get("off")} - tried == set()
    assert {rule for rule, row in own.items() if row.get("off")} <= {
        *OFF,
        "schedule_restart",
        "schedule_in_name",
        "hires_schedule_restart",
        "hires_schedule_in_name",
    }


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('path = "size"\nvalue = 1\nbecause = "x"\nbefor = "1.0"', "unknown key `befor`, did you mean `before`?"),
        ('path = "size"\nvalue = 1\nbecause = "x"\nbefore = "soon"', "`soon` is no version"),
        ('path = "size"\nvalue = 1', "`because` is missing"),
    ],
)
def test_a_mistake_in_a_table_is_named(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "upgrade.toml").write_text(f"[rules.x]\n{row}\n", encoding="utf-8")
    with pytest.raises(TableError, match=re.escape(message)):
        rules(Dialect("broken", (tmp_path,), {}))
