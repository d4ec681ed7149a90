"""Settings texts that people published: what A1111 makes of them, and what a person would read."""

import time
from collections.abc import Mapping, Sequence

import pytest

from paramc.dialects.infotext import scan
from paramc.dialects.scanned import Scanned
from paramc.dialects.ui_fields import ui_fields
from tests.unit.infotext_records import dialect, loses_nothing, told

A1111 = dialect("a1111")
Texts = Sequence[Mapping[str, object]]
OFTEN = 3  # runs, of which the fastest counts


def text_of(record: Mapping[str, object]) -> str:
    return str(record["text"])


def misreadings(scanned: Scanned, lenient: Mapping[str, object]) -> list[str]:
    """What a person would read otherwise. Of a repeated key any value is good, and of JSON its start, since the
    recorded reading takes the first one and cuts at commas; it knows no blocks, so these may be fields."""
    params = lenient["params"]
    assert isinstance(params, dict)
    values = {key: [pair.value for pair in scanned.pairs if pair.key == key] for key in params}
    wrong = [
        key
        for key, value in params.items()
        if value not in values[key] and not any(other[:1] in "{[" and other.startswith(value) for other in values[key])
        if not any(pair.raw[:1] in ("{", "[") and f"{key}:" in pair.raw for pair in scanned.pairs)
    ]
    prompts = {"prompt": scanned.prompt.text, "negative_prompt": scanned.negative.text}
    return wrong + [key for key, prompt in prompts.items() if prompt.strip() != str(lenient[key]).strip()]


def test_the_strict_reading_is_a1111s(corpus_texts: Texts) -> None:
    wrong = [
        record["id"]
        for record in corpus_texts
        if dict(ui_fields(text_of(record), A1111, infotext_styles="Ignore")) != record["a1111"]
    ]
    assert wrong == []


def test_the_default_reading_is_a_persons(corpus_texts: Texts) -> None:
    wrong = {
        str(record["id"]): found
        for record in corpus_texts
        if isinstance(lenient := record.get("lenient"), dict)
        if (found := misreadings(scan(text_of(record), A1111), lenient))
    }
    assert wrong == {}


def test_elsewhere_differences_are_said(corpus_texts: Texts) -> None:
    silent = [
        record["id"]
        for record in corpus_texts
        if "lenient" not in record
        if told(scanned := scan(text_of(record), A1111)) != told(scan(text_of(record), A1111, strict=True))
        if not scanned.diagnostics
    ]
    assert silent == []


def test_elsewhere_only_a_few_texts_differ(corpus_texts: Texts) -> None:
    different = [
        record["id"]
        for record in corpus_texts
        if "lenient" not in record
        and told(scan(text_of(record), A1111)) != told(scan(text_of(record), A1111, strict=True))
    ]
    assert (
        len(different) == 30
    )  # 25 with JSON, 3 with a key of unusual letters, 2 whose prompt shares a line with the settings


@pytest.mark.parametrize("strict", [False, True])
def test_no_character_is_lost(corpus_texts: Texts, strict: bool) -> None:
    assert [
        record["id"] for record in corpus_texts if not loses_nothing(scan(text_of(record), A1111, strict=strict))
    ] == []


@pytest.mark.slow
def test_fields_take_a_fraction_of_a_millisecond(corpus_texts: Texts) -> None:
    texts = [text_of(record) for record in corpus_texts]
    best = min(_seconds(texts) for _ in range(OFTEN))
    assert best / len(texts) < 0.001  # 2.5 times the bar of 400 µs, so that a busy machine does not fail it


def _seconds(texts: Sequence[str]) -> float:
    start = time.process_time()
    for text in texts:
        ui_fields(text, A1111, infotext_styles="Ignore")
    return time.process_time() - start
