"""Paths into the Job: look up, edit, list."""

import pytest

from paramc import InvalidValue, Job
from paramc.ir.geometry import Size
from paramc.ir.paths import leaves, plain, value_at
from paramc.ir.sampling import Sampling
from paramc.ir.stages import Hires
from paramc.ir.wishes import known_paths
from paramc.resources import GRAMMARS
from paramc.tables import read_table


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


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("size", [7, 7], "the least is 8"),
        ("size", [512, 100_000], "the most is 16384"),
        ("stages.hires.scale", -1, "it must be more than 0"),
        ("batch.size", 0, "the least is 1"),
        ("text.layer", 5, "the most is -1"),
        ("sampling.steps", -3, "the least is 1"),
        ("sampling.steps", 10**400, "the most is 10000"),
        ("sampling.cfg_scale", "nan", "it is no finite number"),
        ("noise.variation.strength", 1.5, "the most is 1"),
        ("controls.controlnet.start", -0.1, "the least is 0"),
        ("sampling", {"steps": 0}, "the least is 1"),
        ("stages.hires", {"scale": 0}, "it must be more than 0"),
    ],
)
def test_a_number_out_of_range_is_refused_by_an_edit(path: str, value: object, why: str) -> None:
    with pytest.raises(InvalidValue, match=rf"PC311 `{path}` cannot be .*: {why}"):
        Job().replace({path: value})


def test_the_schema_shows_the_ranges() -> None:
    assert Job.model_json_schema()["$defs"]["Sampling"]["properties"]["steps"]["maximum"] == 10_000


def test_a_job_made_of_what_a_source_says_may_be_out_of_range() -> None:
    assert Job.model_validate({"sampling": {"steps": -3}}).sampling.steps == -3


@pytest.mark.parametrize("text", ["512x768", " 512 x 768 ", "512×768"])
def test_a_size_may_be_written_as_one_text(text: str) -> None:
    assert Job().replace({"size": text}).size == Size(512, 768)


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("sampling.steps", 1.5, "it takes a whole number"),
        ("sampling.eta", "much", "it takes a number"),
        ("noise.per_batch", "maybe", "it takes true or false"),
        ("assets.checkpoint.name", 5, "it takes a text"),
        ("assets.networks", 5, "it takes a list"),
        ("size", 5, "it takes a width and a height"),
        ("size", [1, 2, 3], "it takes another number of values"),
        ("sampling.unipc_variant", "bh3", "it takes 'bh1', 'bh2' or 'vary_coeff'"),
        ("assets.checkpoint", 5, "it takes several values by name"),
        ("sampling", {"stps": 2}, "it has no value of that name"),
        ("assets.networks", [{"hashes": [{}]}], "a value that it needs is missing"),
        ("stages", [{"kind": "hi"}], "it takes 'hires', "),
    ],
)
def test_what_does_not_fit_is_told_in_our_words(path: str, value: object, why: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Job().replace({path: value})
    assert f"`: {why}" in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("steps", "did you mean `sampling.steps` or `stages.hires.steps` or `stages.detailer.steps`?"),
        ("sampling.stepps", "did you mean `sampling.steps`?"),
        ("eta_ddim", "did you mean `sampling.eta_ddim`?"),
        ("hires.strength", "did you mean `stages.hires.strength`?"),
        ("controls.control_net.weight", "did you mean `controls.controlnet.weight`?"),
        ("zzzzzz", "`paramc schema job` lists the paths"),
    ],
)
def test_a_wrong_path_comes_with_the_right_ones(path: str, hint: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Job().replace({path: 1})
    assert caught.value.diagnostics[0].help == hint


def test_every_path_that_is_offered_exists() -> None:
    job = Job.model_validate({"task": {"kind": "inpaint", "soft": {}}})
    assert [
        path for path in known_paths() if value_at(job, path) is None and path.split(".")[0] not in Job.model_fields
    ] == []


def test_a_whole_stage_can_be_set() -> None:
    assert Job().replace({"stages.hires": {"scale": 2, "steps": 9}}).stages == (Hires(scale=2, steps=9),)


def test_every_path_that_is_offered_for_a_word_exists() -> None:
    offered = read_table(GRAMMARS / "find.toml")["offers"]
    assert isinstance(offered, dict)
    listed = [paths for paths in offered.values() if isinstance(paths, list)]
    assert {str(path) for paths in listed for path in paths} <= set(known_paths())
    assert len(listed) == len(offered)
