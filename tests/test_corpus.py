"""Real settings through every target: a reviewed sample always, the whole corpus where `PARAMC_CORPUS` points at it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import paramc
from paramc import Job, Unsupported
from paramc.backends.legalise import report_fates
from paramc.backends.registry import find_target, targets
from paramc.dialects.registry import dialects, find_dialect
from paramc.ir.paths import leaves
from paramc.passes.complete import complete_job

SAMPLE = Path(__file__).parent / "golden" / "corpus" / "infotext.jsonl"
RECORDS = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
NO_PIPELINE = "PC640"


@pytest.fixture(params=targets())
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def jobs() -> list[Job]:
    return [paramc.parse(record["text"]) for record in RECORDS]


def unaccounted(jobs: list[Job], target: str) -> Iterator[int]:
    """Jobs of which some entry or value has no fate of its own, or more than one."""
    chosen = find_target(target)
    for index, job in enumerate(jobs):
        stated = {path for entry in job.ledger for path in entry.paths}
        expected = [entry.raw for entry in job.ledger], [path for path, _ in leaves(job) if path not in stated]
        fates = report_fates(job, paramc.lower(job), chosen).fates
        entries = [fate.raw for fate in fates if fate.origin == "stated"]
        values = [path for fate in fates if fate.origin != "stated" for path in fate.paths]
        if (entries, values) != expected:
            yield index


def refused(jobs: list[Job], target: str) -> Iterator[tuple[int, str]]:
    """Jobs that the target does not write, with the code of the reason; families that it says it lacks apart."""
    for index, job in enumerate(jobs):
        try:
            paramc.compile(job, target)
        except Unsupported as error:
            if error.diagnostics[0].code != NO_PIPELINE:
                yield index, error.diagnostics[0].code


def test_every_setting_of_the_sample_has_one_fate(jobs: list[Job], target: str) -> None:
    assert list(unaccounted(jobs, target)) == []


def test_the_sample_goes_through_every_target(jobs: list[Job], target: str) -> None:
    assert list(refused(jobs, target)) == []


def test_artefacts_of_the_sample_are_the_same_twice(jobs: list[Job], target: str) -> None:
    for job in jobs[:40]:
        assert paramc.compile(job, target).files == paramc.compile(job, target).files


def test_strict_fields_are_the_uis_own() -> None:
    assert [record["id"] for record in RECORDS if paramc.fields(record["text"]) != record["a1111"]] == []


def test_jobs_of_the_sample_survive_json(jobs: list[Job]) -> None:
    assert [job for job in jobs if Job.model_validate_json(job.model_dump_json()) != job] == []


def test_reading_a_prompt_again_gives_the_prompt(jobs: list[Job]) -> None:
    for job in jobs:
        bare = job.replace({"prompt": job.prompt.text, "negative": job.negative.text})
        assert complete_job(bare).prompt.branches == job.prompt.branches


@pytest.mark.parametrize("dialect", [name for name in dialects() if find_dialect(name).engine == "infotext"])
def test_the_sample_is_read_as_any_dialect_of_texts(dialect: str) -> None:
    for record in RECORDS:
        paramc.parse(record["text"], dialect=dialect)


@pytest.fixture(scope="module")
def all_jobs(corpus_texts: list[dict[str, str]]) -> list[Job]:
    return [paramc.parse(record["text"]) for record in corpus_texts]


def test_every_setting_of_the_corpus_has_one_fate(all_jobs: list[Job], target: str) -> None:
    assert list(unaccounted(all_jobs, target)) == []


def test_the_corpus_goes_through_every_target(all_jobs: list[Job], target: str) -> None:
    assert list(refused(all_jobs, target)) == []


def test_only_families_without_a_pipeline_are_refused(all_jobs: list[Job]) -> None:
    bases: set[str] = set()
    for job in all_jobs:
        try:
            paramc.compile(job, "diffusers")
        except Unsupported:
            bases.add(paramc.lower(job).base)
    assert bases.isdisjoint({"sd1", "sd2", "sdxl", "sd3", "flux"})
