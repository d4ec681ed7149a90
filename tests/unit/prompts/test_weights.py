"""Emphasis: small cases of what surprises, the differences of the forks, and the limits."""

from itertools import pairwise

import pytest

import paramc
from paramc.dialects.weights import BREAK, DEEPEST, LONGEST_REPEAT, Runs
from tests.unit.prompts.records import language

BREAKS = language().weights


def runs(text: str, dialect: str = "a1111", *, strict: bool = False) -> Runs:
    return language(dialect).weights.runs(text, strict=strict)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a [b) c]", (("a ", 1.1), ("b", 1.1 * (1 / 1.1)), (" c", 1 / 1.1))),
        ("((a:1.2):1.5)", (("a", 1.2 * 1.5),)),
        ("[a:1.2)", (("a:1.2)", 1 / 1.1),)),
        ("(a:1e2)", (("a:1e2", 1.1),)),
        ("(a: 1.2 )", (("a", 1.2),)),
        ("(a:١.٥)", (("a", 1.5),)),
        (r"a\:b \(c\) \\", (("a:b (c) \\", 1.0),)),
        ("a BREAK(b)", (("a", 1.0), BREAK, ("", 1.0), ("b", 1.1))),
        ("a BREAK  BREAK b", (("a", 1.0), BREAK, ("", 1.0), BREAK, ("b", 1.0))),
        ("aBREAK BREAKb", (("aBREAK BREAKb", 1.0),)),
        ("(BREAK:1)", (("", 1.0), BREAK, ("", 1.0))),
        ("(a BREAK b)", (("a", 1.1), ("BREAK", -1.1), ("b", 1.1))),
        ("(a)\\", (("a", 1.1), ("", 1.0))),
        ("", (("", 1.0),)),
        ("()", (("", 1.0),)),
    ],
)
def test_a1111_weighs_like_this(text: str, expected: Runs) -> None:
    assert runs(text) == expected


@pytest.mark.parametrize("text", ["(a:1.2.3)", "(a:.)", "(a:+.)", "((b):..)"])
def test_a_malformed_number_stays_text_unless_strict(text: str) -> None:
    assert any(text[text.rindex(":") : -1] in piece for piece, _ in runs(text))
    with pytest.raises(paramc.ReadError, match="PC200"):
        runs(text, strict=True)


def test_a_malformed_number_without_a_bracket_is_text_in_strict_mode_as_well() -> None:
    assert runs("a:1.2.3)", strict=True) == (("a:1.2.3)", 1.0),)


def test_before_1_6_there_is_no_space_around_a_number() -> None:
    old = language(version=(1, 5, 2)).weights
    assert old.runs("(a: 1.2)(b:1.2 )(c:1.2)") == (("a: 1.2b:1.2 ", 1.1), ("c", 1.2))
    assert old.runs("(a: 1.2.3)", strict=True) == (("a: 1.2.3", 1.1),)
    assert language(version=(1, 6, 0)).weights.runs("(a: 1.2)") == (("a", 1.2),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a:x2.5) b", (("a", 1.0), ("a", 1.5), (" b", 1.0))),
        ("(a:x-1)", (("a", -1.0),)),
        ("(a:x0)", (("a", 1.0),)),
        ("a:x2)", (("a:x2)", 1.0),)),
        ("(a:X2)", (("a:X2", 1.1),)),
        ("(a:1.00004)b", (("ab", 1.00004),)),
    ],
)
def test_reforge_repeats_and_merges_nearly_equal_weights(text: str, expected: Runs) -> None:
    assert runs(text, "reforge") == expected


def test_copies_that_no_memory_holds_are_cut_off() -> None:
    text = "(" * 9 + "cat" + ":x99999)" * 9
    assert sum(len(piece) for piece, _ in runs(text, "reforge")) <= 10 * LONGEST_REPEAT
    with pytest.raises(paramc.ReadError, match="PC215"):
        runs(text, "reforge", strict=True)


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        ("sdnext", "((cat))", (("cat", 1.21),)),
        ("sdnext", r"(a)\(b", (("a(", 1.1), ("b", 1.0))),
        ("sdnext", r"(a\:1.2)", (("a:1.2", 1.1),)),
        ("sdnext", "- a,  b :c ", (("a, b c", 1.0),)),
        ("sdnext", "a\nb", (("a", 1.0), BREAK, ("b", 1.0))),
        ("sdnext", "a ## b", (("a", 1.0), BREAK, ("b", 1.0))),
        ("sdnext_a1111", "a BREAK b", (("a", 1.0), BREAK, (" b", 1.0))),
        ("sdnext_a1111", "a ## b", (("a ", 1.0), BREAK, ("b", 1.0))),
        ("sdnext_a1111", "a\nb ", (("a\nb ", 1.0),)),
        ("sdnext_a1111", r"(a\:1.2)", (("a", 1.2),)),
        ("sdnext_a1111", "(a:1.2.3)", (("a", 1.0),)),
    ],
)
def test_sdnext_weighs_like_this(dialect: str, text: str, expected: Runs) -> None:
    assert runs(text, dialect, strict=True) == expected


def test_an_empty_piece_makes_strict_sdnext_fail() -> None:
    assert runs(r"\m/", "sdnext") == (("m/", 1.0),)
    with pytest.raises(paramc.ReadError, match="PC214"):
        runs(r"\m/", "sdnext", strict=True)


def test_a_mode_of_sdnext_is_also_a_dialect() -> None:
    text = "(a) : b\nc"
    assert language("sdnext", parser="a1111").weights.runs(text) == runs(text, "sdnext_a1111") != runs(text, "sdnext")


def test_the_fixed_parser_of_sdnext_reads_nothing() -> None:
    assert language("sdnext", parser="fixed").weights.runs("(a:1.2) \n[b") == (("(a:1.2) \n[b", 1.0),)


def test_an_unknown_mode_is_answered_with_the_closest() -> None:
    with pytest.raises(paramc.UnknownName) as raised:
        language("sdnext", parser="nativ")
    assert "native" in str(raised.value.diagnostics[0].help)


def test_brackets_beyond_the_limit_do_not_weigh() -> None:
    deep = runs("(" * (DEEPEST + 50) + "a" + ")" * (DEEPEST + 50))
    assert deep == runs("(" * DEEPEST + "a" + ")" * DEEPEST)
    assert runs("[" * (DEEPEST + 50) + "a") == runs("[" * DEEPEST + "a")


def test_strict_mode_counts_every_bracket() -> None:
    (shallow,), (deep,) = (runs("(" * depth + "a", strict=True) for depth in (DEEPEST, DEEPEST + 1))
    assert deep[1] == shallow[1] * 1.1


def test_neighbours_never_have_the_same_weight() -> None:
    text = "(a)(b:1.1)c[d](e:1)f"
    assert all(left[1] != right[1] for left, right in pairwise(runs(text)))


def test_the_marks_join_to_the_text() -> None:
    text = "a (b: 1.2 ) [c] \\( BREAK :: (d:1.2.3)\n\\"
    assert "".join(BREAKS.marks(text)) == text
