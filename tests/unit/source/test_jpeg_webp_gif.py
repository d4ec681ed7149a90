"""The other image containers: JPEG, WebP, GIF."""

import pytest

from paramc.diagnostics.model import SourceError
from paramc.source.detect import read_source

CAT = "a cat, 猫\nSteps: 20"
COMMENT = b"UNICODE\0" + CAT.encode("utf-16-be")


def test_a_jpeg_gives_its_comment_and_its_size(build):
    source = read_source(build.jpeg(build.exif(COMMENT)), "cat.jpg")
    assert (source.text, source.size, source.place) == (CAT, (3, 2), "cat.jpg, UserComment")


def test_a_jpeg_comment_is_kept_but_is_no_settings_carrier(build):
    source = read_source(build.jpeg(build.exif(COMMENT), comment=b"made with an editor"))
    assert [(text.carrier, text.text) for text in source.others] == [("jpeg:comment", "made with an editor")]
    with pytest.raises(SourceError, match="PC103"):
        read_source(build.jpeg(comment=b"made with an editor"))


def test_fill_bytes_and_lone_markers_between_segments_are_skipped(build):
    data = build.jpeg(build.exif(COMMENT))
    assert read_source(data[:2] + b"\xff\xff\xff\x01" + data[2:]).text == CAT


def test_nothing_is_read_behind_the_start_of_the_pixels(build):
    late = build.jpeg(build.exif(COMMENT))[2:]
    with pytest.raises(SourceError, match="PC103"):
        read_source(b"\xff\xd8" + build.segment(0xDA, b"") + late)


@pytest.mark.parametrize("cut", [3, 5, 40, 70])
def test_a_jpeg_cut_in_its_head_is_told(build, cut):
    with pytest.raises(SourceError) as caught:
        read_source(build.jpeg(build.exif(COMMENT))[:cut])
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103", "PC106"]


def test_a_segment_of_impossible_length_is_told(build):
    with pytest.raises(SourceError) as caught:
        read_source(b"\xff\xd8\xff\xe1\0\1" + bytes(50))
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103", "PC106"]


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_a_webp_gives_its_comment_with_or_without_the_jpeg_prefix(build, prefix):
    source = read_source(build.webp((b"VP8 ", bytes(11)), (b"EXIF", prefix + build.exif(COMMENT))))
    assert (source.text, source.carrier) == (CAT, "webp:Exif:UserComment")


@pytest.mark.parametrize(
    "head",
    [
        (b"VP8X", b"\x08\0\0\0" + b"\x02\0\0" + b"\x01\0\0"),
        (b"VP8 ", b"\0\0\0\x9d\x01\x2a" + b"\x03\x40" + b"\x02\x80"),
        (b"VP8L", b"\x2f" + (2 | 1 << 14).to_bytes(4, "little")),
    ],
)
def test_every_kind_of_webp_tells_its_size(build, head):
    assert read_source(build.webp(head, (b"EXIF", build.exif(COMMENT)))).size == (3, 2)


def test_the_canvas_of_a_webp_goes_before_its_frames(build):
    canvas, frame = (b"VP8X", b"\x08\0\0\0\x08\0\0\x06\0\0"), (b"VP8 ", b"\0\0\0\x9d\x01\x2a\x03\0\x02\0")
    assert read_source(build.webp(canvas, frame, (b"EXIF", build.exif(COMMENT)))).size == (9, 7)


def test_a_webp_cut_in_its_pixels_is_told(build):
    data = build.webp((b"EXIF", build.exif(COMMENT)), (b"VP8 ", bytes(100)))
    source = read_source(data[:-50])
    assert (source.text, source.diagnostics[0].message) == (CAT, "the WebP file is cut off in chunk `VP8`")


def test_a_gif_gives_its_comment_and_its_size(build):
    source = read_source(build.gif(b"x" * 300 + b" Steps: 20", frames=3))
    assert (source.text, source.carrier, source.size) == ("x" * 300 + " Steps: 20", "gif:comment", (3, 2))


def test_a_gif_without_a_comment_holds_no_settings(build):
    with pytest.raises(SourceError) as caught:
        read_source(build.gif())
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103"]


def test_a_gif_cut_behind_its_comment_still_gives_it(build):
    source = read_source(build.gif(b"a cat, Steps: 20")[:-1])
    assert (source.text, [problem.code for problem in source.diagnostics]) == ("a cat, Steps: 20", ["PC106"])


@pytest.mark.parametrize("cut", [6, 12, 20, 30, 34])
def test_a_gif_cut_earlier_is_told(build, cut):
    with pytest.raises(SourceError) as caught:
        read_source(build.gif(b"a cat")[:cut])
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103", "PC106"]


LONG = "a cat, sitting\nSteps: 20, Seed: 1" + " and so on" * 40
WIDE = b"UNICODE\0" + LONG.encode("utf-16-be")


@pytest.mark.parametrize("form", ["jpeg", "webp", "gif", "png"])
def test_settings_that_the_file_ends_in_are_an_error_and_are_shown_as_far_as_they_go(build, form):
    data = {
        "jpeg": build.jpeg(build.exif(WIDE)),
        "webp": build.webp((b"EXIF", build.exif(WIDE))),
        "gif": build.gif(LONG.encode()),
        "png": build.png(build.chunk(b"eXIf", build.exif(WIDE))),
    }[form]
    place = data.index(b"and so" if form == "gif" else "and so".encode("utf-16-be"))
    source = read_source(data[:place])
    assert LONG.startswith(source.text) and "Seed: 1" in source.text
    assert [problem.severity for problem in source.diagnostics if problem.code == "PC113"] == ["error"]


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_packed_settings_that_the_file_ends_in_are_an_error_as_well(build, kind):
    text = LONG.encode() + bytes(range(32, 127)) * 9
    chunk = (
        build.packed("parameters", text) if kind == b"zTXt" else build.international("parameters", text, packed=True)
    )
    data = build.png(chunk)
    source = read_source(data[: data.index(b"parameters") + len(chunk) * 2 // 3])
    assert source.text.startswith("a cat") and "PC113" in [problem.code for problem in source.diagnostics]


def test_a_packet_in_several_segments_is_put_together(build):
    packet = b'<r:x xmlns:r="a" r:UserComment="' + b"a cat, Steps: 20" + b'"/>'
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + len(packet).to_bytes(4, "big")
    parts = [build.segment(0xE1, head + place.to_bytes(4, "big") + packet[place : place + 20]) for place in (0, 20, 40)]
    data = build.jpeg()
    source = read_source(data[:2] + b"".join(parts) + data[2:])
    assert (source.text, source.carrier) == ("a cat, Steps: 20", "jpeg:XMP:UserComment")
