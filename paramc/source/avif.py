"""AVIF and its kin: EXIF blocks and XMP packets among the items of the meta box (ISO 14496-12, 8.11; HEIF, annex A)."""

from os import SEEK_END
from typing import BinaryIO, NamedTuple, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.source.boxes import Box, boxes_in, file_boxes
from paramc.source.exif import read_exif
from paramc.source.model import Findings
from paramc.source.xmp import read_xmp

META_AT_MOST = 2**20  # bytes of the box that says where everything lies; real ones have a few hundred
ITEMS_AT_MOST = 4096
XMP_TYPE = b"application/rdf+xml"
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
Extents: TypeAlias = "tuple[tuple[int, int], ...]"  # (offset, length) of each piece


class OutsideError(Exception):
    """A table points beyond the end of its block."""


class Location(NamedTuple):
    """Where an item lies: `method` 0 counts from the begin of the file, 1 from that of the box `idat`."""

    method: int
    extents: Extents


def read_avif(stream: BinaryIO, found: Findings) -> None:
    """Note the size and the EXIF and XMP texts of an AVIF or HEIF file; pixels are skipped unread."""
    end = stream.seek(0, SEEK_END)
    for box in file_boxes(stream, 0, end, "AVIF", found):
        if box.kind == b"meta":
            _read_meta(stream, box, found)
        elif box.kind == b"uuid":
            _read_uuid(stream, box, end, found)


def _read_uuid(stream: BinaryIO, box: Box, end: int, found: Findings) -> None:
    stream.seek(box.start)
    length = min(box.end, end) - box.start - 16
    if stream.read(16) == XMP_UUID and length > 0 and found.spend(length, "XMP"):
        read_xmp(stream.read(length), "avif", found, cut=box.end > end)


def _read_meta(stream: BinaryIO, meta: Box, found: Findings) -> None:
    if meta.end - meta.start > META_AT_MOST:
        return found.report(diagnose("PC109", chunk="meta"))
    stream.seek(meta.start)
    block = stream.read(meta.end - meta.start)
    boxes = {box.kind: box for box in boxes_in(block, 4, len(block))}  # behind version and flags
    try:
        items = _items(block, boxes[b"iinf"]) if b"iinf" in boxes else {}
        places = _locations(block, boxes[b"iloc"]) if b"iloc" in boxes else {}
        found.size = _size(block, boxes.get(b"iprp")) or found.size
    except OutsideError:
        return found.report(diagnose("PC109", chunk="meta"))
    base = meta.start + boxes[b"idat"].start if b"idat" in boxes else 0
    for item, kind in items.items():
        if item in places:
            _read_item(stream, kind, places[item], base, found)
    return None


def _items(block: bytes, box: Box) -> dict[int, str]:
    """Item → `Exif` or `XMP`, for the items that are either."""
    wide = _integer(block, box.start, 1) > 0
    found: dict[int, str] = {}
    for entry in boxes_in(block, box.start + (8 if wide else 6), box.end):
        version = _integer(block, entry.start, 1)
        width = 4 if version >= 3 else 2
        number, kind = _integer(block, entry.start + 4, width), entry.start + width + 6
        if version < 2 or len(found) >= ITEMS_AT_MOST:
            continue
        if block[kind : kind + 4] == b"Exif":
            found[number] = "Exif"
        elif block[kind : kind + 4] == b"mime" and XMP_TYPE in block[kind + 4 : entry.end].split(b"\0")[1:2]:
            found[number] = "XMP"
    return found


def _locations(block: bytes, box: Box) -> dict[int, Location]:
    """Item → where it lies."""
    version, place = _integer(block, box.start, 1), box.start + 4
    sizes = _integer(block, place, 2)
    widths = tuple(sizes >> shift & 15 for shift in (12, 8, 4, 0))  # of offset, length, base, index
    count = _integer(block, place + 2, 4 if version == 2 else 2)
    place += 6 if version == 2 else 4
    found: dict[int, Location] = {}
    for _ in range(min(count, ITEMS_AT_MOST)):
        number = _integer(block, place, 4 if version == 2 else 2)
        place += 4 if version == 2 else 2
        method = _integer(block, place, 2) & 15 if version else 0
        place += 4 if version else 2  # the reference to another file besides
        base, pieces = _integer(block, place, widths[2]), _integer(block, place + widths[2], 2)
        place += widths[2] + 2
        index = widths[3] if version else 0
        step = index + widths[0] + widths[1]
        ends = range(place + index, place + index + step * min(pieces, ITEMS_AT_MOST), step or 1)
        found[number] = Location(method, tuple(_extent(block, start, base, widths) for start in ends))
        place += step * pieces
    return found


def _extent(block: bytes, place: int, base: int, widths: tuple[int, ...]) -> tuple[int, int]:
    return base + _integer(block, place, widths[0]), _integer(block, place + widths[0], widths[1])


def _integer(block: bytes, place: int, width: int) -> int:
    """A number of `width` bytes. Raises OutsideError beyond the end of the block."""
    if place + width > len(block):
        raise OutsideError
    return int.from_bytes(block[place : place + width], "big")


def _size(block: bytes, properties: Box | None) -> tuple[int, int] | None:
    """(width, height) of the largest picture; thumbnails and alpha planes are described alike."""
    if properties is None:
        return None
    inner = (box for box in boxes_in(block, properties.start, properties.end) if box.kind == b"ipco")
    sizes = [
        (_integer(block, box.start + 4, 4), _integer(block, box.start + 8, 4))
        for container in inner
        for box in boxes_in(block, container.start, container.end)
        if box.kind == b"ispe"
    ]
    return max(sizes, default=None)


def _read_item(stream: BinaryIO, kind: str, location: Location, base: int, found: Findings) -> None:
    end = stream.seek(0, SEEK_END)
    starts = [(offset + (base if location.method else 0), length) for offset, length in location.extents]
    pieces = [(start, min(length, end - start)) for start, length in starts if start < end]
    if location.method > 1 or not found.spend(sum(length for _, length in pieces), kind):
        return None
    data = b"".join(_piece(stream, start, length) for start, length in pieces)
    cut = len(data) < sum(length for _, length in starts)
    if kind == "XMP":
        return read_xmp(data, "avif", found, cut=cut)
    start = 4 + int.from_bytes(data[:4], "big")  # of the TIFF block
    return read_exif(data[start:] if start <= len(data) else data[4:], "avif", found, cut=cut)


def _piece(stream: BinaryIO, start: int, length: int) -> bytes:
    stream.seek(start)
    return stream.read(length)
