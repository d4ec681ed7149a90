"""WebM and Matroska: the tags beside a video (RFC 8794, RFC 9559)."""

from collections.abc import Iterator
from enum import IntEnum
from os import SEEK_END
from typing import BinaryIO, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.source.model import Findings
from paramc.source.text import decode

SIGNATURE = b"\x1a\x45\xdf\xa3"
ELEMENTS_AT_MOST = 200_000
_LONGEST = 12  # bytes of a number of four and a length of eight


class Number(IntEnum):
    """The numbers of the elements that matter here."""

    SEGMENT = 0x18538067
    TRACKS = 0x1654AE6B
    TRACK = 0xAE
    VIDEO = 0xE0
    WIDTH = 0xB0
    HEIGHT = 0xBA
    TAGS = 0x1254C367
    TAG = 0x7373
    SIMPLE_TAG = 0x67C8
    TAG_NAME = 0x45A3
    TAG_STRING = 0x4487


_LOOKED_INTO = frozenset(
    (Number.SEGMENT, Number.TRACKS, Number.TRACK, Number.VIDEO, Number.TAGS, Number.TAG, Number.SIMPLE_TAG)
)


class Element(NamedTuple):
    """An element whose body is `[start, end)` of the file."""

    number: int
    start: int
    end: int


def read_webm(stream: BinaryIO, found: Findings) -> None:
    """Note the size and the tags of a video; frames are skipped unread."""
    name, sides = "", [0, 0]
    for element in _elements(stream, found):
        match element.number:
            case Number.TAG_NAME:
                name = _body(stream, element, found).decode("utf-8", "replace").rstrip("\0").lower()
            case Number.TAG_STRING:
                found.add("webm:tag", name, decode(_body(stream, element, found), "utf-8"))
            case Number.WIDTH | Number.HEIGHT as side:
                sides[side == Number.HEIGHT] = int.from_bytes(_body(stream, element, found)[:4], "big")
    if all(sides):
        found.size = (sides[0], sides[1])


def _elements(stream: BinaryIO, found: Findings) -> Iterator[Element]:
    """Every element outside of those that nobody looks into; a cut file ends the walk with a report."""
    end = stream.seek(0, SEEK_END)
    place = 0
    for _ in range(ELEMENTS_AT_MOST):
        if place >= end:
            return None
        stream.seek(place)
        element = _element(stream.read(_LONGEST), place)
        if element is None or (element.end > end and element.number not in _LOOKED_INTO):
            return found.report(diagnose("PC106", format="WebM", place="its list of elements"))
        yield element
        place = element.start if element.number in _LOOKED_INTO else element.end
    return found.report(diagnose("PC109", chunk="Segment"))


def _element(head: bytes, place: int) -> Element | None:
    """The element that begins with `head`; one of unknown length is looked into as if it had none."""
    width = _width(head[:1])
    if not 0 < width <= 4 or len(head) <= width:
        return None
    number, rest = int.from_bytes(head[:width], "big"), head[width:]
    width_of_length = _width(rest[:1])
    if not width_of_length or len(rest) < width_of_length:
        return None
    most = (1 << 7 * width_of_length) - 1
    length = int.from_bytes(rest[:width_of_length], "big") & most
    start = place + width + width_of_length
    return Element(number, start, start if length == most else start + length)


def _width(first: bytes) -> int:
    """Bytes of a number, by the leading zeros of its first; 0 for none."""
    return 9 - first[0].bit_length() if first and first[0] else 0


def _body(stream: BinaryIO, element: Element, found: Findings) -> bytes:
    length = element.end - element.start
    if not found.spend(length, "tag"):
        return b""
    stream.seek(element.start)
    return stream.read(length)
