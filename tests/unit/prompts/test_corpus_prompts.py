"""Every prompt of the corpus: read whole, in time, and without losing a character."""

from collections.abc import Mapping
from time import process_time

import pytest

from paramc.dialects.prompt import read_negative, read_prompt
from paramc.dialects.prompt_remarks import remark_prompt
from paramc.dialects.registry import find_dialect
from paramc.ir.prompt import Prompt
from tests.unit.prompts.records import language

A1111 = language()
MOST_FOR_WEIGHTS, MOST_FOR_EDITS = 150e-6, 300e-6  # seconds of CPU for a text, on average


@pytest.fixture(scope="module")
def texts(corpus_texts: list[dict[str, object]]) -> list[tuple[str, str]]:
    """(prompt, negative prompt) of every record, as A1111 itself finds them."""
    fields = [record["a1111"] for record in corpus_texts]
    return [(str(row["Prompt"]), str(row["Negative prompt"])) for row in fields if isinstance(row, Mapping)]


def test_no_character_of_a_prompt_is_lost(texts: list[tuple[str, str]]) -> None:
    dialect = find_dialect("a1111")
    for text, negative in texts:
        untagged = A1111.networks.split(text)
        assert len(untagged.text) + sum(tag.span.end - tag.span.start for tag in untagged.tags) == len(text)
        for branch in read_prompt(text, dialect).branches:
            assert branch.text in untagged.text
        assert read_negative(negative, dialect).branches[0].text == negative


def test_every_prompt_survives_json(texts: list[tuple[str, str]]) -> None:
    dialect = find_dialect("a1111")
    for text, _ in texts:
        prompt = read_prompt(text, dialect)
        assert Prompt.model_validate_json(prompt.model_dump_json()).branches == prompt.branches


def test_every_prompt_reads_back_from_its_runs(texts: list[tuple[str, str]]) -> None:
    runs = [A1111.weights.runs(text) for pair in texts for text in pair]
    lost = [found for found in runs if A1111.weights.runs(A1111.writing.write(found)) != found]
    assert len(lost) <= len(runs) // 500


def test_every_prompt_can_be_remarked_upon(texts: list[tuple[str, str]]) -> None:
    for text, negative in texts:
        for prompt, is_negative in ((text, False), (negative, True)):
            for remark in remark_prompt(prompt, A1111, negative=is_negative):
                assert all(0 <= label.span.start <= label.span.end <= len(prompt) for label in remark.labels)


@pytest.mark.slow
def test_reading_is_fast(texts: list[tuple[str, str]]) -> None:
    every = [text for pair in texts for text in pair]
    for read, most in (
        (A1111.weights.runs, MOST_FOR_WEIGHTS),
        (lambda text: A1111.edits.schedule(text, 20), MOST_FOR_EDITS),
    ):
        read("a")
        start = process_time()
        for text in every:
            read(text)
        assert (process_time() - start) / len(every) < most
