"""Settings into an image and out of it, whatever its format."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import SourceError
from paramc.source.carriers import carriers, is_settings, unprefixed
from paramc.source.detect import image_format
from paramc.source.exif import NAMES
from paramc.source.image import reader_of
from paramc.source.model import FLOOR, UNPACKED, Carried, Findings
from paramc.source.text import decode
from paramc.source.writing import exif, jpeg, png, webp

USER_COMMENT: Final = exif.Tag(0x9286, exif.UNDEFINED, True)
NAMED: Final = {  # tags of the main folder that hold a text with its key in front
    "prompt": exif.Tag(0x0110, exif.ASCII, False),
    "workflow": exif.Tag(0x010F, exif.ASCII, False),
}
_WIDE = b"UNICODE\0"


def embed(image: bytes, texts: Mapping[str, str]) -> bytes:
    """The image with each text under its key, in place of what was there; pixels and foreign metadata stay.

    The key of a settings text is `parameters`: a text chunk in PNG, the EXIF user comment in JPEG and WebP. Raises
    SourceError for any other format, and for a file that cannot be understood.
    """
    form = image_format(image[:16])
    rivals = [text for text in _settings(image, form) if text.key == "UserComment"]  # it goes before all others
    match form:
        case "png":
            return png.with_exif(
                png.with_texts(image, dict(texts), lambda _: False), lambda block: _without(block, rivals)
            )
        case "jpeg":
            return jpeg.with_exif(image, lambda block: _with_texts(_without(block, rivals), texts))
        case "webp":
            return webp.with_exif(image, lambda block: _with_texts(_without(block, rivals), texts))
        case _:
            raise SourceError(diagnose("PC117", reason="it is no PNG, JPEG or WebP"))


def strip(image: bytes) -> bytes:
    """The image without its settings and what belongs to them; other metadata and the pixels stay.

    Raises SourceError as `embed` does.
    """
    form = image_format(image[:16])
    mine = _settings(image, form)
    packet = any(":XMP:" in text.carrier for text in mine)
    match form:
        case "png":
            keys = {text.key for text in mine} | ({png.PACKET} if packet else set())
            return png.with_exif(png.with_texts(image, {}, keys.__contains__), lambda block: _without(block, mine))
        case "jpeg":
            comments = {text.text for text in mine if text.carrier == "jpeg:comment"}
            bare = jpeg.without(image, lambda body: decode(body, "utf-8").text.rstrip("\0") in comments, xmp=packet)
            return jpeg.with_exif(bare, lambda block: _without(block, mine))
        case "webp":
            return webp.with_exif(image, lambda block: _without(block, mine), xmp=not packet)
        case _:
            raise SourceError(diagnose("PC117", reason="it is no PNG, JPEG or WebP"))


def _settings(image: bytes, form: str | None) -> tuple[Carried, ...]:
    """The texts of an image that are settings, with those that lie beside them, under their keys in the file."""
    if form is None:
        return ()
    found = Findings(FLOOR + UNPACKED * len(image))
    reader_of(form)(BytesIO(image), found)
    mine = tuple(text for text in found.texts if is_settings(unprefixed(text), form))
    related = carriers().related if mine else frozenset()
    return (*mine, *(text for text in found.texts if text.key in related and text not in mine))


def _with_texts(block: bytes | None, texts: Mapping[str, str]) -> bytes | None:
    for key, text in texts.items():
        if key in NAMED:
            block = exif.with_tag(block, NAMED[key], f"{key}:{text}".encode("utf-8", "replace") + b"\0")
        else:
            block = exif.with_tag(block, USER_COMMENT, _WIDE + text.encode("utf-16-be", "replace"))
    return block


def _without(block: bytes | None, texts: Iterable[Carried]) -> bytes | None:
    """The block without the tags of these texts; an absent block stays absent."""
    for text in texts:
        tag = _tag(text)
        if block is not None and tag is not None:
            block = exif.with_tag(block, tag, None)
    return block


def _tag(text: Carried) -> exif.Tag | None:
    _, folder, _ = text.carrier.split(":", 2) if text.carrier.count(":") > 1 else ("", "", "")
    number = next((number for number, name in NAMES.items() if name == text.key), None)
    return exif.Tag(number, exif.ASCII, folder == "Exif") if number and folder in ("IFD0", "Exif") else None
