"""JSON with places."""

import json

from hypothesis import given
from hypothesis import strategies as st

from paramc.dialects.members import DEEPEST, read_members, top_keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.sampled_from([None, 1]))
def test_every_leaf_is_where_it_is_said_to_be(value: dict[str, object], indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    members = read_members(text, lambda path: True)
    assert (members.end, members.broken) == (len(text), False)
    for leaf in members.leaves:
        found = json.loads(text[leaf.start : leaf.end])
        assert leaf.whole or found == leaf.value


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_what_is_not_opened_is_whole(value: dict[str, object]) -> None:
    text = json.dumps(value)
    leaves = read_members(text, lambda path: False).leaves
    assert [json.loads(text[leaf.start : leaf.end]) for leaf in leaves] == list(value.values())


@given(st.dictionaries(st.text(), VALUES, min_size=1, max_size=5), st.data())
def test_a_text_that_breaks_off_gives_what_stands_before(value: dict[str, object], data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    broken, whole = (read_members(one, lambda path: False) for one in (cut, text))
    before = [leaf for leaf in whole.leaves if leaf.end < len(cut)]
    assert broken.broken
    assert list(broken.leaves[: len(before)]) == before


@given(st.text(alphabet='{}[]",:\\ 0a\n', max_size=40))
def test_any_text_is_survived(text: str) -> None:
    assert 0 <= read_members(text, lambda path: True).end <= len(text)


def test_no_more_levels_are_taken_apart_than_anybody_needs() -> None:
    text = '{"a": ' * 100 + "1" + "}" * 100
    (leaf,) = read_members(text, lambda path: True).leaves
    assert (leaf.path.count("."), leaf.whole) == (DEEPEST - 1, True)


def test_items_are_counted_from_one() -> None:
    assert [leaf.path for leaf in read_members('{"a": [{"b": 1}, 2]}', lambda path: True).leaves] == ["a.1.b", "a.2"]


def test_keys_of_broken_json_are_found() -> None:
    assert top_keys('{"a": 1, "b": {"c": 2}, "d": ') == {"a", "b"}
    assert top_keys('[{"a": 1}]') == {"a"}
