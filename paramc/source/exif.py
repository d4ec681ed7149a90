"""EXIF: the few text tags that programs put settings into (TIFF 6.0, section 2; Exif 2.32, 4.6)."""

from collections.abc import Iterator
from struct import unpack_from
from typing import Literal, NamedTuple, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.source.model import Findings
from paramc.source.text import Decoded, decode, decode_text, decode_wide

PREFIX = b"Exif\0\0"
NAMES = {
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x013B: "Artist",
    0x9286: "UserComment",
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9E: "XPKeywords",
    0x9C9F: "XPSubject",
}
WIDE = range(0x9C9B, 0x9CA0)  # UTF-16, little-endian whatever the order of the block
EXIF_FOLDER = 0x8769
USER_COMMENT = 0x9286
ENTRIES_AT_MOST = 4096
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 13: 4, 129: 1}  # TIFF field type -> bytes; 129 is UTF-8, Exif 3.0
Order: TypeAlias = Literal["<", ">"]


class Entry(NamedTuple):
    """One field of a folder: its value lies in `[start, end)` of the block."""

    tag: int
    start: int
    end: int


def read_exif(block: bytes, carrier: str, found: Findings, *, cut: bool = False) -> None:
    """Note the text tags of an EXIF block, from the main folder and from the Exif folder inside it.

    cut: the file ends inside the block, so a text that reaches beyond it was cut off.
    """
    block = block.removeprefix(PREFIX)
    order = _byte_order(block)
    if order is None:
        return None if cut else found.report(diagnose("PC110", place=carrier))
    for entry in _entries(block, order, _number(block, order, 4)):
        if entry.tag != EXIF_FOLDER:
            _read_tag(block, entry, f"{carrier}:IFD0", found, cut=cut)
            continue
        for inner in _entries(block, order, _number(block, order, entry.start)):
            _read_tag(block, inner, f"{carrier}:Exif", found, cut=cut)
    return None


def _byte_order(block: bytes) -> Order | None:
    if len(block) < 8 or block[:4] not in (b"II*\0", b"MM\0*"):
        return None
    return "<" if block[:1] == b"I" else ">"


def _number(block: bytes, order: Order, place: int) -> int:
    value: int = unpack_from(f"{order}I", block, place)[0]
    return value


def _entries(block: bytes, order: Order, place: int) -> Iterator[Entry]:
    """The wanted fields of the folder at `place`; what points outside the block is given with an end beyond it."""
    if place + 2 > len(block):
        return
    count = min(unpack_from(f"{order}H", block, place)[0], ENTRIES_AT_MOST, (len(block) - place - 2) // 12)
    for start in range(place + 2, place + 2 + count * 12, 12):
        tag, kind, items = unpack_from(f"{order}HHI", block, start)
        if tag == EXIF_FOLDER:
            yield Entry(tag, start + 8, start + 12)
        elif tag in NAMES and kind in WIDTHS:
            length = items * WIDTHS[kind]
            where = start + 8 if length <= 4 else _number(block, order, start + 8)
            yield Entry(tag, where, where + length)


def _read_tag(block: bytes, entry: Entry, place: str, found: Findings, *, cut: bool) -> None:
    name = NAMES.get(entry.tag)
    if name is None:
        return
    outside = entry.end > len(block)
    if outside and not cut:
        found.report(diagnose("PC110", place=name))
    data = block[entry.start : entry.end]
    if data and found.spend(len(data), name):
        found.add(place, name, _decode_tag(entry.tag, data), cut=cut and outside)


def _decode_tag(tag: int, data: bytes) -> Decoded:
    if tag == USER_COMMENT:
        return decode_comment(data)
    return decode(data[: len(data) & ~1], "utf-16-le") if tag in WIDE else _decode_ascii(data.rstrip(b"\0"))


def decode_comment(data: bytes) -> Decoded:
    """A UserComment: eight bytes name the character set; programs that forget them write UTF-8 or UTF-16."""
    match data[:8]:
        case b"UNICODE\0":
            return decode_wide(data[8:])
        case b"ASCII\0\0\0":
            return _decode_ascii(data[8:])
        case b"JIS\0\0\0\0\0":
            return decode(data[8:], "iso2022_jp")
        case b"\0\0\0\0\0\0\0\0":
            return _guess(data[8:])
        case _:
            return _guess(data)


def _decode_ascii(data: bytes) -> Decoded:
    as_utf8 = decode(data, "utf-8")
    return decode(data, "latin-1") if as_utf8.replaced else as_utf8


def _guess(data: bytes) -> Decoded:
    """UTF-8 after all where nothing fits, its damage counted."""
    return decode_text(data.rstrip(b"\0")) or decode_text(data) or decode(data, "utf-8")
