"""Every setting has one stated fate in every target, and whatever is not kept as it was says why."""

from collections import Counter
from collections.abc import Iterable
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramc
from paramc.backends.legalise import report_fates
from paramc.backends.registry import choices, find_target, targets
from paramc.backends.report import Fate, Report
from paramc.diagnostics.codes import codes
from paramc.ir.job import Job
from paramc.ir.paths import leaves
from paramc.passes.complete import complete_job
from paramc.passes.plan import plan_job
from tests.properties.strategies import jobs

WORSE = ("approximate", "dropped")


def reported(whole: Job, names: Iterable[str]) -> dict[str, Report]:
    """What becomes of a completed job in some targets."""
    plan = plan_job(whole)
    found = [find_target(name) for name in names]
    return {target.name: report_fates(whole, plan, target, choices(target, {})) for target in found}


def forgotten(whole: Job, report: Report) -> set[str]:
    """Values that differ from their defaults, and stated keys, without a fate."""
    told = {path for fate in report.fates for path in fate.paths}
    values = {path for path, _ in leaves(whole)} - told
    keys = Counter(stated.raw.strip() for stated in whole.ledger if not stated.paths)
    silent = keys - Counter(fate.raw.strip() for fate in report.fates if not fate.paths)
    return values | set(silent)


def is_unexplained(fate: Fate) -> bool:
    return fate.grade in WORSE and not (fate.code in codes() and fate.why)


@settings(max_examples=25)
@given(job=jobs())
def test_no_value_of_any_job_vanishes_in_any_target(job: Job) -> None:
    whole = complete_job(job)
    found = reported(whole, targets())
    assert {name: lost for name, report in found.items() if (lost := forgotten(whole, report))} == {}


@settings(max_examples=25)
@given(job=jobs(), target=st.sampled_from(targets()))
def test_a_value_that_is_not_kept_has_a_code_and_a_reason(job: Job, target: str) -> None:
    report = reported(complete_job(job), [target])[target]
    assert [fate.key for fate in report.fates if is_unexplained(fate)] == []


@settings(max_examples=25)
@given(job=jobs(), target=st.sampled_from(targets()))
def test_no_value_has_two_fates(job: Job, target: str) -> None:
    whole = complete_job(job)
    paths = Counter(path for fate in reported(whole, [target])[target].fates for path in fate.paths)
    stated = Counter(path for entry in whole.ledger for path in entry.paths)
    assert paths - stated == Counter(path for path in paths if path not in stated)


@pytest.mark.slow
@pytest.mark.parametrize("target", targets())
def test_no_setting_of_the_corpus_vanishes(target: str, corpus_texts: list[dict[str, object]]) -> None:
    wrong: dict[object, object] = {}
    for record in corpus_texts:
        whole = complete_job(paramc.parse(cast(str, record["text"])))
        report = reported(whole, [target])[target]
        lost = forgotten(whole, report) | {fate.key for fate in report.fates if is_unexplained(fate)}
        if lost:
            wrong[record["id"]] = lost
    assert wrong == {}
