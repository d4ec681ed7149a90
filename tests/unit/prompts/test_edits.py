"""Prompt editing and alternation: the table of the specification, the timelines, the forks."""

import pytest

from paramc.dialects.edits import Schedule, entry_for_call
from tests.unit.prompts.records import language

A1111 = language().edits


def texts(text: str, steps: int = 10, hires_steps: int | None = None, *, legacy: bool = False) -> list[str]:
    """`end text` of every entry."""
    return [f"{end} {entry}" for end, entry in A1111.schedule(text, steps, hires_steps, legacy=legacy)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a:b:0.25]", ["2 a", "10 b"]),
        ("[a:3]", ["3 ", "10 a"]),
        ("[a::3]", ["3 a", "10 "]),
        ("[a:b:0]", ["10 b"]),
        ("[a:b:-1]", ["10 b"]),
        ("[a:b:0.05]", ["10 b"]),
        ("[a:b:1.0]", ["10 a"]),
        ("[a:b:25]", ["10 a"]),
        ("[a:b:1e-1]", ["10 b"]),
        ("[a:b:5.]", ["10 a"]),
        ("[a:b: 3 ]", ["3 a", "10 b"]),
        ("[[a|b]:c:3]", ["1 a", "2 b", "3 a", *(f"{step} c" for step in range(4, 11))]),
        ("[fe|]male", [f"{step} {'female' if step % 2 else 'male'}" for step in range(1, 11)]),
        ("[a [b:c:3]", ["3 [a b", "10 [a c"]),
        ("[[a:b:0.5]]", ["5 [a]", "10 [b]"]),
        (r"[a\:b:3]", ["3 ", r"10 a\:b"]),
        ("([a:b:0.5]:1.2)", ["5 (a:1.2)", "10 (b:1.2)"]),
        ("[(a:b):3]", ["3 ", "10 (a:b)"]),
        ("[a:b:3]]", ["3 a]", "10 b]"]),
        ("[[a:b:3]:c:2]", ["2 a", "3 c", "10 c"]),
        ("[a:[b:c:0.9]:0.3]", ["3 a", "9 b", "10 c"]),
    ],
)
def test_the_text_changes_by_step(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[a]",
        "[a:b:c:3]",
        "[a|b:3]",
        "[a:b:x]",
        "[a:b:]",
        "[a:b:٣]",
        "[(a|b):c:3]",
        "[a(:b:3]",
        "[a)b:c:3]",
        "a | b [c:d:3]",
        "[c:d:3] (a|b)",
        "[c:d:3]\\",
        "[c:d:3]\\\n",
        "[a:b:3",
        "a:b:3]",
    ],
)
def test_the_text_stays_as_it_is(text: str) -> None:
    assert texts(text) == [f"10 {text}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[a:b:0.5]", ["10 b"]), ("[a:b:1.5]", ["5 a", "10 b"]), ("[a:b:15]", ["5 a", "10 b"]), ("[a:b:25]", ["10 a"])],
)
def test_a_second_pass_counts_on(text: str, expected: list[str]) -> None:
    assert texts(text, 10, 10) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[a:b:0.5]", ["10 a", "20 b"]), ("[a:b:1.5]", ["1 a", "20 b"]), ("[a:b:.9e0]", ["18 a", "20 b"])],
)
def test_the_legacy_timeline_goes_by_value_and_knows_one_pass(text: str, expected: list[str]) -> None:
    assert texts(text, 20, 10, legacy=True) == texts(text, 20, legacy=True) == expected


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "1" * 400 + "."])
def test_numbers_beyond_all_bounds_are_cut_off(number: str) -> None:
    assert texts(f"[a:b:{number}]") == ["10 b" if number.startswith("-") else "10 a"]


def test_shares_are_cut_off_towards_zero() -> None:
    assert A1111.schedule("[a:b:0.29]", 100)[0] == (28, "a")  # 0.29 · 100 is 28.999999999999996


def test_a_pass_without_steps_has_one_entry() -> None:
    assert texts("[a|b]", 0) == ["0 b"]


@pytest.mark.parametrize(
    ("schedule", "entries"),
    [
        (((5, "a"), (10, "b")), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0]),
        (((1, "a"), (2, "b"), (3, "a")), [0, 0, 1, 2, 0]),
    ],
)
def test_calls_count_from_zero_and_start_over_past_the_end(schedule: Schedule, entries: list[int]) -> None:
    assert [entry_for_call(schedule, call) for call in range(len(entries))] == entries


def test_before_1_6_editing_was_stricter_and_counted_otherwise() -> None:
    old = language(version=(1, 5, 2)).edits
    assert old.schedule("[a:b:3 ]", 10) == ((10, "[a:b:3 ]"),)
    assert old.schedule("[a:b: 3]", 10) == ((3, "a"), (10, "b"))
    assert old.schedule("[a|]", 10) == ((10, "[a|]"),)
    assert old.schedule("[a:b:1.5]", 10, 7) == ((1, "a"), (10, "b"))
    assert len(old.schedule("[a|b]", 10)) == 10


def test_sdnext_counts_like_the_old_a1111_and_keeps_step_zero() -> None:
    sdnext = language("sdnext").edits
    assert sdnext.schedule("[a:b:0]", 10) == ((0, "a"), (10, "b"))
    assert sdnext.schedule("[a:b:1.5]", 10, 7) == ((1, "a"), (10, "b"))
    assert sdnext.schedule("[a:b:3 ]", 10) == ((10, "[a:b:3 ]"),)
    assert sdnext.schedule("[a|]", 10) == ((10, "[a|]"),)


@pytest.mark.parametrize("dialect", ["forge", "forge_classic", "reforge"])
def test_the_forks_do_not_take_their_own_versions_for_a1111s(dialect: str) -> None:
    assert language(dialect, version=(0, 0, 17)).edits.schedule("[a:b:3 ]", 10) == ((3, "a"), (10, "b"))
