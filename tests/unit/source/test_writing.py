"""Settings written into images and taken out: pixels and foreign metadata keep every byte."""

import zlib
from io import BytesIO
from pathlib import Path
from struct import pack, unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from paramc.diagnostics.model import SourceError
from paramc.source.detect import read_source
from paramc.source.exif import read_exif
from paramc.source.model import Findings
from paramc.source.writing.exif import ASCII, UNDEFINED, Tag, with_tag
from paramc.source.writing.image import embed, strip
from paramc.source.writing.jpeg import segments
from paramc.source.writing.png import pieces

GOLDEN = Path(__file__).parents[2] / "golden" / "images"
FILES = sorted(path.name for path in GOLDEN.iterdir() if path.suffix in (".png", ".jpg", ".webp"))
CAT = "a cat, 猫\nSteps: 21, Seed: 5"
ODD = ("pillow-xmp.webp", "pillow-xmp.jpg")  # an XMP property goes with its packet


def pixels(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as picture:
        return picture.tobytes()


def tags(data: bytes) -> dict[int, object]:
    with Image.open(BytesIO(data)) as picture:
        exif = picture.getexif()
        everything = dict(exif) | dict(exif.get_ifd(0x8769)) | {"thumbnail": dict(exif.get_ifd(1))}
        return {tag: value for tag, value in everything.items() if tag not in (0x8769, 0x9286)}


@pytest.mark.parametrize("file", FILES)
def test_what_is_embedded_is_what_is_read(file):
    assert read_source(embed((GOLDEN / file).read_bytes(), {"parameters": CAT})).text == CAT


@pytest.mark.parametrize("file", FILES)
def test_pixels_and_foreign_tags_survive(file):
    data = (GOLDEN / file).read_bytes()
    written = embed(data, {"parameters": CAT})
    assert (pixels(written), tags(written)) == (pixels(data), tags(data))


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".png")])
def test_foreign_chunks_of_a_png_keep_every_byte_and_their_order(file):
    data = (GOLDEN / file).read_bytes()
    foreign = [piece.data for piece in pieces(data) if piece.key != "parameters" and piece.kind != b"eXIf"]
    kept = [piece.data for piece in pieces(embed(data, {"parameters": CAT})) if piece.kind != b"eXIf"]
    assert [chunk for chunk in kept if b"parameters\0" not in chunk[:19]] == foreign


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".jpg")])
def test_foreign_segments_of_a_jpeg_keep_every_byte(file):
    data = (GOLDEN / file).read_bytes()
    assert [part.data for part in segments(embed(data, {"parameters": CAT})) if part.body[:4] != b"Exif"] == [
        part.data for part in segments(data) if part.body[:4] != b"Exif"
    ]


@pytest.mark.parametrize("file", [file for file in FILES if "stealth" not in file])
def test_nothing_is_left_after_stripping(file):
    data = strip((GOLDEN / file).read_bytes())
    with pytest.raises(SourceError, match="PC103"):
        read_source(data)
    assert pixels(data) == pixels((GOLDEN / file).read_bytes())


@pytest.mark.parametrize("file", [file for file in FILES if file not in ODD])
def test_stripping_what_was_embedded_gives_back_the_rest(file):
    data = strip((GOLDEN / file).read_bytes())
    assert tags(strip(embed(data, {"parameters": CAT}))) == tags(data)


@pytest.mark.parametrize("file", ["a1111.jpg", "a1111.webp", "exif-chunk.png"])
def test_no_trace_of_a_stripped_text_stays_in_the_file(file):
    data = (GOLDEN / file).read_bytes()
    text = read_source(data).text
    gone = strip(data)
    assert not [form for form in ("utf-8", "utf-16-be", "utf-16-le") if text[:20].encode(form) in gone]


def test_embedding_twice_is_embedding_the_second():
    data = (GOLDEN / "a1111-dogs.png").read_bytes()
    assert embed(embed(data, {"parameters": "x"}), {"parameters": CAT}) == embed(data, {"parameters": CAT})


def test_a_graph_lies_where_its_program_looks():
    data = embed((GOLDEN / "a1111.webp").read_bytes(), {"prompt": '{"1": 2}', "workflow": '{"3": 4}'})
    with Image.open(BytesIO(data)) as picture:
        exif = picture.getexif()
    assert (exif[0x0110], exif[0x010F]) == ('prompt:{"1": 2}', 'workflow:{"3": 4}')


def test_a_plain_webp_becomes_an_extended_one():
    stream = BytesIO()
    Image.new("RGBA", (5, 3), (1, 2, 3, 4)).save(stream, "WEBP", lossless=True)
    plain = stream.getvalue()
    written = embed(plain, {"parameters": CAT})
    assert plain[12:16] == b"VP8L" and written[12:16] == b"VP8X"
    assert (read_source(written).text, read_source(written).size, pixels(written)) == (CAT, (5, 3), pixels(plain))
    assert written[20] == 0x10 | 0x08  # alpha and EXIF are announced


def test_a_png_with_a_bad_checksum_keeps_it(build):
    bad = build.text("other", b"kept")[:-1] + b"?"
    assert bad in embed(build.png(bad), {"parameters": CAT})


def test_what_lies_behind_the_end_of_a_png_stays(build):
    assert embed(build.png() + b"tail", {"parameters": CAT}).endswith(b"tail")


def test_a_text_too_long_for_a_jpeg_is_refused():
    with pytest.raises(SourceError, match="PC117"):
        embed((GOLDEN / "a1111.jpg").read_bytes(), {"parameters": "x" * 40_000})


@pytest.mark.parametrize("file", ["pillow.gif", "pillow.avif"])
def test_other_formats_are_refused(file):
    with pytest.raises(SourceError, match="PC117"):
        embed((GOLDEN / file).read_bytes(), {"parameters": CAT})


def test_a_malformed_block_is_never_thrown_away(build):
    with pytest.raises(SourceError, match="PC117"):
        embed(build.jpeg(b"II*\0\xff\xff\0\0"), {"parameters": CAT})


@pytest.mark.parametrize("order", ["<", ">"])
def test_foreign_tags_of_a_block_keep_their_values(build, order):
    block = build.exif(b"ASCII\0\0\0old", order=order, main={0x010F: b"maker\0", 0x0131: b"tool\0"})
    found = Findings()
    read_exif(with_tag(block, Tag(0x9286, UNDEFINED, True), b"ASCII\0\0\0new text"), "png", found)
    assert [(text.key, text.text) for text in found.texts] == [
        ("Make", "maker"), ("Software", "tool"), ("UserComment", "new text"),
    ]  # fmt: skip


def test_the_folder_of_the_thumbnail_stays_linked():
    main, thumbnail = pack("<HHHI4sI", 1, 0x010F, 2, 4, b"cam\0", 26), pack("<HHHI4sI", 1, 0x0131, 2, 4, b"abc\0", 0)
    block = b"II*\0\x08\0\0\0" + main + thumbnail
    written = with_tag(block, Tag(0x010E, ASCII, False), b"a description\0")
    start = unpack_from("<I", written, 4)[0]
    following = unpack_from("<I", written, start + 2 + 12 * unpack_from("<H", written, start)[0])[0]
    assert written[following : following + len(thumbnail)] == thumbnail


@given(st.binary(max_size=200), st.sampled_from([b"II*\0", b"MM\0*", b""]), st.booleans())
def test_any_block_is_written_or_refused(data, mark, in_exif):
    try:
        with_tag(mark + data, Tag(0x010E, ASCII, in_exif), b"value\0")
    except SourceError as error:
        assert error.diagnostics[0].code == "PC117"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=80))
def test_every_text_comes_back_from_every_format(text):
    whole = f"{text}\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: some name, Version: v1"
    for file in ("a1111-dogs.png", "a1111.jpg", "a1111.webp"):
        assert read_source(embed((GOLDEN / file).read_bytes(), {"parameters": whole})).text == whole


def test_checksums_of_what_is_written_are_right():
    data = embed((GOLDEN / "a1111-dogs.png").read_bytes(), {"parameters": CAT})
    wrong = [piece.kind for piece in pieces(data) if piece.data[-4:] != pack(">I", zlib.crc32(piece.data[4:-4]))]
    assert wrong == []
