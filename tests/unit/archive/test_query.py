"""Queries: what they say, and which entries fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.archive.query import holds, parse_query
from paramc.diagnostics.model import InvalidValue

ENTRY = {
    "path": "in/cat 1.png",
    "status": "read",
    "dialect": "a1111",
    "width": 512,
    "values": {
        "prompt": "A castle, (fluffy:1.2)",
        "sampling.sampler": "dpmpp_2m",
        "sampling.steps": 28,
        "sampling.cfg_scale": 6.5,
        "noise.seed": 123,
        "networks": ["add_detail", "film"],
        "assets.checkpoint.name": "Some Model v1",
    },
    "fields": [
        {"key": "Sampler", "raw": "DPM++ 2M", "status": "understood"},
        {"key": "Face restoration", "raw": "CodeFormer", "status": "kept"},
    ],
}


@pytest.mark.parametrize(
    "query",
    [
        "sampler=dpmpp_2m lora~detail steps>20",
        "steps=28",
        "steps = 28.0",
        "steps>=28 steps<=28",
        "cfg<7",
        "cfg_scale<7",
        "sampling.cfg_scale=6.5",
        'sampler="DPM++ 2M"',
        'model="some model v1"',
        "model~model",
        "castle",
        "CASTLE -dog",
        '"castle, (fluffy"',
        "-status=none",
        "status!=none",
        "lora!=other",
        "lora!~xyz",
        "face_restoration=codeformer",
        "width>=512",
        "program=a1111",
        'file~"cat 1"',
        "sampler=dpmpp_2m\tsteps>20\nseed=123",
    ],
)
def test_an_entry_fits(query: str) -> None:
    assert holds(parse_query(query), ENTRY)


@pytest.mark.parametrize(
    "query",
    [
        "steps>28",
        "steps<28",
        "steps!=28",
        "lora=detail",
        "lora!~film",
        "-castle",
        "dog",
        "castle dog",
        "unknown=1",
        "unknown<1",
        "seed=12",
        "sampler>1",
        "values~a",
        "-sampler=dpmpp_2m",
    ],
)
def test_an_entry_does_not_fit(query: str) -> None:
    assert not holds(parse_query(query), ENTRY)


@pytest.mark.parametrize(
    ("query", "rest"), [("", "the end"), ("steps=", "the end"), ("steps>30 =3", "=3"), ('a "b', '"b')]
)
def test_what_cannot_be_understood_is_told_with_its_place(query: str, rest: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_query(query)
    assert caught.value.diagnostics[0].message == f"the query `{query}` cannot be understood at `{rest}`"


@given(st.text(st.sampled_from('ab= <>!~-".\\1\n')))
def test_any_query_is_answered_or_refused(query: str) -> None:
    try:
        conditions = parse_query(query)
    except InvalidValue:
        return
    holds(conditions, ENTRY)


@given(st.text("ab1-", min_size=1).filter(lambda text: not text.startswith("-")))
def test_a_word_and_its_opposite_never_agree(word: str) -> None:
    assert holds(parse_query(word), ENTRY) != holds(parse_query(f"-{word}"), ENTRY)
