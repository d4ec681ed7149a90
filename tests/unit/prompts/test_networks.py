"""Network tags: what is one, where it was, and what its strengths are."""

import pytest

from paramc.diagnostics.model import Span
from paramc.ir.prompt import NetworkTag
from tests.unit.prompts.records import language

NETWORKS = language().networks


def tag(text: str, version: tuple[int, int, int] | None = None) -> NetworkTag:
    networks = language(version=version).networks
    return networks.network(networks.split(text).tags[0])


@pytest.mark.parametrize("text", ["<lora:>", "<lora>", "< lora:x>", "<lora :x>", "<lo-ra:x>", "<lora:x", "a < b > c"])
def test_this_is_no_tag(text: str) -> None:
    assert (NETWORKS.split(text).text, NETWORKS.split(text).tags) == (text, ())


@pytest.mark.parametrize(
    ("text", "rest"),
    [("1<2:3>4", "14"), ("<<lora:foo:1>>", "<>"), ("a <lora:x\n:1>, b", "a , b"), ("<a:<b:c>d", "d"), ("<é:x>", "")],
)
def test_a_tag_is_replaced_by_nothing(text: str, rest: str) -> None:
    assert NETWORKS.split(text).text == rest


@pytest.mark.parametrize(
    ("text", "strengths"),
    [
        ("<lora:x>", (1.0, 1.0, None)),
        ("<lora:x:0.5>", (0.5, 0.5, None)),
        ("<lora:x:0.5:0.7:8>", (0.5, 0.7, 8)),
        ("<lora:x:unet=0.2>", (1.0, 0.2, None)),
        ("<lyco:x:0.5:te=0.1:dyn=4>", (0.1, 0.1, 4)),
        ("<lora:x:high>", (None, None, None)),
        ("<lora:x:0.5:nan>", (0.5, None, None)),
        ("<hypernet:x:0.5>", (None, 0.5, None)),
        ("<hypernet:x>", (None, 1.0, None)),
        ("<hypernet:x:=0.5>", (None, 1.0, None)),
        ("<lore:x:0.5>", (None, None, None)),
        ("<lora:x:=0.5>", (1.0, 1.0, None)),
    ],
)
def test_strengths_follow_the_rules_of_the_kind(
    text: str, strengths: tuple[float | None, float | None, int | None]
) -> None:
    found = tag(text)
    assert (found.text_encoder, found.unet, found.rank) == strengths


def test_before_1_5_a_lora_had_one_strength() -> None:
    old = tag("<lora:x:0.5:0.7:te=0.1>", (1, 4, 1))
    assert (old.text_encoder, old.unet, old.rank) == (0.5, 0.5, None)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("<lora:x:1>", ()),
        ("<lora:x:1:lbw=1,0.5, -2>", (1.0, 0.5, -2.0)),
        ("<lora:x:1:lbw=MIDD>", (1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0)),
        ("<lora:x:1:lbw=ALL0.5>", (0.5,) * 17),
        ("<lora:x:1:lbw=R,0.5>", None),
        ("<lora:x:1:lbw=MINE>", None),
        ("<lora:x:1:lbw=>", ()),
    ],
)
def test_weights_of_blocks_are_numbers_or_the_name_of_a_preset(text: str, blocks: tuple[float, ...] | None) -> None:
    assert tag(text).blocks == blocks


def test_a_network_may_act_on_some_of_the_steps() -> None:
    found = tag("<lora:x:1:start=3:stop=8>")
    assert (found.first_step, found.last_step) == (3, 8)
    both = tag("<lora:x:1:step=3-8>")
    assert (both.first_step, both.last_step) == (3, 8)
    unread = tag("<lora:x:1:step=3>"), tag("<lora:x:1:step=-3-8>")
    assert all((each.first_step, each.last_step) == (None, None) for each in unread)
    assert (tag("<lora:x:1>").first_step, tag("<lora:x:1>").last_step) == (None, None)


def test_arguments_are_kept_as_spelt() -> None:
    found = tag("<lora: a b : 1.0:te= x:c=d=e>")
    assert (found.name, found.args, found.named) == (" a b ", (" 1.0", "c=d=e"), (("te", " x"),))


def test_the_span_of_a_tag_is_the_tag() -> None:
    text = "é <lora:x:1>, <hypernet:y> z"
    assert [text[slice(*found.span)] for found in NETWORKS.split(text).tags] == ["<lora:x:1>", "<hypernet:y>"]


@pytest.mark.parametrize(
    ("start", "end", "origin"),
    [(0, 2, "a "), (2, 3, "b"), (0, 4, "a <lora:x>b<lora:y>c"), (1, 3, " <lora:x>b"), (3, 3, ""), (4, 5, "d")],
)
def test_places_of_the_rest_are_found_in_the_source(start: int, end: int, origin: str) -> None:
    text = "a <lora:x>b<lora:y>cd"
    assert text[slice(*NETWORKS.split(text).origin(start, end))] == origin


def test_a_text_of_tags_alone_leaves_an_empty_rest() -> None:
    untagged = NETWORKS.split("<lora:x:1>")
    assert (untagged.text, untagged.origin(0, 0)) == ("", Span(0, 0))
