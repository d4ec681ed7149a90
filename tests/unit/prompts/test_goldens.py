"""Every recorded result of the real programs, in strict mode."""

from typing import Any

import pytest

import paramc
from paramc.diagnostics.model import ReadError
from paramc.dialects.chunks import Embedding, TokenRun, Vocabulary, pack
from paramc.dialects.edits import entry_for_call
from tests.unit.prompts.records import ATTENTION, language, listed, mismatches, records

RUNS = [
    (ATTENTION, "a1111", 2000),
    (ATTENTION, "forge", 2000),
    (ATTENTION, "forge_classic", 2000),
    ("dialect_reforge", "reforge", 260),
    ("dialect_sdnext_native", "sdnext", 250),
    ("dialect_sdnext_a1111", "sdnext_a1111", 250),
]


def scheduled(record: dict[str, Any]) -> object:
    reading = paramc.prompt(record["prompt"], strict=True)
    return reading.schedule(record["steps"], record["hires_steps"], legacy=record["use_old_scheduling"])


@pytest.mark.parametrize(("file", "dialect", "count"), RUNS)
def test_weights_are_the_recorded_ones(file: str, dialect: str, count: int) -> None:
    assert len(records(file)) == count
    assert list(mismatches(file, lambda record: paramc.prompt(str(record["text"]), dialect, strict=True).runs())) == []


@pytest.mark.parametrize(("file", "dialect", "count"), RUNS)
def test_where_the_program_fails_strict_mode_raises(file: str, dialect: str, count: int) -> None:
    for record in records(file):
        if "error" in record:
            with pytest.raises(ReadError):
                paramc.prompt(str(record["text"]), dialect, strict=True).runs()


@pytest.mark.parametrize(("file", "dialect", "count"), RUNS)
def test_by_default_nothing_raises_and_the_failure_is_reported(file: str, dialect: str, count: int) -> None:
    for record in records(file):
        reading = paramc.prompt(str(record["text"]), dialect)
        assert reading.runs()
        if "error" in record:
            assert {item.code for item in reading.diagnostics} & {"PC200", "PC214"}


def test_by_default_weights_are_the_same_wherever_the_program_does_not_fail() -> None:
    assert list(mismatches(ATTENTION, lambda record: paramc.prompt(str(record["text"])).runs())) == []


def test_schedules_are_the_recorded_ones() -> None:
    assert list(mismatches("a1111_schedule", scheduled)) == []


def test_where_the_program_is_of_two_minds_the_schedule_is_the_preferred_one() -> None:
    assert list(mismatches("a1111_schedule_ambiguous", scheduled, "preferred")) == []


def test_calls_use_the_recorded_entries() -> None:
    for record in records("a1111_entry_for_call"):
        schedule: Any = scheduled(record)
        assert listed(schedule) == record["schedule"]
        expected: Any = record["entry_for_call"]
        assert [entry_for_call(schedule, call) for call in range(len(expected))] == expected


def test_branches_are_the_recorded_ones() -> None:
    assert list(mismatches("a1111_and", lambda record: paramc.prompt(str(record["prompt"])).branches())) == []


@pytest.mark.parametrize("key", ["text", "networks"])
def test_networks_are_the_recorded_ones(key: str) -> None:
    def ours(record: dict[str, object]) -> object:
        reading = paramc.prompt(str(record["prompt"]))
        return reading.text if key == "text" else reading.networks()

    assert list(mismatches("a1111_extra_networks", ours, key)) == []


def test_all_passes_together_give_the_recorded_result() -> None:
    a1111 = language()
    for record in map(dict[str, Any], records("a1111_pipeline")):
        steps, legacy = (record["steps"], record["hires_steps"]), record["use_old_scheduling"]

        def weighed(text: str, steps: tuple[int, int | None] = steps, legacy: bool = legacy) -> object:
            entries = a1111.edits.schedule(text, *steps, legacy=legacy)
            return listed(tuple((end, a1111.weights.runs(entry, strict=True)) for end, entry in entries))

        positive, negative = (a1111.comments.remove(record[key]) for key in ("prompt", "negative_prompt"))
        reading = paramc.prompt(positive, strict=True)
        networks = {kind: [found["items"] for found in tags] for kind, tags in reading.networks().items()}
        branches = a1111.branches.split(reading.text)
        assert [positive, negative] == record["after_comments"]
        assert networks == record["extra_networks"]
        assert [{"weight": one.weight, "schedule": weighed(one.text)} for one in branches] == record["positive"]
        assert weighed(negative) == record["negative"]


def test_chunks_are_packed_as_recorded() -> None:
    for record in map(dict[str, Any], records("a1111_chunks")):
        tokens = record["embedding_token_ids"]
        packed = pack(
            [TokenRun(*fragment) for fragment in record["fragments"]],
            Vocabulary(record["bos"], record["eos"], record["comma_token"]),
            backtrack=record["comma_padding_backtrack"],
            embeddings=[
                Embedding(name, tuple(tokens[name]), vectors) for name, vectors in record["embedding_vectors"].items()
            ],
        )
        chunks = [
            {"tokens": list(chunk.tokens), "multipliers": list(chunk.multipliers), "fixes": listed(chunk.fixes)}
            for chunk in packed.chunks
        ]
        assert (record["id"], chunks, packed.token_count) == (record["id"], record["chunks"], record["token_count"])


def test_fragments_of_the_chunk_records_are_the_runs_of_their_prompts() -> None:
    for record in map(dict[str, Any], records("a1111_chunks")):
        if record["emphasis"] != "None":
            fragments = [[text, weight] for text, weight, _ in record["fragments"]]
            assert listed(paramc.prompt(record["prompt"], strict=True).runs()) == fragments
