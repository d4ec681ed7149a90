"""Texts cut where A1111 cuts them, told by what its own cutting was recorded to give."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.ir.plan import Encode, Plan, Run, Variant
from paramc.runtime.text.borders import BREAK, at_borders
from paramc.runtime.text.bpe import tokeniser

GOLDEN = Path(__file__).parents[2] / "golden" / "prompt" / "a1111_chunks.jsonl.gz"
END = 49407
WORDS = tokeniser("composed")


def records() -> list[dict[str, Any]]:
    """Recordings of plain text: no learned words, and no chunk that ends inside a word."""
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [record for record in found if not any(chunk["fixes"] for chunk in record["chunks"])]


def cut(runs: list[Run], base: str = "sd1", **values: Any) -> tuple[Run, ...]:
    variant = Variant(last_call=20, text="".join(run.text for run in runs), runs=tuple(runs))
    op = Encode(id="e", clip="c", variants=(variant,), layer=-1, emphasis="original", **values)
    (found,) = at_borders(Plan(family=base, base=base, ops=(op,))).ops
    assert isinstance(found, Encode)
    return found.variants[0].runs


def tokens(runs: tuple[Run, ...]) -> list[list[int]]:
    """The tokens of each chunk."""
    chunks: list[list[int]] = [[]]
    for run in runs:
        if run.breaks:
            chunks.append([])
        else:
            chunks[-1] += WORDS.ids(run.text)
    return chunks if chunks[-1] or len(chunks) == 1 else chunks[:-1]


def recorded(record: dict[str, Any]) -> list[list[int]]:
    inner = (chunk["tokens"][1:-1] for chunk in record["chunks"])
    return [[*tokens[: tokens.index(END)]] if END in tokens else tokens for tokens in inner]


def given_runs(record: dict[str, Any]) -> list[Run]:
    return [BREAK if pair[:2] == ["BREAK", -1] else Run(text=pair[0], weight=pair[1]) for pair in record["fragments"]]


def test_chunks_end_where_they_were_recorded_to_end() -> None:
    differing = []
    for record in records():
        found = tokens(cut(given_runs(record), backtrack=record["comma_padding_backtrack"]))
        if found != recorded(record):
            differing.append((record["id"], [len(chunk) for chunk in found], [len(c) for c in recorded(record)]))
    # a word of two tokens goes to the next chunk as a whole: no text can say that one is cut inside it
    assert [lengths for _, lengths, _ in differing] == [[74, 45], [74, 3]] * 2
    assert len(records()) - len(differing) > 60


PIECES = st.sampled_from(["cat", "a", ",", " ", ", ", "\n", "supercalifragilistic", "ж", "1", "!?", "猫", "don't"])
TEXTS = st.lists(PIECES, max_size=400).map("".join)


@given(TEXTS, st.integers(0, 40))
def test_nothing_is_lost_and_no_chunk_is_too_long(text: str, backtrack: int) -> None:
    runs = cut([Run(text=text, weight=1.1)], backtrack=backtrack)
    assert "".join("".join(run.text for run in runs).split()) == "".join(text.split())
    long = [chunk for chunk in tokens(runs) if len(chunk) > 75]
    assert not long or len(WORDS.ids(text)) <= 75 or len(runs) == 1


@pytest.mark.parametrize(
    ("base", "manner"), [("sd3", "a1111"), ("flux", "a1111"), ("sd1", "comfyui"), ("sd1", "invokeai")]
)
def test_texts_that_are_not_packed_so_stay_whole(base: str, manner: str) -> None:
    assert len(cut([Run(text="a word, " * 200)], base, manner=manner)) == 1


def test_a_hostile_text_is_cut_in_a_moment() -> None:
    runs = cut([Run(text="a," * 100_000)])
    assert sum(run.breaks for run in runs) > 2000


def test_many_spaces_behind_a_text_are_passed_over_at_once() -> None:
    words = "word, " * 60
    assert tokens(cut([Run(text=words + " " * 1_000_000)])) == tokens(cut([Run(text=words)]))
