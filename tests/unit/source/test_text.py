"""Bytes that are text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.source.text import decode_text, without_surrogates


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"\xff\xfe\0\0", "utf-32-le"),
        (b"\0\0\xfe\xff", "utf-32-be"),
    ],
)
def test_a_byte_order_mark_decides_and_is_dropped(mark, encoding):
    assert decode_text(mark + "a cat, 猫".encode(encoding)) == ("a cat, 猫", encoding, 0)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised_by_its_zeros(encoding):
    assert decode_text("a cat, 猫".encode(encoding)) == ("a cat, 猫", encoding, 0)


def test_line_ends_and_outer_space_stay_as_they_are():
    assert decode_text(b" a\r\nb\n") == (" a\r\nb\n", "utf-8", 0)


def test_terminal_escapes_are_text():
    assert decode_text(b"\x1b[31mred") == ("\x1b[31mred", "utf-8", 0)


@pytest.mark.parametrize(
    "data", [b"a\0b", b"\0\1\2\3" * 50, b"\1\2\3\4", b"\x7fELF\2\1\1" + bytes(9), b"\xff\xfe\0\0\1"]
)
def test_nuls_and_control_characters_are_no_text(data):
    assert decode_text(data) is None


def test_a_few_foreign_bytes_are_replaced_and_counted():
    assert decode_text(b"a caf\xe9 in the rain") == ("a caf\ufffd in the rain", "utf-8", 1)


def test_mostly_foreign_bytes_are_no_text():
    assert decode_text("猫が座る部屋".encode("shift_jis")) is None


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff", include_characters="\n\t\x1b"))
)
def test_every_utf8_text_comes_back(text):
    assert decode_text(text.encode()) == (text, "utf-8", 0)


@given(st.binary())
def test_any_bytes_are_decided_without_an_exception(data):
    decoded = decode_text(data)
    assert decoded is None or decoded.text.encode() or not decoded.text


@given(st.text())
def test_strings_lose_their_lone_surrogates(text):
    assert without_surrogates(text).text.encode() or not text


def test_lone_surrogates_are_counted_and_pairs_joined():
    assert without_surrogates("a\udcff\ud83d\ude00") == ("a\ufffd😀", "utf-8", 1)
