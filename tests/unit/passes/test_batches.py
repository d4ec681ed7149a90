"""Which jobs are painted at once."""

import pytest

import paramc
from paramc.ir.job import Job
from paramc.passes.batches import batches, joined

TEXT = "a cat\nSteps: 4, Sampler: {}, CFG scale: 5, Seed: {}, Size: 64x64{}, Version: {}"


def job(seed: int, sampler: str = "Euler a", more: str = "", version: str = "v1.10.1") -> Job:
    return paramc.parse(TEXT.format(sampler, seed, more, version))


def test_seeds_that_follow_one_another_go_together_as_many_as_are_allowed() -> None:
    jobs = [job(seed) for seed in (7, 3, 4, 5, 9, 6)]
    assert list(batches(jobs, 3)) == [(1, 2, 3), (5, 0), (4,)]


@pytest.mark.parametrize("unsaid", [None, -1])
def test_a_seed_that_is_yet_to_be_drawn_is_next_to_no_other(unsaid: int | None) -> None:
    open_ = job(1).replace({"noise.seed": unsaid})
    assert list(batches([job(0), open_, job(1), open_], 4)) == [(0, 2), (1,), (3,)]


def test_jobs_that_differ_otherwise_stay_apart() -> None:
    jobs = [job(1), job(2).replace({"sampling.cfg_scale": 6.0}), job(2), job(3).replace({"batch.size": 2})]
    assert list(batches(jobs, 4)) == [(0, 2), (1,), (3,)]


def test_one_at_once_leaves_the_order() -> None:
    assert list(batches([job(2), job(1, "Euler"), job(1)], 1)) == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("sampler", "more"),
    [("DPM adaptive", ""), ("Euler a", ", Variation seed: 5, Variation seed strength: 0.2")],
)
def test_pictures_that_a_batch_would_change_are_painted_alone(sampler: str, more: str) -> None:
    assert list(batches([job(1, sampler, more), job(2, sampler, more)], 4)) == [(0,), (1,)]


def test_a_batch_with_one_stream_for_all_is_not_made_of_single_ones() -> None:
    jobs = [job(seed).replace({"producer.dialect": "comfyui"}) for seed in (1, 2)]
    assert list(batches(jobs, 4)) == [(0,), (1,)]


def test_the_joined_job_begins_with_the_first_seed() -> None:
    found = joined([job(4), job(5)])
    assert (found.noise.seed, found.batch.size) == (4, 2)
