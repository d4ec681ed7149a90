"""Queries: what they say, and which entries fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.archive.query import Search, holds, parse_query
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
        "assets.checkpoint.hashes": ["0123456789"],
        "size": "512x768",
        "stages.hires.scale": 1.5,
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
        "size=512x768",
        "hash=0123456789",
        "hires.scale>1 scale<2",
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
    ("query", "rest"),
    [("", "the end"), ("steps=", "the end"), ("steps>30 =3", "=3"), ('a "b', '"b'), ("dog steps>many", "many")],
)
def test_what_cannot_be_understood_is_told_with_its_place(query: str, rest: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_query(query)
    assert caught.value.diagnostics[0].message == f"the query `{query}` cannot be understood at `{rest}`"


@pytest.mark.parametrize(
    ("query", "unmet"),
    [
        ("stepps>30", ["stepps"]),
        ("-sampllr=euler castle", ["sampllr"]),
        ("face_restoration~x face_restorer~x", ["face_restorer"]),
        ("lora~x vae=x hires.strength=1 family=sd1 reason~x", []),
    ],
)
def test_a_name_that_no_entry_has_is_told(query: str, unmet: list[str]) -> None:
    search = Search(parse_query(query))
    search.fits(ENTRY)
    assert [item.message for item in search.unmet()] == [f"no file has anything called `{name}`" for name in unmet]


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
