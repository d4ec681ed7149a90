"""Settings texts are read back: what a reader of the text would take for another value is no longer called exact."""

import time

import pytest

import paramc
from paramc import Grade, Job, Unsupported

JOB = paramc.parse("a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512")


def fate(job: Job, path: str) -> tuple[Grade, str]:
    """Grade and code of a path in the text."""
    (found,) = [one for one in paramc.compile(job, "a1111").report.fates if path in one.paths]
    return found.grade, found.code


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("prompt", "a cat\nNegative prompt: dog"),
        ("prompt", " a cat"),
        ("negative", "dog "),
        ("assets.checkpoint.name", " edge "),
        ("assets.checkpoint.name", '"quoted"'),
    ],
)
def test_a_value_that_reads_back_otherwise_is_approximate(path: str, value: str) -> None:
    assert fate(JOB.replace({path: value}), path) == ("approximate", "PC341")


def test_a_value_that_is_not_found_again_is_dropped() -> None:
    text = "a\nSteps: 9, Sampler: Euler, Seed: 1, Size: 512x512, Version: f2.0.1v1.10.1, Module 1: ae"
    report = paramc.compile(paramc.parse(text), "a1111", options={"dialect": "a1111"}).report
    assert [(one.grade, one.code) for one in report.fates if one.key == "Module 1"] == [("dropped", "PC340")]


@pytest.mark.parametrize(("prompt", "grade"), [("a cat", "inert"), ("a (cat:1.2)", "dropped")])
def test_how_weights_are_applied_is_lost_only_where_a_word_has_one(prompt: str, grade: Grade) -> None:
    assert fate(JOB.replace({"prompt": prompt, "text.emphasis": "comfy"}), "text.emphasis")[0] == grade


@pytest.mark.parametrize("value", ["a cat\nSteps: 3, Sampler: DDIM, CFG scale: 4", "a\n\nb", "Steps: 1", "a: b, c"])
def test_a_prompt_that_only_looks_like_settings_stays_exact(value: str) -> None:
    assert fate(JOB.replace({"prompt": value}), "prompt") == ("exact", "")


def test_the_promise_of_a_grade_counts_what_reads_back_otherwise() -> None:
    with pytest.raises(Unsupported) as caught:
        paramc.compile(JOB.replace({"prompt": "a\nNegative prompt: b"}), "a1111", at_least="exact")
    assert "PC341" in {item.code for item in caught.value.diagnostics}


def test_a_loss_that_the_target_knows_of_is_told_once() -> None:
    artifact = paramc.compile(JOB.replace({"text.backtrack": 5}), "a1111")
    assert [item.code for item in artifact.diagnostics] == ["PC601"]


def test_what_a_job_leaves_open_is_no_loss() -> None:
    job = Job.model_validate({"prompt": "a", "sampling": {"steps": 9, "sampler": "euler", "schedule": "uniform"}})
    assert paramc.compile(job, "a1111").diagnostics == ()


@pytest.mark.slow
def test_a_thousand_units_take_ten_times_as_long_as_a_hundred() -> None:
    def seconds(count: int) -> float:
        units = (f'ControlNet {n}: "Module: canny, Model: m [aaaaaaaa], Weight: 1.5"' for n in range(count))
        job = paramc.parse(f"a\nSteps: 9, Sampler: Euler, Seed: 1, Size: 512x512, {', '.join(units)}")
        start = time.process_time()
        paramc.compile(job, "json")
        return time.process_time() - start

    seconds(10)
    assert seconds(1000) < 30 * min(seconds(100) for _ in range(3))
