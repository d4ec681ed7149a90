"""PNG text chunks."""

import io
import tracemalloc
import zlib

import pytest

from paramc.diagnostics.model import Label, SourceError, Span
from paramc.source.detect import read_source

KEY = "parameters"


def codes_of(source):
    return [problem.code for problem in source.diagnostics]


def test_a_plain_text_chunk_is_found_with_its_carrier_and_size(build):
    source = read_source(build.png(build.text(KEY, build.settings.encode())), "cat.png")
    assert (source.text, source.name, source.carrier, source.size) == (
        build.settings,
        "cat.png",
        "png:tEXt:parameters",
        (3, 2),
    )


def test_the_place_names_file_and_chunk(build):
    assert read_source(build.png(build.text(KEY, b"a")), "cat.png").place == "cat.png, parameters"


def test_a_packed_chunk_is_unpacked(build):
    source = read_source(build.png(build.packed(KEY, "naïve".encode("latin-1"))))
    assert (source.text, source.carrier, source.encoding) == ("naïve", "png:zTXt:parameters", "latin-1")


@pytest.mark.parametrize("packed", [False, True])
def test_an_international_chunk_is_utf8(build, packed):
    source = read_source(build.png(build.international(KEY, "猫 テスト".encode(), packed=packed)))
    assert (source.text, source.carrier, source.encoding) == ("猫 テスト", "png:iTXt:parameters", "utf-8")


def test_utf8_in_a_latin_chunk_is_read_as_utf8(build):
    source = read_source(build.png(build.text(KEY, "#テスト".encode())))
    assert (source.text, source.encoding) == ("#テスト", "utf-8")


def test_latin_letters_that_are_no_utf8_stay_latin(build):
    source = read_source(build.png(build.text(KEY, b"caf\xe9")))
    assert (source.text, source.encoding) == ("café", "latin-1")


def test_a_text_behind_the_pixels_is_found(build):
    assert read_source(build.png(after=build.text(KEY, b"late"))).text == "late"


def test_other_texts_are_kept_beside_the_settings_in_file_order(build):
    data = build.png(build.text("prompt", b"{}"), build.text(KEY, b"a"), build.international("workflow", b"[]"))
    others = [(text.key, text.text, text.carrier) for text in read_source(data).others]
    assert others == [("prompt", "{}", "png:tEXt:prompt"), ("workflow", "[]", "png:iTXt:workflow")]


def test_of_two_texts_under_one_key_the_last_is_used_and_the_other_named(build):
    source = read_source(build.png(build.text(KEY, b"first"), build.text(KEY, b"second")))
    assert (source.text, codes_of(source)) == ("second", ["PC112"])


def test_closing_nuls_are_no_part_of_a_text(build):
    assert read_source(build.png(build.text(KEY, b"a\0"))).text == "a"


def test_an_exif_chunk_wins_over_a_text_chunk(build):
    data = build.png(build.text(KEY, b"chunk"), build.chunk(b"eXIf", build.exif(b"ASCII\0\0\0exif, Steps: 1")))
    source = read_source(data)
    assert (source.text, source.carrier, codes_of(source)) == ("exif, Steps: 1", "png:Exif:UserComment", ["PC112"])


def test_two_carriers_of_one_text_are_no_rivals(build):
    data = build.png(build.text(KEY, b"Steps: 1"), build.chunk(b"eXIf", build.exif(b"ASCII\0\0\0Steps: 1")))
    assert codes_of(read_source(data)) == []


def test_a_wrong_checksum_is_survived_and_told(build):
    good = build.text(KEY, b"kept")
    source = read_source(build.png(good[:-1] + bytes([good[-1] ^ 1])))
    assert (source.text, codes_of(source)) == ("kept", ["PC107"])


def test_a_file_cut_in_its_pixels_still_gives_the_text(build):
    data = build.png(build.text(KEY, b"kept"))
    source = read_source(data[:-20])
    assert (source.text, codes_of(source)) == ("kept", ["PC106"])
    assert source.diagnostics[0].message == "the PNG file is cut off in chunk `IDAT`"


def test_settings_cut_in_the_middle_are_used_as_far_as_they_go_and_are_an_error(build):
    data = build.png(build.text(KEY, b"a cat, sitting"))
    source = read_source(data[: data.index(b"sitting")])
    assert (source.text, codes_of(source)) == ("a cat, ", ["PC106", "PC113"])


def test_a_file_that_ends_before_its_last_chunk_is_told(build):
    source = read_source(build.png(build.text(KEY, b"kept"))[:-12])
    assert (source.text, codes_of(source)) == ("kept", ["PC106"])


def test_a_chunk_longer_than_the_file_ends_the_walk(build):
    data = build.png(build.text(KEY, b"kept"))[:-12] + b"\xff\xff\xff\xfftEXtx\0y"
    source = read_source(data)
    assert (source.text, codes_of(source), [text.key for text in source.others]) == ("kept", ["PC106"], ["x"])


def test_a_packed_bomb_is_refused_at_the_limit(build):
    bomb = build.packed("x", bytes(10_000_000))
    source = read_source(build.png(bomb, build.text(KEY, b"kept")), limit=100_000)
    assert (source.text, codes_of(source), source.others) == ("kept", ["PC108"], ())


def test_a_bomb_is_never_unpacked_whole(build):
    data = build.png(build.packed("x", bytes(50_000_000)), build.text(KEY, b"kept"))
    tracemalloc.start()
    read_source(data, limit=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_bomb_alone_leaves_no_settings(build):
    with pytest.raises(SourceError) as caught:
        read_source(build.png(build.packed(KEY, bytes(10_000_000))), limit=100_000)
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103", "PC108"]


def test_all_texts_together_keep_the_limit(build):
    pieces = [build.packed(f"k{number}", b"x" * 40_000) for number in range(3)]
    source = read_source(build.png(build.text(KEY, b"kept"), *pieces), limit=100_000)
    assert ([text.key for text in source.others], codes_of(source)) == (["k0", "k1"], ["PC108"])


def test_garbage_in_a_packed_chunk_is_left_out(build):
    broken = build.chunk(b"zTXt", KEY.encode() + b"\0\0garbage")
    source = read_source(build.png(broken, build.text(KEY, b"kept")))
    assert (source.text, codes_of(source)) == ("kept", ["PC109"])


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"IHDR"])
def test_a_chunk_without_its_separator_is_left_out(build, kind):
    source = read_source(build.png(build.chunk(kind, b"x"), build.text(KEY, b"kept")))
    assert (source.text, codes_of(source)) == ("kept", ["PC109"])


def test_bytes_that_are_no_utf8_are_counted(build):
    source = read_source(build.png(build.international(KEY, b"a \xff cat \xfe")))
    assert source.text == "a \ufffd cat \ufffd"
    assert source.diagnostics[0].message == "2 pieces of `parameters` are not valid utf-8 and read as U+FFFD"
    assert source.diagnostics[0].labels == (Label(Span(2, 3)),)


def test_damage_in_a_text_that_is_not_used_is_not_told(build):
    data = build.png(build.international("other", b"\xff"), build.text(KEY, b"kept"))
    assert codes_of(read_source(data)) == []


def test_only_headers_and_texts_are_read(build):
    class Watched(io.BytesIO):
        longest = 0

        def read(self, size=-1):
            data = super().read(size)
            self.longest = max(self.longest, len(data))
            return data

    from paramc.source.model import Findings
    from paramc.source.png import read_png

    pixels = build.chunk(b"IDAT", zlib.compress(b"", 0) + bytes(1_000_000))
    stream = Watched(build.png(pixels, build.text(KEY, b"kept")))
    read_png(stream, Findings())
    assert stream.longest < 100


def test_an_absurd_number_of_chunks_ends_the_walk(build, monkeypatch):
    monkeypatch.setattr("paramc.source.png.CHUNKS_AT_MOST", 5)
    source = read_source(build.png(build.text(KEY, b"kept"), *[build.chunk(b"tIME", b"")] * 9))
    assert (source.text, codes_of(source)) == ("kept", ["PC109"])


@pytest.mark.parametrize("name", ["exif", "APP1", "xmp"])
def test_a_block_in_hexadecimal_digits_is_read_as_the_block(build, name):
    """ImageMagick keeps what it does not know like this."""
    xmp = b'<r:x xmlns:r="a" r:UserComment="a cat, Steps: 20"/>'
    block = xmp if name == "xmp" else b"Exif\0\0" + build.exif(b"ASCII\0\0\0a cat, Steps: 20")
    digits = block.hex()
    lines = "\n".join(digits[place : place + 72] for place in range(0, len(digits), 72))
    data = build.png(build.packed(f"Raw profile type {name}", f"\n{name}\n{len(block):8}\n{lines}\n".encode()))
    source = read_source(data)
    assert (source.text, source.key) == ("a cat, Steps: 20", "UserComment")


@pytest.mark.parametrize("text", [b"", b"exif", b"exif 3 xyz", b"exif 3 \xff"])
def test_digits_that_are_none_are_told(build, text):
    source = read_source(build.png(build.packed("Raw profile type exif", text), build.text(KEY, b"kept")))
    assert (source.text, codes_of(source)) == ("kept", ["PC109"])
