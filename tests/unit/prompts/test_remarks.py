"""What is said about prompts, and at which characters."""

import pytest

from paramc.diagnostics.model import Diagnostic
from paramc.dialects.edits import Timeline
from paramc.dialects.prompt_remarks import LONGEST_SHOWN, MOST_ALIKE, Pass, remark_prompt
from paramc.dialects.weights import DEEPEST
from tests.unit.prompts.records import language

TWENTY = Pass(Timeline(20))
HIRES = Pass(Timeline(20, 10))
TWICE = Pass(Timeline(40), calls_per_step=2)


def remarks(
    text: str, *, dialect: str = "a1111", negative: bool = False, sampling: Pass | None = None
) -> tuple[Diagnostic, ...]:
    return remark_prompt(text, language(dialect), negative=negative, sampling=sampling)


def told(text: str, found: tuple[Diagnostic, ...]) -> list[tuple[str, str]]:
    """(code, marked text) of each."""
    return [(item.code, "".join(text[slice(*label.span)] for label in item.labels)) for item in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("é <lora:x:1> (cat:1.2.3)", [("PC200", "1.2.3")]),
        ("a (cat, ((dog", [("PC201", "("), ("PC201", "((")]),
        ("[a", [("PC201", "[")]),
        ("a :) ))", [("PC202", ")"), ("PC202", "))")]),
        ("a:1.2)", [("PC202", ")")]),
        ("<lora:x:1> at 12:30 ", [("PC203", ":30 ")]),
        ("a:1 AND b:2", []),
        ("(a BREAK b:1.2)", [("PC204", "BREAK")]),
        ("(a BREAK b:1)", []),
        ("[a BREAK b:c:3]", []),
        ("((a) BREAK b", [("PC201", "("), ("PC204", "BREAK")]),
        ("a | b [c:d:3]", [("PC206", "|")]),
        ("[(a|b):c:3]", [("PC206", "|")]),
        ("a | b [c]", []),
        ("[c:d:3]\\\n a", [("PC207", "\\"), ("PC211", "\\\n")]),
        ("[a|[b|c]]", [("PC208", "b")]),
        ("[a|b|[c|d]]", []),
        ("[a|[b||c]|d|e|f|g]", [("PC208", "b"), ("PC208", "c")]),
        (r"a\: b", [("PC211", r"\:")]),
        (r"[a\:b:c:3]", []),
        (r"\(a\) \| [b:c:3]", []),
        ("<lora:x:high:low>", [("PC216", "high"), ("PC216", "low")]),
        ("<lora:x:high:te=low>", [("PC216", "low")]),
        ("<lore:x:1>", [("PC217", "<lore:x:1>")]),
        ("a (cat:1.2) [dog:bird:0.5] AND [b|c]:0.5 <lora:x:1>", []),
    ],
)
def test_a_positive_prompt_is_remarked_upon(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text, remarks(text)) == expected


def test_tags_in_a_negative_prompt_are_text() -> None:
    text = "a <lora:x:high> at 12:30"
    assert told(text, remarks(text, negative=True)) == [("PC205", "<lora:x:high>")]


@pytest.mark.parametrize(
    ("text", "sampling", "expected"),
    [
        ("[a:b:30]", TWENTY, [("PC209", "30")]),
        ("[a:b:0]", TWENTY, [("PC209", "0")]),
        ("[a:b: 1.0 ]", TWENTY, [("PC209", " 1.0 ")]),
        ("[a::30]", TWENTY, []),
        ("[a:0]", TWENTY, []),
        ("[a:b:10]", TWENTY, []),
        ("[a:b:0.5]", HIRES, [("PC209", "0.5")]),
        ("[a:b:1.5]", HIRES, []),
        ("[a:b:10]", TWICE, [("PC210", "10")]),
        ("[a:b:0.5]", TWICE, []),
    ],
)
def test_edits_are_held_against_the_pass(text: str, sampling: Pass, expected: list[tuple[str, str]]) -> None:
    assert told(text, remarks(text, sampling=sampling)) == expected


def test_what_is_lost_outside_the_pass_is_named() -> None:
    (remark,) = remarks("[a cat:a dog:0]", sampling=TWENTY)
    assert "`a cat`" in remark.message


def test_too_deep_edits_and_brackets_are_named_once() -> None:
    assert [item.code for item in remarks("[a:" * 70 + "x" + ":1]" * 70)] == ["PC212"]
    assert [item.code for item in remarks("(" * (DEEPEST + 9) + "x" + ")" * (DEEPEST + 9))] == ["PC213"]


def test_brackets_that_do_not_weigh_leave_a_break_alone() -> None:
    assert [item.code for item in remarks("(" * (DEEPEST + 1) + "a BREAK b:2)" + ":1)" * DEEPEST)] == ["PC213"]


def test_failures_of_the_forks_are_named() -> None:
    assert "PC214" in {item.code for item in remarks("\\m/", dialect="sdnext")}
    text = "(cat:x999999)"
    assert told(text, remarks(text, dialect="reforge")) == [("PC215", "x999999")]


def test_messages_stay_short_however_long_the_text() -> None:
    assert all(
        len(item.message) < LONGEST_SHOWN + 60 for item in remarks("(" * 200 + "<x:" + "y" * 5000, negative=True)
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [("(a ", "PC201"), ("a) ", "PC202"), ("[a:b:99]", "PC209"), ("\\x ", "PC211"), ("<x:y>", "PC217")],
)
def test_of_a_thousand_alike_the_last_one_counts_the_others(text: str, code: str) -> None:
    found = [item for item in remarks(text * 1000, sampling=TWENTY) if item.code == code]
    assert [item.notes for item in found] == [()] * (MOST_ALIKE - 1) + [
        (f"{1000 - MOST_ALIKE} more places are like this one",)
    ]


def test_as_many_as_are_shown_need_no_count() -> None:
    found = [item for item in remarks("(a " * MOST_ALIKE) if item.code == "PC201"]
    assert [item.notes for item in found] == [()] * MOST_ALIKE
