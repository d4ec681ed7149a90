"""Python source text: what a literal may hold, and where lines break."""

import ast

import pytest

from paramc.backends.literals import assignment, call, comment, imports, layout, literal, shown


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("a cat", '"a cat"'),
        ('a "cat"', "'a \"cat\"'"),
        ("it's a cat", '"it\'s a cat"'),
        ("'\"", '"\'\\""'),
        ('"\'"', "'\"\\'\"'"),
        ("a\\b", '"a\\\\b"'),
        ("a\nb\tc\rd", '"a\\nb\\tc\\rd"'),
        ("{a} {{b}} %s", '"{a} {{b}} %s"'),
        ("猫 é", '"猫 é"'),
        ("a\u202eb", '"a\\u202eb"'),
        ("a\u200db", '"a\\u200db"'),
        ("e\u0301", '"e\\u0301"'),
        ("\u3164", '"\\u3164"'),
        ("\xa0\x00", '"\\xa0\\x00"'),
        ("\ud800", '"\\ud800"'),
        ("\U000e0001", '"\\U000e0001"'),
        (7.0, "7.0"),
        (1e22, "1e22"),
        (True, "True"),
        (None, "None"),
        (float("inf"), 'float("inf")'),
        (float("nan"), 'float("nan")'),
    ],
)
def test_a_value_has_one_spelling(value: str | float | bool | None, source: str) -> None:
    assert literal(value) == source


def test_a_text_that_fits_stays_on_its_line() -> None:
    text = "x" * 77
    assert assignment("PROMPT", text) == f'PROMPT = "{text}"'


def test_a_text_that_fits_in_brackets_alone_is_one_piece() -> None:
    text = "x" * 78
    assert assignment("PROMPT", text) == f'PROMPT = (\n    "{text}"\n)'


def test_a_long_text_breaks_between_words() -> None:
    source = assignment("PROMPT", "a photo of a cat, " * 8)
    assert max(map(len, source.splitlines())) <= 88
    assert all(line.endswith(' "') for line in source.splitlines()[1:-1])


def test_a_long_word_breaks_where_it_must() -> None:
    source = assignment("PROMPT", "é" * 1000)
    assert max(map(len, source.splitlines())) == 88


def test_pieces_choose_their_own_quotes() -> None:
    source = assignment("PROMPT", 'a "quoted" word at the start of a text ' + "that goes on and on " * 4)
    assert source.splitlines()[1].startswith("    '")
    assert source.splitlines()[2].startswith('    "')


def test_wide_characters_count_twice() -> None:
    assert "\n" in assignment("PROMPT", "猫" * 40)
    assert "\n" not in assignment("PROMPT", "猫" * 38)


def test_a_mapping_that_does_not_fit_has_a_line_for_each_item() -> None:
    value = {"first": ("a" * 30, 1.0), "second": ("b" * 30, 0.5)}
    assert assignment("LORAS", value).splitlines() == [
        "LORAS = {",
        f'    "first": ("{"a" * 30}", 1.0),',
        f'    "second": ("{"b" * 30}", 0.5),',
        "}",
    ]


def test_an_item_that_does_not_fit_is_laid_out_in_turn() -> None:
    source = assignment("LORAS", {"a": ("b" * 80, {"unet": 1.0, "text_encoder": 0.5})})
    assert source.splitlines()[1:3] == ['    "a": (', f'        "{"b" * 80}",']
    assert ast.literal_eval(source.removeprefix("LORAS = ")) == {"a": ("b" * 80, {"unet": 1.0, "text_encoder": 0.5})}


def test_a_tuple_of_one_keeps_its_comma() -> None:
    assert layout("x = ", ("a",), "") == 'x = ("a",)'


def test_a_call_breaks_by_argument() -> None:
    assert call("pipe = load", ["MODEL", "dtype=DTYPE"]) == "pipe = load(MODEL, dtype=DTYPE)"
    assert call("pipe = load", ["a" * 40, "b" * 40], ".images").splitlines() == [
        "pipe = load(",
        f"    {'a' * 40},",
        f"    {'b' * 40},",
        ").images",
    ]


def test_imports_are_sorted_as_isort_sorts_them() -> None:
    source = imports({"PIL": ("ImageOps", "Image"), "torch": (), "diffusers": ("B", "A", "B")})
    assert source == "import torch\nfrom diffusers import A, B\nfrom PIL import Image, ImageOps"


def test_a_long_import_has_a_name_on_each_line() -> None:
    names = [letter * 30 for letter in "abc"]
    assert imports({"diffusers": names}).splitlines() == ["from diffusers import (", *(f"    {n}," for n in names), ")"]


def test_a_comment_wraps() -> None:
    lines = comment("word " * 40).splitlines()
    assert all(line.startswith("# ") and len(line) <= 88 for line in lines)
    assert lines[1].startswith("#   word")


def test_shown_text_is_one_line_of_ascii() -> None:
    assert shown('a\n"b"\u202e é') == 'a\\n"b"\\u202e \\xe9'
    assert shown("x" * 100, 10) == "xxxxxxx..."
