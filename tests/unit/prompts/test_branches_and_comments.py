"""AND with its weights, and comments: the examples of the specification."""

import pytest

from paramc.diagnostics.model import Span
from tests.unit.prompts.records import language

A1111 = language()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a AND b", [("a", 1.0), (" b", 1.0)]),
        ("a.AND.b,AND,c", [("a.", 1.0), (".b,", 1.0), (",c", 1.0)]),
        ("ANDb a_AND_b and", [("ANDb a_AND_b and", 1.0)]),
        ("a:1:2", [("a:1", 2.0)]),
        ("at 12:30", [("at 12", 30.0)]),
        ("a : -.5 \nAND b:+2.", [("a", -0.5), (" b", 2.0)]),
        ("a:1.2)", [("a:1.2)", 1.0)]),
        ("a:1e2", [("a:1e2", 1.0)]),
        ("a:٣", [("a", 3.0)]),
        (" AND :0.5", [("", 1.0), ("", 0.5)]),
        ("", [("", 1.0)]),
    ],
)
def test_a_prompt_is_split_like_this(text: str, expected: list[tuple[str, float]]) -> None:
    assert [(part.text, part.weight) for part in A1111.branches.split(text)] == expected


def test_parts_and_weights_know_their_places() -> None:
    text = "a cat :1.5 AND a dog"
    first, second = A1111.branches.split(text)
    assert (text[slice(*(first.spelt or Span(0, 0)))], second.spelt) == (" :1.5 ", None)
    assert text[second.start :] == second.text == " a dog"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a # x\nb", "a \nb"),
        ("#x\na", "\na"),
        ("a\n#x\nb", "a\nb"),
        ("a\n#x\n#y\nb", "a\n\nb"),
        ("a #x\n#y\nb", "a \nb"),
        ("a #x", "a \n"),
        ("a\\#b", "a\\\n"),
        ("a\nb", "a\nb"),
    ],
)
def test_a_comment_becomes_a_line_break(text: str, expected: str) -> None:
    assert A1111.comments.remove(text) == expected


def test_before_1_8_there_were_no_comments() -> None:
    assert language(version=(1, 7, 0)).comments.remove("a # b\nc") == "a # b\nc"


@pytest.mark.parametrize("blank", ["\x1c", "\x1d", "\x85", "\u3000"])
def test_any_white_space_may_stand_before_a_weight(blank: str) -> None:
    assert [(part.text, part.weight) for part in A1111.branches.split(f"a :{blank}2")] == [("a", 2.0)]
