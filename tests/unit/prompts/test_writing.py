"""Runs as text that reads back as the same runs."""

from typing import Any

import pytest

from paramc.dialects.writing import decimal
from tests.unit.prompts.records import ATTENTION, language, records

A1111 = language()
WEIGHTS: list[dict[str, Any]] = records(ATTENTION)


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        ([("a (b) [c] \\", 1.0)], r"a \(b\) \[c\] \\"),
        ([("a", 1.1), ("b", 1.0)], "(a:1.1)b"),
        ([("12:30", 1.0), (":x", 2.0)], "12:30(:x:2)"),
        ([("a", 1.0), ("BREAK", -1.0), ("b", 1.0)], "a BREAK b"),
        ([("a ", 1.0), ("BREAK", -1.0), ("b", 1.0)], "(a :1) BREAK b"),
        ([("a", 1.1), ("BREAK", -1.1), ("b", 1.1)], "(a:1.1)(BREAK:1.1)(b:1.1)"),
        ([("", 1.0)], ""),
    ],
)
def test_runs_are_written_like_this(runs: list[tuple[str, float]], text: str) -> None:
    assert A1111.writing.write(runs) == text


def test_the_runs_of_the_records_read_back_the_same() -> None:
    runs = [tuple((text, weight) for text, weight in out) for out in (record.get("out") for record in WEIGHTS) if out]
    lost = [out for out in runs if A1111.weights.runs(A1111.writing.write(out)) != out]
    assert len(runs) == 1989
    # the break as a word among others of its weight, and an empty run at the end: both have no spelling
    assert [any("BREAK" in text for text, _ in out) or out[-1] == ("", 1.0) for out in lost] == [True, True]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (1.1, "1.1"),
        (-0.5, "-0.5"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (1 / 1.1, "0.9090909090909091"),
    ],
)
def test_decimals_are_short_and_without_exponent(number: float, text: str) -> None:
    assert decimal(number) == text
    assert float(decimal(number)) == number
