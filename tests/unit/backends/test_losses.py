"""The losses of a report: what each does to the picture, and the ways around it."""

import pytest

from paramc.api import compile, parse  # noqa: A004  # a verb of ours
from paramc.backends.description import Target
from paramc.backends.losses import Loss, effect_of, losses_of
from paramc.backends.registry import find_target, targets
from paramc.backends.report import GRADES, Cause, Fate
from paramc.ir.features import features
from paramc.tables import read_table, rows

TEXT = (
    "a [fox:dog:0.5]\nSteps: 20, Sampler: Euler, Schedule type: Uniform, CFG scale: 7, Seed: 1, Size: 512x512, "
    "Variation seed: 2, Variation seed strength: 0.1, RNG: CPU, Version: v1.10.1"
)


def losses(text: str, target: str) -> dict[str, Loss]:
    job = parse(text)
    return {loss.key: loss for loss in losses_of(job, compile(job, target).report, {})}


def fate(feature: str, grade: str) -> Fate:
    found = next(name for name in GRADES if name == grade)
    return Fate("x", "y", ("z",), found, "stated", (feature,), causes=(Cause(feature, found, "PC601", "why"),))


def test_every_setting_that_is_not_kept_is_listed() -> None:
    job = parse(TEXT)
    report = compile(job, "diffusers").report
    lost = [item.key for item in report.fates if item.grade not in ("exact", "inert")]
    assert [loss.key for loss in losses_of(job, report, {})] == lost != []


def test_a_way_around_keeps_the_setting_better() -> None:
    for loss in losses(TEXT, "diffusers").values():
        assert all(GRADES.index(grade) < GRADES.index(loss.grade) for _, grade in loss.ways)


def test_a_way_around_is_what_another_target_really_does() -> None:
    job = parse(TEXT)
    ways = losses(TEXT, "diffusers")["Variation seed"].ways
    words, grade = next(way for way in ways if way[0].startswith("--to "))
    other = compile(job, words.removeprefix("--to ")).report
    assert [item.grade for item in other.fates if item.key == "Variation seed"] == [grade]


def test_targets_without_a_picture_are_no_way_around() -> None:
    ways = {words for loss in losses(TEXT, "diffusers").values() for words, _ in loss.ways}
    assert ways and "--to json" not in ways


@pytest.mark.parametrize(
    ("feature", "grade", "effect"),
    [
        ("noise.cuda", "dropped", "composition"),
        ("noise.scale", "dropped", "invisible"),
        ("schedule.karras", "approximate", "detail"),
        ("sampler.dpmpp_sde", "approximate", "composition"),
        ("sampler.dpmpp_2m", "approximate", "detail"),
        ("sampler.dpmpp_2m", "close", "invisible"),
        ("prompt.emphasis", "dropped", "detail"),
        ("prompt.edit", "dropped", "composition"),
        ("size", "exact", "bit-identical"),
        ("stage.refiner", "dropped", "composition"),
    ],
)
def test_effects_follow_the_measured_sizes(feature: str, grade: str, effect: str) -> None:
    assert effect_of(fate(feature, grade))[0] == effect


def test_the_table_names_features_that_exist() -> None:
    from fnmatch import filter as matching
    from pathlib import Path

    from paramc.backends import losses as module
    from paramc.backends.losses import Effect

    path = Path(module.__file__).with_name("effects.toml")
    patterns = [pattern for row in rows(read_table(path), "effects", Effect, path) for pattern in row.features]
    assert all(matching(features(), pattern) for pattern in patterns)


@pytest.mark.parametrize("name", targets())
def test_no_target_is_worse_than_itself(name: str) -> None:
    target: Target = find_target(name)
    assert all(f"--to {target.name}" != words for loss in losses(TEXT, name).values() for words, _ in loss.ways)
