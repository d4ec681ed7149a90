"""Diagnostics as people see them."""

import time
from dataclasses import replace
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.diagnostics.model import Diagnostic, Label, Span, Suggestion
from paramc.diagnostics.render import LEAD, WIDTH, escaped, render

FAR = Diagnostic("PC214", "weight-out-of-range", "warning", "emphasis of 12 is far beyond what the image can follow")


def picture(text, *labels, name="x.txt", colour=False, **changes):
    """The rendering of FAR with (start, end, label) places."""
    found = tuple(Label(Span(start, end), label) for start, end, label in labels)
    return render(replace(FAR, labels=found, **changes), text, name, colour=colour)


def body(text, *labels):
    """The source lines of the picture: without head, arrow and the empty line below it."""
    return picture(text, *labels).split("\n", 3)[3]


def test_the_example_of_the_style_guide():
    assert picture("a (cat:12), sitting", (7, 9, "weight"), name="cat.png, parameters", help="did you mean `1.2`?") == (
        "warning[PC214 weight-out-of-range]: emphasis of 12 is far beyond what the image can follow\n"
        "  --> cat.png, parameters 1:8\n"
        "  |\n"
        "1 | a (cat:12), sitting\n"
        "  |        ^^ weight\n"
        "  = help: did you mean `1.2`?\n"
    )


def test_notes_help_and_fix_stand_below_in_this_order():
    shown = picture(
        "a (cat:12)", (7, 9, ""), notes=("one", "two"), help="three", suggestion=Suggestion(Span(7, 9), "1.2", "maybe")
    )
    assert shown.split("^^\n")[1] == (
        "  = note: one\n  = note: two\n  = help: three\n  = fix (maybe): replace `12` with `1.2` at 1:8\n"
    )


@pytest.mark.parametrize(
    ("span", "replacement", "words"),
    [
        (Span(2, 2), "(", "insert `(` at 2:1"),
        (Span(2, 3), "", "remove `b` at 2:1"),
        (Span(0, 1), "\n", r"replace `a` with `\n` at 1:1"),
    ],
)
def test_a_fix_says_what_to_do(span, replacement, words):
    assert f"fix (safe): {words}\n" in picture("a\nb", suggestion=Suggestion(span, replacement, "safe"))


def test_without_a_place_only_the_source_is_named():
    assert picture("", help="h", name="cat.png").split("\n")[1:] == ["  --> cat.png", "  = help: h", ""]


def test_without_a_source_there_is_no_arrow():
    assert picture("", name="").count("\n") == 1


def test_the_gutter_is_as_wide_as_the_line_number():
    shown = picture("\n" * 119 + "a cat", (121, 124, ""))
    assert shown.split("\n")[1:5] == ["    --> x.txt 120:3", "    |", "120 | a cat", "    |   ^^^"]


def test_a_second_label_on_the_same_line_shares_it():
    assert body("(cat:1.2:3)", (8, 10, "this"), (1, 4, "of this")) == (
        "1 | (cat:1.2:3)\n  |         ^^ this\n  |  --- of this\n"
    )


def test_a_second_label_elsewhere_shows_its_own_line():
    assert body("Steps: 20\nSteps: 30", (10, 15, "again"), (0, 5, "first here")) == (
        "2 | Steps: 30\n  | ^^^^^ again\n1 | Steps: 20\n  | ----- first here\n"
    )


def test_wide_letters_and_tabs_take_their_cells():
    assert body("日本\t猫:12", (4, 6, "")) == "1 | 日本    猫:12\n  |           ^^\n"


def test_combining_marks_take_no_cell():
    assert body("e\u0301e\u0301X", (4, 5, "")) == "1 | e\u0301e\u0301X\n  |   ^\n"


def test_an_underline_below_wide_letters_is_as_wide():
    assert body("a 日本", (2, 4, "")) == "1 | a 日本\n  |   ^^^^\n"


def test_terminal_escapes_and_bidirectional_marks_are_spelled_out():
    assert body("\x1b[31m\u202ecat", (6, 9, "")) == "1 | \\x1b[31m\\u202ecat\n  |               ^^^\n"


def test_an_underline_below_an_escape_covers_its_spelling():
    assert body("a\x00b", (1, 2, "")) == "1 | a\\x00b\n  |  ^^^^\n"


def test_no_message_name_label_note_help_or_fix_emits_an_escape():
    bad = "\x1b[2J\u202e\r\n"
    shown = picture(
        bad, (0, 2, bad), name=bad, message=bad, notes=(bad,), help=bad, suggestion=Suggestion(Span(0, 1), bad, "safe")
    )
    assert {sign for sign in shown if category(sign) in {"Cc", "Cf"}} == {"\n"}


def test_the_carriage_return_of_a_line_end_is_not_shown_and_a_lone_one_is():
    assert body("a\r\nb", (0, 1, "")) == "1 | a\n  | ^\n"
    assert body("a\rb", (2, 3, "")) == "1 | a\\rb\n  |    ^\n"


def test_an_empty_place_gets_one_mark():
    assert body("cat", (3, 3, "ends here")) == "1 | cat\n  |    ^ ends here\n"


def test_an_empty_source_can_be_pointed_at():
    assert body("", (0, 0, "nothing")) == "1 |\n  | ^ nothing\n"


@pytest.mark.parametrize(("start", "end"), [(-5, 99), (0, 99), (-1, 3)])
def test_a_place_outside_the_text_is_cut_to_it(start, end):
    assert body("cat", (start, end, "")) == "1 | cat\n  | ^^^\n"


def test_a_place_over_a_few_lines_shows_each():
    assert body("one two\nthree\nfour", (4, 15, "this")) == (
        "1 | one two\n  |     ^^^\n2 | three\n  | ^^^^^\n3 | four\n  | ^ this\n"
    )


def test_a_place_over_many_lines_shows_the_first_and_the_last():
    text = "".join(f"line {number}\n" for number in range(1, 12))
    assert body(text, (2, len(text) - 3, "this")) == (" 1 | line 1\n   |   ^^^^\n...\n11 | line 11\n   | ^^^^^ this\n")


def test_four_lines_are_still_few():
    assert "..." not in body("a\nb\nc\nd\ne", (0, 7, ""))
    assert "..." in body("a\nb\nc\nd\ne", (0, 9, ""))


def test_a_place_that_ends_with_its_line_end_stays_on_its_line():
    assert body("one\ntwo", (0, 4, "x")) == "1 | one\n  | ^^^ x\n"


def test_a_line_of_the_full_width_is_not_cropped():
    assert body("x" * WIDTH, (0, 1, "")).startswith(f"1 | {'x' * WIDTH}\n")


def test_a_long_line_is_cropped_around_the_place():
    line, mark, _ = body("x" * 1000 + "cat" + "y" * 1000, (1000, 1003, "")).split("\n")
    assert line == f"1 | …{'x' * LEAD}cat{'y' * (WIDTH - LEAD - 4)}…"
    assert mark == f"  | {' ' * (LEAD + 1)}^^^"


def test_the_begin_of_a_long_line_is_cropped_only_behind():
    assert body("cat" + "y" * 1000, (0, 3, "")).startswith(f"1 | cat{'y' * (WIDTH - 3)}…\n")


def test_a_place_longer_than_the_width_is_underlined_as_far_as_shown():
    line, mark, _ = body("x" * 1000, (0, 1000, "all")).split("\n")
    assert (line, mark) == (f"1 | {'x' * WIDTH}…", f"  | {'^' * WIDTH} all")


def test_a_long_line_without_visible_letters_is_cropped_too():
    assert len(body("\u0301" * 10_000, (0, 10_000, ""))) < 3 * WIDTH


def test_a_long_message_is_cropped():
    assert len(picture("", message="x" * 10_000)) < 1000


def test_colours_are_only_there_when_asked_for():
    plain = picture("a (cat:12)", (7, 9, "weight"), help="h")
    coloured = picture("a (cat:12)", (7, 9, "weight"), help="h", colour=True)
    assert "\x1b" not in plain
    assert coloured.startswith("\x1b[1;33mwarning[PC214 weight-out-of-range]\x1b[0m\x1b[1m: emphasis")
    assert "\x1b[1;33m^^ weight\x1b[0m\n" in coloured


@pytest.mark.parametrize(("severity", "colour"), [("error", "1;31"), ("warning", "1;33"), ("info", "1;36")])
def test_every_severity_has_its_colour(severity, colour):
    assert picture("", severity=severity, colour=True).startswith(f"\x1b[{colour}m{severity}[")


def test_escaping_leaves_plain_text_alone():
    assert escaped("naïve 猫 (a:1.2), [b|c]") == "naïve 猫 (a:1.2), [b|c]"


@given(st.text(max_size=80), st.integers(-5, 90), st.integers(-5, 90), st.text(max_size=10))
def test_any_text_is_shown_without_control_characters(text, start, end, label):
    shown = picture(text, (start, end, label), name=text, message=text)
    assert {sign for sign in shown if category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} <= {"\n"}


@given(st.text(st.sampled_from("ab 日\t\x1b\u0301("), max_size=300), st.data())
def test_the_mark_stands_below_its_text(text, data):
    """Read back: the cells before the mark are the cells of the text before the place."""
    start = data.draw(st.integers(0, len(text)))
    line, mark, _ = body(text, (start, start + 1, "")).split("\n")
    before = len(mark) - len(mark.lstrip(" |")) - len("  | ")
    shown = line.removeprefix("1 |").removeprefix(" ")
    wide = sum(2 if sign == "日" else 0 if sign == "\u0301" else 1 for sign in shown)
    assert before <= min(wide, WIDTH)
    if not shown.startswith("…"):
        cells = {"日": 2, "\u0301": 0, "\t": 4, "\x1b": 4}
        assert before == sum(cells.get(sign, 1) for sign in text[:start])


@pytest.mark.slow
def test_a_huge_line_costs_no_more_than_looking_for_its_ends():
    text = "(a:1.2)," * 500_000
    begin = time.process_time()
    picture(text, (2_000_000, 2_000_003, "here"), (3, len(text) - 3, "all"))
    assert time.process_time() - begin < 0.5
