"""Settings in the pixels."""

import gzip
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from paramc.diagnostics.model import SourceError
from paramc.source.detect import open_file, read_source

GOLDEN = Path(__file__).parents[2] / "golden" / "images"
CAT = "a cat, 猫\nSteps: 20, Seed: 1"
SIGNATURES = {("A", False): b"stealth_pnginfo", ("A", True): b"stealth_pngcomp"} | {
    ("RGB", False): b"stealth_rgbinfo",
    ("RGB", True): b"stealth_rgbcomp",
}


def hidden(text: str, channels: str, *, packed: bool, size=(37, 29), length: int | None = None, form="PNG") -> bytes:
    """A picture with `text` in the lowest bits, pixel by pixel as the description of the method says."""
    data = gzip.compress(text.encode()) if packed else text.encode()
    count = len(data) * 8 if length is None else length
    bits = [
        int(bit) for byte in SIGNATURES[channels, packed] + count.to_bytes(4, "big") + data for bit in f"{byte:08b}"
    ]
    picture = Image.linear_gradient("L").resize(size).convert("RGBA")
    places = iter(bits)
    for x in range(size[0]):
        for y in range(size[1]):
            pixel = list(picture.getpixel((x, y)))
            for channel in [3] if channels == "A" else [0, 1, 2]:
                if (bit := next(places, None)) is not None:
                    pixel[channel] = pixel[channel] & ~1 | bit
            picture.putpixel((x, y), tuple(pixel))
    stream = BytesIO()
    picture.save(stream, form, **({"lossless": True, "exact": True} if form == "WEBP" else {}))
    return stream.getvalue()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("channels", ["A", "RGB"])
def test_both_channels_and_both_forms_are_read(channels, packed):
    source = read_source(hidden(CAT, channels, packed=packed))
    assert (source.text, source.carrier, source.encoding, source.size) == (
        CAT,
        "png:stealth:parameters",
        "utf-8",
        (37, 29),
    )


def test_a_lossless_webp_hides_as_well():
    assert read_source(hidden(CAT, "A", packed=True, form="WEBP")).carrier == "webp:stealth:parameters"


def test_what_a_program_hid_is_what_it_wrote_into_its_chunks():
    source = open_file(GOLDEN / "novelai-stealth.png", hidden=True)
    keys = ("Comment", "Description", "Software", "Source", "Generation time")
    assert source.carrier == "png:stealth:Comment"
    texts = {text.carrier: text.text for text in source.others} | {source.carrier: source.text}
    assert [key for key in keys if texts[f"png:stealth:{key}"] != texts[f"png:tEXt:{key}"]] == []


def test_pixels_are_left_alone_when_there_are_other_settings(monkeypatch):
    monkeypatch.setattr("paramc.source.stealth.read_stealth", lambda *_: pytest.fail("the picture was decoded"))
    assert open_file(GOLDEN / "novelai-stealth.png").carrier == "png:tEXt:Comment"


def test_a_length_beyond_the_picture_is_damage():
    with pytest.raises(SourceError) as caught:
        read_source(hidden(CAT, "A", packed=True, length=2**31))
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103", "PC109"]


def test_a_packed_bomb_is_refused():
    with pytest.raises(SourceError) as caught:
        read_source(hidden("x" * 3_000_000, "A", packed=True, size=(200, 200)))
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103", "PC108"]


def test_a_picture_too_large_for_its_file_is_not_decoded(build):
    from struct import pack

    head = build.chunk(b"IHDR", pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0))
    data = build.png()
    with pytest.raises(SourceError) as caught:
        read_source(data[:8] + head + data[33:])
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103", "PC115"]


def test_a_picture_with_broken_pixels_holds_nothing():
    data = bytearray(hidden(CAT, "A", packed=True))
    place = data.index(b"IDAT") + 20
    data[place : place + 40] = bytes(40)
    with pytest.raises(SourceError, match="PC103"):
        read_source(bytes(data))
