"""EXIF blocks: byte orders, character sets, folders, damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.diagnostics.model import SourceError
from paramc.source.detect import read_source
from paramc.source.exif import decode_comment, read_exif
from paramc.source.model import Findings

CAT = "a cat, 猫\nSteps: 20"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_the_byte_order_of_a_text_does_not_follow_that_of_its_block(build, order, encoding):
    source = read_source(build.jpeg(build.exif(b"UNICODE\0" + CAT.encode(encoding), order=order)))
    assert (source.text, source.carrier, source.encoding) == (CAT, "jpeg:Exif:UserComment", encoding)


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"UNICODE\0" + b"\xff\xfe" + CAT.encode("utf-16-le"), CAT, "utf-16-le"),
        (b"UNICODE\0" + b"\xfe\xff" + CAT.encode("utf-16-be"), CAT, "utf-16-be"),
        (b"UNICODE\0" + CAT.encode(), CAT, "utf-8"),
        (b"UNICODE\0" + "猫が座る部屋".encode("utf-16-be"), "猫が座る部屋", "utf-16-be"),
        (b"UNICODE\0" + "猫が座る部屋".encode("utf-16-le"), "猫が座る部屋", "utf-16-le"),
        (b"ASCII\0\0\0" + b"a cat", "a cat", "utf-8"),
        (b"ASCII\0\0\0" + b"caf\xe9", "café", "latin-1"),
        (b"ASCII\0\0\0" + "猫".encode(), "猫", "utf-8"),
        (b"JIS\0\0\0\0\0" + "猫".encode("iso2022_jp"), "猫", "iso2022_jp"),
        (bytes(8) + CAT.encode(), CAT, "utf-8"),
        (bytes(8) + "a cat".encode("utf-16-le"), "a cat", "utf-16-le"),
        (CAT.encode(), CAT, "utf-8"),
        ("a cat, sitting".encode("utf-16-be"), "a cat, sitting", "utf-16-be"),
        (b"a cat\0\0\0", "a cat", "utf-8"),
    ],
)
def test_a_user_comment_is_decoded_by_what_it_is(data, text, encoding):
    assert decode_comment(data) == (text, encoding, 0)


def test_a_comment_in_no_encoding_is_utf8_with_its_damage_counted():
    assert decode_comment(b"a \xff\xff\xff b") == ("a \ufffd\ufffd\ufffd b", "utf-8", 3)


def test_half_a_character_at_the_end_is_counted():
    assert decode_comment(b"UNICODE\0" + "ab".encode("utf-16-be") + b"\0") == ("ab\ufffd", "utf-16-be", 1)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60), st.booleans())
def test_settings_come_back_from_either_byte_order(text, big):
    """The line of settings is what betrays the byte order: every text of a UI ends in one."""
    whole = text + "\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: some name, Version: v1"
    encoding = "utf-16-be" if big else "utf-16-le"
    assert decode_comment(b"UNICODE\0" + whole.encode(encoding)).text == whole.removeprefix("\ufeff")


def test_a_comment_in_the_main_folder_is_found(build):
    source = read_source(build.jpeg(build.exif(main={0x9286: b"ASCII\0\0\0Steps: 20"})))
    assert (source.text, source.carrier) == ("Steps: 20", "jpeg:IFD0:UserComment")


def test_a_description_is_the_last_resort(build):
    source = read_source(build.jpeg(build.exif(main={0x010E: b"a cat, Seed: 1\0", 0x0131: b"Some tool\0"})))
    assert (source.text, source.carrier) == ("a cat, Seed: 1", "jpeg:IFD0:ImageDescription")
    assert [(text.key, text.text) for text in source.others] == [("Software", "Some tool")]


def test_a_comment_goes_before_a_description_without_a_word(build):
    source = read_source(build.jpeg(build.exif(b"ASCII\0\0\0Steps: 20", main={0x010E: b"a photo of me, Seed: 1\0"})))
    assert (source.text, source.diagnostics) == ("Steps: 20", ())


def test_a_value_of_four_bytes_lies_in_its_entry():
    block = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x0e\x01\x02\0\x04\0\0\0cat\0" + bytes(4)
    found = Findings()
    read_exif(block, "png", found)
    assert [text.text for text in found.texts] == ["cat"]


def test_a_value_outside_the_block_is_cut_and_told(build):
    block = build.exif(b"ASCII\0\0\0" + b"Steps: 20, Seed")
    source = read_source(build.jpeg(block[:-6]))
    assert (source.text, [problem.code for problem in source.diagnostics]) == ("Steps: 20", ["PC110"])


@pytest.mark.parametrize("block", [b"", b"XX*\0\x08\0\0\0", b"II*\0", b"II\0*\x08\0\0\0\0\0"])
def test_a_block_that_is_no_tiff_is_told(build, block):
    with pytest.raises(SourceError) as caught:
        read_source(build.jpeg(block))
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103", "PC110"]


@given(st.binary(max_size=300), st.sampled_from([b"II*\0", b"MM\0*"]))
def test_any_block_is_read_without_an_exception(data, mark):
    read_exif(mark + data, "jpeg", Findings())


@given(st.data())
def test_a_good_block_with_flipped_bytes_is_read_without_an_exception(build, data):
    block = bytearray(build.exif(b"UNICODE\0" + CAT.encode("utf-16-be"), main={0x010E: b"x" * 20}))
    for place in data.draw(st.lists(st.integers(0, len(block) - 1), max_size=6)):
        block[place] = data.draw(st.integers(0, 255))
    read_exif(bytes(block), "jpeg", Findings())


def test_folders_that_point_at_themselves_end():
    block = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x69\x87\x04\0\x01\0\0\0\x08\0\0\0" + bytes(4)
    found = Findings()
    read_exif(block, "jpeg", found)
    assert found.texts == []
