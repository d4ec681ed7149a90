"""The legaliser: ops that a target cannot say are led around, and every setting has one fate."""

import pytest

import paramc
from paramc import Job
from paramc.backends.description import Target
from paramc.backends.legalise import legalise, report_fates
from paramc.backends.registry import find_target, targets
from paramc.ir.ledger import Stated
from paramc.ir.paths import leaves
from paramc.ir.plan import Encode, Plan, Sample

TEXT = """a (cat:1.2) [on a mat:in a box:0.5] BREAK night <lora:ink:0.5:0.7>
Negative prompt: dog
Steps: 20, Sampler: Euler, Schedule type: Uniform, CFG scale: 7, Seed: 1, Size: 512x768, Clip skip: 2, \
ADetailer model: face_yolov8n.pt, Wobble: 3, Version: v1.10.1"""
DIFFUSERS = find_target("diffusers")


@pytest.fixture(scope="module")
def job() -> Job:
    return paramc.parse(TEXT)


@pytest.fixture(scope="module")
def plan(job: Job) -> Plan:
    return paramc.lower(job)


class Narrow(Target):
    """A target that lacks one op."""

    legal = frozenset(DIFFUSERS.legal - {"apply_network"})  # type: ignore[assignment]  # a constant in place of a table


def test_a_lost_network_hands_on_what_went_into_it(plan: Plan) -> None:
    ops = {op.id: op for op in legalise(plan, Narrow("diffusers", DIFFUSERS.folder)).ops}
    assert not any(op.op == "apply_network" for op in ops.values())
    sample, positive = ops["sample"], ops["positive"]
    assert isinstance(sample, Sample)
    assert isinstance(positive, Encode)
    assert (sample.model, positive.clip) == ("checkpoint.model", "checkpoint.clip")


def test_a_text_that_switches_becomes_the_one_in_force_longest(plan: Plan) -> None:
    (positive,) = (op for op in legalise(plan, DIFFUSERS).ops if op.id == "positive")
    assert isinstance(positive, Encode)
    assert [variant.text for variant in positive.variants] == ["a (cat:1.2) on a mat BREAK night"]


def test_weights_and_breaks_go_where_the_target_has_none(plan: Plan) -> None:
    (positive,) = (op for op in legalise(plan, DIFFUSERS).ops if op.id == "positive")
    assert isinstance(positive, Encode)
    assert {(run.weight, run.breaks) for run in positive.variants[0].runs} == {(1.0, False)}


@pytest.mark.parametrize("name", targets())
def test_fates_are_the_entries_of_the_source_and_the_values_that_it_leaves_unsaid(
    name: str, job: Job, plan: Plan
) -> None:
    fates = report_fates(job, plan, find_target(name)).fates
    stated = {path for entry in job.ledger for path in entry.paths}
    unsaid = [path for path, _ in leaves(job) if path not in stated]
    assert [fate.raw for fate in fates if fate.origin == "stated"] == [entry.raw for entry in job.ledger]
    assert [fate.paths for fate in fates if fate.origin != "stated"] == [(path,) for path in unsaid]


def test_a_prompt_has_one_fate_with_every_cause(job: Job, plan: Plan) -> None:
    (fate,) = (fate for fate in report_fates(job, plan, DIFFUSERS).fates if fate.paths == ("prompt",))
    assert {cause.feature for cause in fate.causes} >= {"prompt.edit", "prompt.emphasis", "prompt.break"}


def test_a_prompt_that_only_loses_syntax_is_approximate(job: Job, plan: Plan) -> None:
    (fate,) = (fate for fate in report_fates(job, plan, DIFFUSERS).fates if fate.paths == ("prompt",))
    assert fate.grade == "approximate"


def test_an_unknown_key_is_named(job: Job, plan: Plan) -> None:
    (fate,) = (fate for fate in report_fates(job, plan, DIFFUSERS).fates if fate.key == "Wobble")
    assert (fate.features, fate.grade) == (("unknown",), "dropped")


def test_a_demanded_grade_that_is_not_reached_raises(job: Job) -> None:
    with pytest.raises(paramc.Unsupported, match="PC604"):
        paramc.compile(job, "diffusers", at_least="close")


def test_an_entry_without_paths_is_counted() -> None:
    job = Job(ledger=(Stated(key="Wobble", raw="3"),))
    assert [fate.key for fate in report_fates(job, paramc.lower(job), DIFFUSERS).fates] == ["Wobble"]
