"""Paths into the Job: look up, edit, list."""

import pytest

from paramc import InvalidValue, Job
from paramc.ir.geometry import Size
from paramc.ir.paths import leaves, plain, value_at
from paramc.ir.sampling import Sampling
from paramc.ir.stages import Hires


def test_a_job_of_defaults_has_no_leaves() -> None:
    assert list(leaves(Job())) == []


def test_replace_changes_one_value_and_leaves_the_job_alone() -> None:
    job = Job()
    assert list(leaves(job.replace({"sampling.steps": 30}))) == [("sampling.steps", 30)]
    assert job.sampling.steps is None


def test_keywords_spell_dots_as_two_underscores() -> None:
    assert Job().replace(sampling__cfg_scale=5).sampling.cfg_scale == 5


def test_a_stage_is_made_by_its_first_value() -> None:
    job = Job().replace({"stages.hires.scale": 1.5, "stages.hires.steps": 12})
    assert job.stages == (Hires(scale=1.5, steps=12),)


def test_the_second_stage_of_a_kind_has_an_index() -> None:
    job = Job().replace({"stages.detailer.model": "faces", "stages.detailer[1].model": "hands"})
    assert value_at(job, "stages.detailer[1].model") == "hands"
    assert [path for path, _ in leaves(job)] == [
        "stages.detailer.kind",
        "stages.detailer.model",
        "stages.detailer[1].kind",
        "stages.detailer[1].model",
    ]


def test_a_stage_set_to_nothing_is_removed() -> None:
    assert Job(stages=(Hires(),)).replace({"stages.hires": None}).stages == ()


def test_an_optional_parent_is_made_on_the_way() -> None:
    variation = Job().replace({"noise.variation.strength": 0.25}).noise.variation
    assert variation is not None
    assert variation.strength == 0.25


@pytest.mark.parametrize("path", ["sampling.stepps", "nope", "", "a..b", "stages.hires[2].scale", "size.width.x"])
def test_a_path_that_cannot_exist_is_refused(path: str) -> None:
    with pytest.raises(InvalidValue, match="PC312"):
        Job().replace({path: 1})


def test_a_value_of_the_wrong_kind_is_refused_with_its_path() -> None:
    with pytest.raises(InvalidValue, match=r"PC311 `sampling.steps` cannot be `many`"):
        Job().replace({"sampling.steps": "many"})


def test_the_kind_of_a_task_is_not_edited_by_name() -> None:
    with pytest.raises(InvalidValue, match="PC312"):
        Job().replace({"task.kind": "inpaint"})


@pytest.mark.parametrize(
    ("one", "other"), [(7, 7.0), (Size(512, 768), Size(512, 768)), (Sampling(steps=1), Sampling(steps=1))]
)
def test_equal_values_have_one_plain_text(one: object, other: object) -> None:
    assert plain(one) == plain(other)


@pytest.mark.parametrize(("one", "other"), [(2**63, 2**63 + 1), (True, 1), ("1", 1), (0.1, 0.1 + 1e-17 + 1e-16)])
def test_different_values_have_different_plain_texts(one: object, other: object) -> None:
    assert plain(one) != plain(other)
