"""ComfyUI's prompts: every recorded result, and texts made to do harm."""

import gzip
import json
import time
from math import isnan
from pathlib import Path

import pytest

import paramc
from paramc.dialects.language import language_of
from paramc.dialects.registry import find_dialect
from paramc.resources import GRAMMARS

GOLDEN = Path(__file__).parents[2] / "golden" / "comfyui"
HOSTILE = {
    "opened": "(" * 10_000,
    "closed": ")" * 10_000,
    "nested": "(" * 10_000 + "a" + ")" * 10_000,
    "mostly closed": "(" * 10_000 + "a" + ")" * 9_000,
    "numbered": "(a" * 10_000 + ":1.2)" * 10_000,
    "backslashes": "\\" * 100_000,
    "colons": ":1" * 50_000,
}


def lines(name: str) -> list[dict[str, object]]:
    with gzip.open(GOLDEN / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def spelt(weight: float) -> float | str:
    """A weight as the recordings have it: six digits, and words for what JSON has no number for."""
    return "nan" if isnan(weight) else "inf" if weight == float("inf") else round(weight, 6)


def test_every_recorded_text_has_its_runs() -> None:
    records = lines("dialect_comfyui")
    wrong = [
        record["text"]
        for record in records
        if [[*run] for run in paramc.prompt(str(record["text"]), dialect="comfyui").runs()] != record["out"]
    ]
    assert (len(records), wrong) == (400, [])


def test_the_segments_of_the_real_tokeniser_are_the_same() -> None:
    records = lines("prompt_syntax")
    wrong = [
        record["text"]
        for record in records
        if [[text, spelt(weight)] for text, weight in paramc.prompt(str(record["text"]), dialect="comfyui").runs()]
        != [[text, weight if isinstance(weight, str) else round(weight, 6)] for text, weight in record["segments"]]  # type: ignore[attr-defined]
    ]
    assert (len(records), wrong) == (54, [])


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_made_to_do_harm_is_read_in_linear_time(name: str) -> None:
    started = time.process_time()
    runs = paramc.prompt(HOSTILE[name], dialect="comfyui").runs()
    assert time.process_time() - started < 5
    assert all(text for text, _ in runs)


def test_words_of_other_languages_are_words() -> None:
    reading = paramc.prompt("a AND b [c:d:0.5] <lora:x:1> # e", dialect="comfyui")
    assert reading.runs() == (("a AND b [c:d:0.5] <lora:x:1> # e", 1.0),)
    assert (reading.networks(), len(reading.branches()), len(reading.schedule(10))) == ({}, 1, 1)


def test_without_its_grammar_nothing_is_weighed(tmp_path: Path) -> None:
    (tmp_path / "fork").mkdir()
    (tmp_path / "fork" / "dialect.toml").write_text('extends = "comfyui"\nengine = "graph"\n', encoding="utf-8")
    (tmp_path / "fork" / "weights.lark").write_text("start: TEXT?\nTEXT: /(?s:.+)/\n", encoding="utf-8")
    language = language_of(find_dialect("fork", (tmp_path, GRAMMARS)))
    weighed = [record for record in lines("dialect_comfyui") if record["out"] != [[record["text"], 1.0]]]
    right = [
        record for record in weighed if [[*run] for run in language.weights.runs(str(record["text"]))] == record["out"]
    ]
    assert (len(weighed) > 100, right) == (True, [])
