"""compel's prompt language: its own parser's records, texts of every kind, and what it writes read back."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.dialects.compel_weights import CompelWeights, Parts
from paramc.dialects.language import language_of
from paramc.dialects.registry import find_dialect
from paramc.dialects.weights import Runs

GOLDEN = Path(__file__).parents[2] / "golden" / "prompt" / "dialect_compel.jsonl.gz"
with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
    RECORDS: list[dict[str, Any]] = [json.loads(line) for line in lines]
LANGUAGE = language_of(find_dialect("compel"))
PIECES = [*'()"+-.,=\\ \n', "a", "1", ".attend(", ".swap(", ".blend(", "withLora(x)", "é"]
SIGNS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def parts_of(text: str, *, strict: bool = False) -> Parts:
    weights = LANGUAGE.weights
    assert isinstance(weights, CompelWeights)
    return weights.parts(text, strict=strict)


def flat(part: dict[str, Any]) -> Runs:
    """Runs of a recorded part; of a swap, its original text, which is what the library encodes."""
    runs: list[tuple[str, float]] = []
    for item in part["flat"]:
        text, weight = item["swap"][0][0] if isinstance(item, dict) else item
        if runs and runs[-1][1] == weight:
            runs[-1] = (f"{runs[-1][0]} {text}", weight)
        else:
            runs.append((text, weight))
    return tuple(runs)


def test_every_record_of_the_parser_is_read() -> None:
    differing = []
    for record in RECORDS:
        if record.get("error"):
            continue
        recorded = record["out"]["parts"]
        blends = len(recorded) == 1 and "blend" in recorded[0]
        texts, weights = (
            (recorded[0]["blend"], recorded[0]["weights"]) if blends else (recorded, record["out"]["weights"])
        )
        found = parts_of(record["text"])
        texts_agree = [part.runs for part in found.parts] == [flat(part) for part in texts]
        weights_agree = [part.weight for part in found.parts] == weights and (found.blends == blends or not recorded)
        if not (texts_agree and weights_agree):
            differing.append(record["text"])
    assert differing == []


def test_most_errors_of_the_parser_are_raised_in_strict_mode_and_none_in_the_other() -> None:
    raised = 0
    for record in RECORDS:
        if record.get("error"):
            parts_of(record["text"])
            try:
                parts_of(record["text"], strict=True)
            except paramc.ReadError:
                raised += 1
    assert raised >= 30  # of 34; the others are of a swap or a network inside of a blend


def test_the_public_prompt_gives_the_runs() -> None:
    assert paramc.prompt("a (red cat)1.3 on C++", dialect="compel").runs() == (
        ("a", 1.0),
        ("red cat", 1.3),
        ("on", 1.0),
        ("C", 1.1**2),
    )


@given(SIGNS)
def test_any_text_is_read(text: str) -> None:
    for run_text, weight in parts_of(text).parts[0].runs if parts_of(text).parts else ():
        assert isinstance(run_text, str)
        assert weight >= 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        ")" * 10_000,
        "(a" * 5000,
        '"' * 10_000,
        '("a' * 3000,
        "(a " * 3000 + "=" + ")" * 3000,
        "+" * 10_000,
        "(a)1.1" * 2000,
    ],
)
def test_hostile_prompts_are_read_in_a_moment(text: str) -> None:
    start = time.process_time()
    parts_of(text)
    assert time.process_time() - start < 2  # a quadratic reader takes far longer


def test_a_prompt_of_nothing_has_an_empty_run() -> None:
    assert parts_of("  ").parts[0].runs == (("", 1.0),)
