"""Texts that are made to be hard: read in time, in proportion to their length, and without an exception."""

import random
from collections.abc import Callable
from time import process_time

import pytest

import paramc
from paramc.dialects.prompt import read_prompt
from paramc.dialects.prompt_remarks import remark_prompt
from paramc.dialects.registry import find_dialect
from tests.unit.prompts.records import language

LIMIT = 0.5  # seconds of CPU for a text of 10,000 characters
NOISE = random.Random(1)
A1111 = language()
HOSTILE = {
    "open round": "(" * 10_000,
    "open square": "[" * 10_000,
    "open both": "([" * 5000,
    "open round with text": "(a" * 5000,
    "open square with text": "[a" * 5000,
    "closed and nested": "(a" * 2500 + ":1.0001)" * 600 + ")" * 1900,
    "unfinished edits": "[a:" * 3333,
    "nested edits": "[a:" * 1600 + "x" + ":1]" * 1600,
    "nested alternations": "[a|" * 2500 + "]" * 2500,
    "bars": "|" * 5000,
    "bars in a bracket": "[" + "|" * 9000 + "]",
    "open tags": "<a:" * 3333,
    "late tag": "<a:" * 3333 + ">",
    "colons": ": 1 " * 2500,
    "ands": " AND " * 2000,
    "breaks": "(BREAK" * 1666,
    "backslashes": "\\" * 10_000,
    "hashes": "#\n" * 5000,
    "digits": "(a:" + "1" * 9990 + ")",
    "spaces": " " * 10_000,
    "random brackets": "".join(NOISE.choices("()[]", k=10_000)),
    "random signs": "".join(NOISE.choices("()[]<>:|\\ab.5 #\n", k=10_000)),
}
READERS: dict[str, Callable[[str], object]] = {
    "runs": A1111.weights.runs,
    "native runs": language("sdnext").weights.runs,
    "copies": language("reforge").weights.runs,
    "schedule": lambda text: A1111.edits.schedule(text, 20),
    "prompt": lambda text: read_prompt(text, find_dialect("a1111")),
    "comments": A1111.comments.remove,
    "remarks": lambda text: remark_prompt(text, A1111),
}


def seconds(read: Callable[[str], object], text: str) -> float:
    start = process_time()
    read(text)
    return process_time() - start


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_read_in_time(name: str, reader: str) -> None:
    READERS[reader]("(a:1)")  # grammars are loaded on first use
    assert seconds(READERS[reader], HOSTILE[name]) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["runs", "schedule", "prompt"])
@pytest.mark.parametrize("name", ["open round with text", "unfinished edits", "open tags", "late tag", "random signs"])
def test_ten_times_the_text_takes_about_ten_times_the_time(name: str, reader: str) -> None:
    read, text = READERS[reader], HOSTILE[name]
    short = min(seconds(read, text) for _ in range(5))
    assert seconds(read, text * 10) < 25 * short + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("text", ["hello world, " * 80_000, "a" * 1_000_000, " " * 1_000_000, "<" * 1_000_000])
def test_a_megabyte_of_text_is_no_trouble(text: str) -> None:
    assert seconds(READERS["prompt"], text) + seconds(READERS["runs"], text) < 2 * LIMIT


@pytest.mark.parametrize("space", ["\x1c", "\x1e", "\x85", "\u2003"])
def test_every_white_space_may_stand_before_a_number(space: str) -> None:
    assert paramc.prompt(f"(cat:{space}1.5)").runs() == (("cat", 1.5),)
    assert paramc.prompt(f"[cat:dog:{space}.5]").schedule(20) == ((10, "cat"), (20, "dog"))
