"""Whatever a user writes comes out of a script's literals as it went in, and no formatter would touch them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from paramc.backends.literals import assignment, columns, literal, shown

KINDS = {
    "double quotes": '"',
    "single quotes": "'",
    "triple quotes": '"""',
    "backslash": "\\",
    "backslash at the end of a word": "word\\ ",
    "newline": "\n",
    "carriage return": "\r\n",
    "tab": "\t",
    "null": "\x00",
    "terminal escape": "\x1b[31m",
    "braces": "{0} {x!r} {{",
    "template": "{{ 7 * 7 }}{% for x in y %}{# c #}",
    "percent": "%s %(x)d",
    "escape look-alike": "\\n \\x41 \\N{BULLET} \\u0041",
    "right-to-left override": "\u202e",
    "isolate": "\u2066\u2069",
    "joiner": "\U0001f469\u200d\U0001f680",
    "variation selector": "\u263a\ufe0f",
    "combining mark": "e\u0301",
    "lone surrogate": "\ud800",
    "private use": "\ue000",
    "wide": "猫猫猫",
    "odd width": "\u3164\u1160\u4dc0",
    "no-break space": "\xa0",
    "line separator": "\u2028",
    "comment": "# not a comment",
    "code": "'; import os; os.system('x') #",
    "words": "a photo of a cat, best quality, ",
    "long word": "x" * 100,
}
PIECES = st.one_of(*(st.just(piece) for piece in KINDS.values()), st.text(max_size=4), st.characters(codec=None))
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@given(TEXTS)
@settings(max_examples=2500)
def test_a_literal_evaluates_to_the_text(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text


@given(TEXTS)
@settings(max_examples=2500)
def test_an_assignment_holds_the_text(text: str) -> None:
    source = assignment("PROMPT", text)
    assert ast.literal_eval(ast.parse(source).body[0].value) == text


@given(TEXTS)
@settings(max_examples=2500)
def test_an_assignment_shows_all_that_it_holds(text: str) -> None:
    lines = assignment("PROMPT", text).split("\n")
    assert all(line.isprintable() and columns(line) <= 88 for line in lines)


@given(TEXTS)
@settings(max_examples=500)
def test_a_remark_is_one_line_of_ascii(text: str) -> None:
    remark = shown(text)
    assert remark.isascii()
    assert remark.isprintable() or remark == ""


@pytest.mark.parametrize("kind", KINDS)
def test_the_strategy_makes_every_kind(kind: str) -> None:
    quiet = settings(max_examples=3000, suppress_health_check=list(HealthCheck), database=None)
    assert KINDS[kind] in find(TEXTS, lambda text: KINDS[kind] in text, settings=quiet)


def test_a_formatter_leaves_every_assignment_alone(tmp_path: Path) -> None:
    texts: list[str] = []

    @given(TEXTS)
    @settings(max_examples=2000, database=None)
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    file = tmp_path / "script.py"
    file.write_text("".join(f"{assignment('NEGATIVE_PROMPT', text)}\n" for text in texts), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == ""
    assert len(texts) >= 2000
