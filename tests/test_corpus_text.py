"""The corpus written back as settings texts: the same job, the same bytes, and one field for one changed value."""

from collections.abc import Iterator, Mapping, Sequence

import pytest

import paramc
from paramc import Job
from paramc.backends.infotext import write_infotext
from paramc.dialects.registry import find_dialect

FAMILY = ("a1111", "forge", "forge_classic", "reforge", "sdnext", "sdnext_a1111")
EDITS = {
    "noise.seed": 12345,
    "sampling.steps": 33,
    "sampling.cfg_scale": 5.25,
    "text.layer": -3,
    "size": (640, 832),
    "negative": "ugly",
    "prompt": "a new prompt",
}
EVERY = 3  # text of the corpus that is edited


@pytest.fixture(scope="module")
def read(corpus_texts: Sequence[Mapping[str, str]]) -> list[tuple[Mapping[str, str], Job]]:
    """All texts of the family's programs with their jobs; those of other programs are read as A1111 would."""
    jobs = ((record, paramc.parse(record["text"])) for record in corpus_texts)
    return [
        (record, job if job.producer.dialect in FAMILY else paramc.parse(record["text"], dialect="a1111"))
        for record, job in jobs
    ]


def written(job: Job, *, anew: bool = False) -> str:
    return write_infotext(job, find_dialect(job.producer.dialect), anew=anew)


def read_back(job: Job, text: str) -> Job:
    return paramc.parse(text, dialect=job.producer.dialect)


@pytest.mark.parametrize("anew", [False, True])
def test_a_job_written_and_read_is_the_job(read: list[tuple[Mapping[str, str], Job]], anew: bool) -> None:
    assert [record["id"] for record, job in read if read_back(job, written(job, anew=anew)) != job] == []


def test_texts_that_programs_wrote_come_back_byte_for_byte(read: list[tuple[Mapping[str, str], Job]]) -> None:
    exact = [(record, job) for record, job in read if record["boundary"] == "exact"]
    assert len(exact) > 500
    assert [record["id"] for record, job in exact if written(job) != record["text"]] == []


def test_texts_cut_out_of_pages_lose_nothing_but_what_stands_around_them(
    read: list[tuple[Mapping[str, str], Job]],
) -> None:
    assert [record["id"] for record, job in read if written(job).strip() not in record["text"]] == []


def entries(job: Job) -> dict[str, list[str]]:
    """What each key of the source stands for."""
    found: dict[str, list[str]] = {}
    for stated in job.ledger:
        found.setdefault(stated.key or str(stated.paths[:1]), []).append(stated.raw.strip())
    return found


def spread(read: list[tuple[Mapping[str, str], Job]], path: str) -> Iterator[tuple[str, set[str]]]:
    """Texts in which an edit changes another number of keys than one, or reads back as something else."""
    for record, job in read[::EVERY]:
        edited = job.replace({path: EDITS[path]})
        if edited == job:
            continue
        back = read_back(edited, written(edited))
        before, after = entries(job), entries(back)
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        if len(changed) != 1 or back != edited:
            yield record["id"], changed


@pytest.mark.parametrize("path", EDITS)
def test_one_changed_value_changes_one_field(read: list[tuple[Mapping[str, str], Job]], path: str) -> None:
    assert dict(spread(read, path)) == {}
