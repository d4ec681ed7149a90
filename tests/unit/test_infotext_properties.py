"""Laws of reading settings texts: total, lossless, linear, and one field is no matter of another."""

import json
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramc.diagnostics.model import ReadError
from paramc.dialects.balance import CLOSED, OPENED, read_json, with_groups_marked
from paramc.dialects.infotext import scan
from paramc.dialects.ui_fields import ui_fields
from tests.unit.infotext_records import FILES, dialect, loses_nothing, told

A1111 = dialect("a1111")
SIGNS = [
    *'",:{}[]()\\\n\r\t ;.x1',
    "Steps: 20",
    "Negative prompt:",
    "Template:",
    "Sampler: X, ",
    ", Seed: 1",
    "é",
    "\ufdd0",
    "\u3000",
]
LINE = "Steps: 20, Sampler: Euler a, Seed: 1"
LINES = [
    "a cat, (best quality:1.2)",
    "a cat. Negative prompt: dog",
    "Negative prompt: dog",
    "a cat, Steps: 20, Sampler: Euler a, Seed: 1",
    LINE,
    LINE + ', Foo: {"x": [1, 2]}, Bar: "y, z", (512, 64), Empty: , a+b: 1',
    "Size: 512x768, Model: x",
    "Template: {a|b}",
    "what a picture",
]
PARTS = ("prompt", "negative", "label", "key", "value", "stray", "trailing", "gap", "json")
TEN_THOUSAND = 10_000


def soups() -> st.SearchStrategy[str]:
    """Texts of the characters and words that mean something."""
    return st.lists(st.sampled_from(SIGNS), max_size=60).map("".join)


def texts() -> st.SearchStrategy[str]:
    """Texts of lines that mean something, in any order."""
    return st.lists(st.sampled_from(LINES) | soups(), max_size=8).map("\n".join)


def json_values() -> st.SearchStrategy[object]:
    scalars = st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\{}[],: \n')
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    )


def keys() -> st.SearchStrategy[str]:
    """Keys that no UI writes, and that every reader finds."""
    return st.text(alphabet="abcxyz_-/ ", min_size=2, max_size=12).map(lambda name: f"q{name.strip()}q")


def values() -> st.SearchStrategy[str]:
    """Values as an extension may write them: bare, quoted, or JSON."""
    bare = st.text(alphabet="abc 0.:x'()[]{}+é", min_size=1, max_size=20).filter(
        lambda value: value == value.strip() and value[0] not in "{["
    )
    quoted = st.text(alphabet='abc,:"\\\n{[', max_size=20).map(lambda value: json.dumps(value, ensure_ascii=False))
    documents = (
        json_values()
        .filter(lambda value: isinstance(value, (dict, list)))
        .map(lambda value: json.dumps(value, ensure_ascii=False))
    )
    return bare | quoted | documents


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("strict", [False, True])
def test_reading_is_total_and_lossless(name: str, strict: bool) -> None:
    @given(texts())
    def law(text: str) -> None:
        assert loses_nothing(scan(text, dialect(name), strict=strict))

    law()


@given(st.text(max_size=80))
def test_any_text_at_all_is_read(text: str) -> None:
    assert loses_nothing(scan(text, A1111))


@pytest.mark.parametrize("name", FILES)
def test_only_a_typed_error_leaves_the_strict_dictionary(name: str) -> None:
    @given(soups())
    def law(text: str) -> None:
        try:
            ui_fields(text, dialect(name))
        except ReadError as error:
            assert error.diagnostics

    law()


@given(keys(), values(), st.integers(0, 3))
def test_an_unknown_field_changes_no_other(key: str, value: str, place: int) -> None:
    fields = LINE.split(", ")
    text = "a, b (c:1.2)\nNegative prompt: d\n" + ", ".join((*fields[:place], f"{key}: {value}", *fields[place:]))
    prompt, negative, found = told(scan(text, A1111))
    assert (prompt, negative, [pair for pair in found if pair[0] != key]) == (
        "a, b (c:1.2)",
        "d",
        [("Steps", "20"), ("Sampler", "Euler a"), ("Seed", "1")],
    )


@given(json_values().filter(lambda value: isinstance(value, (dict, list))))
def test_json_is_kept_whole(value: object) -> None:
    document = json.dumps(value, ensure_ascii=False)
    found = scan(f"a\n{LINE}, Foo: {document}, Bar: 1", A1111).pairs
    assert [(pair.key, pair.raw) for pair in found[3:]] == [("Foo", document), ("Bar", "1")]


@given(soups())
def test_marking_groups_keeps_the_length(text: str) -> None:
    assert len(with_groups_marked(text)) == len(text)


@given(soups())
def test_marks_come_in_pairs(text: str) -> None:
    marks = [letter for letter in with_groups_marked(text) if letter in (OPENED, CLOSED)]
    assert marks == [OPENED, CLOSED] * (len(marks) // 2)


def test_the_strategies_reach_every_shape() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=1000)
    @given(texts())
    def census(text: str) -> None:
        scanned = scan(text, A1111)
        seen.update(part for part, _ in scanned.parts())
        seen.update(["json"] if any(pair.raw[:1] in ("{", "[") for pair in scanned.pairs) else [])
        seen["all"] += 1

    census()
    assert min(seen[part] for part in PARTS) >= 0.02 * seen["all"]


@pytest.mark.parametrize("value", ['{"a": [1, {"b": null}]}', "[]", "[1, 2]"])
def test_json_is_read(value: str) -> None:
    assert read_json(value) == json.loads(value)


def test_deep_json_is_refused_before_python_fails() -> None:
    with pytest.raises(ValueError, match="100000 levels"):
        read_json("[" * 100_000 + "]" * 100_000)


HOSTILE = {
    "open braces": f"{LINE}, Foo: " + "{" * TEN_THOUSAND,
    "open brackets": f"{LINE}, Foo: " + "[" * TEN_THOUSAND,
    "nested braces": f"{LINE}, Foo: " + "{" * 5000 + "}" * 5000,
    "braces at values": f"{LINE}, " + "aa: {, " * 1400,
    "braces and quotes": f"{LINE}, " + 'aa: {\\"' * 1400 + '"' + ', "b"' * 100,
    "quotes": f"{LINE}, Foo: " + '"' * TEN_THOUSAND,
    "open quotes": f"{LINE}, " + 'aa: "' * 2000,
    "colons": ":" * TEN_THOUSAND,
    "commas": "," * TEN_THOUSAND,
    "keys without end": "aa: " * 2500,
    "short keys": f"{LINE}, " + "aa:," * 2500,
    "one word": "a" * TEN_THOUSAND,
    "one value": f"{LINE}, Foo: " + "x" * TEN_THOUSAND,
    "spaces": f"{LINE}, Foo:" + " " * TEN_THOUSAND + "x",
    "labels": "Negative prompt:\n" * 590,
    "starts": "Steps: 1\n" * 1100,
    "starts before JSON": "Steps: 1, aa: [\n" * 555 + "]," * 555,
    "starts within a line": ", Steps: 1" * 1000,
    "blocks": f"{LINE}\n" + "Template:\n" * 1000,
    "one field per line": "Seed: 1\n" * 1250 + "Steps: 1\nSampler: x\nSize: 1x1",
    "full stops": ". " * 5000,
    "brackets in a key": f"{LINE}, Foo" + "(a" * 5000,
}


def seconds(text: str, *, strict: bool) -> float:
    start = time.process_time()
    scan(text, A1111, strict=strict)
    return time.process_time() - start


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("case", HOSTILE)
def test_ten_thousand_hostile_characters_take_half_a_second_at_most(case: str, strict: bool) -> None:
    assert seconds(HOSTILE[case], strict=strict) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("case", HOSTILE)
def test_time_grows_with_the_length_alone(case: str) -> None:
    text = HOSTILE[case]
    once = min(seconds(text, strict=False) for _ in range(3))
    assert seconds(text * 8, strict=False) < 5 * 8 * max(once, 0.002)


def test_ten_thousand_labels_are_read() -> None:
    assert scan("Negative prompt:\n" * TEN_THOUSAND, A1111).negative.text == ""


def test_a_megabyte_is_read() -> None:
    assert len(scan(f"a\n{LINE}, Foo: " + "x" * 1_000_000, A1111).pairs[-1].value) == 1_000_000
