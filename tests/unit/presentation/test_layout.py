"""Tables and wrapped texts."""

from hypothesis import given
from hypothesis import strategies as st

from paramc.presentation.console import Screen
from paramc.presentation.layout import counted, entries, table, width_of, wrap

PIPE = Screen()


def test_a_pipe_gets_values_between_tabs_and_no_head() -> None:
    assert table(("name", "value"), [("a", "b"), ("cc", "")], PIPE) == "a\tb\ncc\t\n"


def test_a_terminal_gets_aligned_columns_under_a_head() -> None:
    assert (
        table(("name", "value"), [("a", "b"), ("longer", "c")], Screen(80)) == "name    value\na       b\nlonger  c\n"
    )


def test_a_wide_column_is_wrapped_to_the_terminal() -> None:
    wrapped = table(("k", "v"), [("a", "one two three four five six seven")], Screen(24))
    assert wrapped == "k  v\na  one two three four\n   five six seven\n"


def test_the_widest_column_gives_way_wherever_it_stands() -> None:
    assert (
        table(("k", "v"), [("one two three four", "b c")], Screen(17))
        == "k             v\none two       b c\nthree four\n"
    )


def test_wide_letters_count_as_two_cells() -> None:
    assert table(("k", "v"), [("猫", "x"), ("cat", "y")], Screen(40)) == "k    v\n猫   x\ncat  y\n"


def test_cells_cannot_drive_the_terminal() -> None:
    assert table(("k", "v"), [("\x1b[31m", "a\tb\nc")], PIPE) == "\\x1b[31m\ta\\tb\\nc\n"


def test_heads_are_coloured_where_colour_is_wanted() -> None:
    assert table(("k", "v"), [], Screen(80, colour=True)).startswith("\x1b[1m")


def test_labels_stand_beside_their_texts() -> None:
    assert entries([("a", "one"), ("long", "two\nthree")], PIPE) == "a     one\nlong  two\n      three\n"


def test_no_entries_give_no_text() -> None:
    assert entries([], PIPE) == ""


@given(st.text(alphabet="ab 猫́é", max_size=200), st.integers(2, 30))
def test_wrapping_keeps_every_character_but_the_spaces_at_the_breaks(text: str, room: int) -> None:
    lines = wrap(text, room)
    rest = text
    for line in lines:
        rest = rest if rest.startswith(line) else rest.removeprefix(" ")
        assert rest.startswith(line)
        rest = rest.removeprefix(line)
    assert rest in ("", " ")


@given(st.text(alphabet="ab 猫́é", max_size=200), st.integers(2, 30))
def test_no_wrapped_line_is_wider_than_its_room(text: str, room: int) -> None:
    assert max(map(width_of, wrap(text, room))) <= room


def test_a_pipe_has_room_for_everything() -> None:
    assert wrap("a b " * 100, None) == ["a b " * 100]


def test_only_one_thing_is_said_in_the_singular() -> None:
    assert [counted(count, "error") for count in (0, 1, 2)] == ["0 errors", "1 error", "2 errors"]
