"""Weighted text: what is written means the same when ComfyUI reads it."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.backends.graph.tables import graph_tables
from paramc.backends.weights import chunks, number, referenced, weighted_text
from paramc.ir.plan import Run
from tests.unit.backends.graph.plans import COMFYUI
from tests.unit.backends.graph.reader import segments

GOLDEN = Path(__file__).parents[3] / "golden"
SPELLING = graph_tables(COMFYUI.folder).text
BREAK = Run(text="", breaks=True)
texts = st.text(alphabet="ab ,()\\:1.5[]<>{}\n", max_size=12)
weights = st.one_of(st.sampled_from([1.0, 1.1, 0.0, -0.5, 1.2100000000000002, 1e-7, 1e22]), st.floats(-3, 3))
runs_of_text = st.lists(st.builds(Run, text=texts, weight=weights), max_size=6)


def read_again(runs: list[Run]) -> list[tuple[str, float]]:
    return joined(segments(weighted_text(runs, SPELLING)))


def joined(pieces: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Neighbours of one weight as one, blanks left out: a blank keeps a backslash from a bracket."""
    found: list[tuple[str, float]] = []
    for text, weight in pieces:
        solid = "".join(text.split())
        if solid and found and found[-1][1] == weight:
            found[-1] = (found[-1][0] + solid, weight)
        elif solid:
            found.append((solid, weight))
    return found


def records(name: str) -> list[dict]:
    with gzip.open(GOLDEN / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_the_reader_of_these_tests_reads_as_comfyui_does() -> None:
    wrong = [
        record["text"]
        for record in records("comfyui/dialect_comfyui.jsonl.gz")
        if segments(record["text"]) != [tuple(pair) for pair in record["out"]]
    ]
    assert wrong == []


def test_recorded_prompts_of_a1111_keep_their_fragments() -> None:
    outputs = [record["out"] for record in records("a1111/a1111_attention.jsonl.gz") if record.get("out")]
    plain = [output for output in outputs if ["BREAK", -1] not in output]
    assert len(plain) == 1773
    wrong = [
        output
        for output in plain
        if read_again([Run(text=text, weight=weight) for text, weight in output])
        != joined([tuple(pair) for pair in output])
    ]
    assert wrong == []


@given(runs_of_text)
def test_any_runs_are_read_again_as_they_were(runs: list[Run]) -> None:
    assert read_again(runs) == joined([(run.text, run.weight) for run in runs])


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        ([Run(text="a "), Run(text="cat", weight=1.21)], "a (cat:1.21)"),
        ([Run(text="a (b) [c]")], "a \\(b\\) [c]"),
        ([Run(text="12:30", weight=2.0)], "(12:30:2)"),
        ([Run(text="a\\"), Run(text="b", weight=0.5)], "a\\ (b:0.5)"),
        ([Run(text="", weight=1.5), Run(text="a")], "a"),
    ],
)
def test_weighted_text(runs: list[Run], text: str) -> None:
    assert weighted_text(runs, SPELLING) == text


@given(st.floats(allow_nan=False))
def test_numbers_are_short_and_read_back(value: float) -> None:
    assert float(number(value)) == value
    assert "e" not in number(value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("EasyNegative, bad hands", "embedding:EasyNegative, bad hands"),
        ("bad,easynegative,ugly", "bad, embedding:EasyNegative, ugly"),
        ("easynegative.", "embedding:EasyNegative ."),
        ("a easynegativeX easynegative_2", "a easynegativeX easynegative_2"),
        ("embedding:easynegative", "embedding:EasyNegative"),
        ("(easynegative)", "( embedding:EasyNegative )"),
        ("easynegative easynegative", "embedding:EasyNegative embedding:EasyNegative"),
        ("x EasyNegative-v2", "x embedding:EasyNegative-v2"),
        ("nothing here", "nothing here"),
    ],
)
def test_embeddings_are_references(text: str, written: str) -> None:
    assert referenced(text, "embedding:", ["EasyNegative", "EasyNegative-v2", "with blank"]) == written


def test_an_embedding_inside_the_name_of_another_is_no_mention() -> None:
    assert referenced("a-b-c b", "embedding:", ["a-b", "b"]) == "embedding:a-b -c embedding:b"


def test_an_embedding_with_a_blank_in_its_name_stays_a_word() -> None:
    assert referenced("with blank", "embedding:", ["with blank"]) == "with blank"


@pytest.mark.parametrize(
    ("runs", "parts"),
    [
        ((), [[]]),
        ((Run(text="a"),), [["a"]]),
        ((Run(text="a"), BREAK, Run(text="b")), [["a"], ["b"]]),
        ((BREAK, Run(text="a")), [[], ["a"]]),
        ((Run(text="a"), BREAK), [["a"]]),
        ((Run(text="a"), BREAK, BREAK, Run(text="b")), [["a"], [], ["b"]]),
        ((Run(text="a"), BREAK, Run(text=" ")), [["a"]]),
    ],
)
def test_chunks_end_at_breaks(runs: tuple[Run, ...], parts: list[list[str]]) -> None:
    assert [[run.text for run in chunk] for chunk in chunks(runs)] == parts
