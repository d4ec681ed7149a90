"""MP4 and QuickTime: the texts beside a video (QuickTime File Format, "Metadata" and "User Data Text Strings")."""

from collections.abc import Iterator
from os import SEEK_END
from struct import unpack_from
from typing import BinaryIO

from paramc.source.boxes import Box, boxes_in, file_boxes
from paramc.source.model import Findings
from paramc.source.text import decode

TITLE = "MP4"
SIGN = b"\xa9"  # begins the names of user data that are texts
_DEPTH = 2  # the tracks of the film
NAMES = {b"\xa9cmt": "comment", b"\xa9des": "description", b"desc": "description"}


def read_mp4(stream: BinaryIO, found: Findings) -> None:
    """Note the size and the texts of a video; frames are skipped unread."""
    _read_boxes(stream, 0, stream.seek(0, SEEK_END), _DEPTH, found)


def _read_boxes(stream: BinaryIO, start: int, end: int, depth: int, found: Findings) -> None:
    for box in file_boxes(stream, start, end, TITLE, found):
        last = min(box.end, end)
        match box.kind:
            case b"moov" | b"trak" if depth:
                _read_boxes(stream, box.start, last, depth - 1, found)
            case b"tkhd":
                _note_size(stream, last, found)
            case b"udta" | b"meta" if found.spend(last - box.start, box.kind.decode("latin-1")):
                stream.seek(box.start)
                _read_texts(box.kind, stream.read(last - box.start), found)


def _note_size(stream: BinaryIO, end: int, found: Findings) -> None:
    """The header of a track ends in width and height, with 16 bits behind the point; sounds have none."""
    stream.seek(max(end - 8, 0))
    sides = stream.read(8)
    if len(sides) == 8 and any(sides):
        width, height = unpack_from(">II", sides)
        found.size = (width >> 16, height >> 16)


def _read_texts(kind: bytes, block: bytes, found: Findings) -> None:
    """What a box of user data or of metadata says."""
    if kind == b"meta":
        for name, text in _metadata(block):
            found.add("mp4:meta", name, decode(text, "utf-8"))
        return
    for box in boxes_in(block, 0, len(block)):
        if box.kind == b"meta":
            _read_texts(box.kind, block[box.start : box.end], found)
        elif box.kind.startswith(SIGN):
            length = int.from_bytes(block[box.start : box.start + 2], "big")
            text = block[box.start + 4 : min(box.start + 4 + length, box.end)]  # behind the number of the language
            found.add("mp4:udta", _name(box.kind, ()), decode(text, "utf-8"))


def _metadata(block: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and text of each item; names are numbers of a list, signs of four bytes, or spelt beside the text."""
    plain = block[4:8] == b"hdlr"  # QuickTime's own has no version in front
    boxes = {box.kind: box for box in boxes_in(block, 0 if plain else 4, len(block))}
    keys = tuple(_keys(block, boxes[b"keys"])) if b"keys" in boxes else ()
    items = boxes.get(b"ilst")
    for item in boxes_in(block, items.start, items.end) if items else ():
        parts = {box.kind: block[box.start : box.end] for box in boxes_in(block, item.start, item.end)}
        name = parts[b"name"][4:].decode("utf-8", "replace") if b"name" in parts else _name(item.kind, keys)
        if b"data" in parts:
            yield name, parts[b"data"][8:]  # behind type and language


def _keys(block: bytes, box: Box) -> Iterator[str]:
    for key in boxes_in(block, box.start + 8, box.end):  # behind version and count
        yield block[key.start : key.end].decode("utf-8", "replace").lower()


def _name(kind: bytes, keys: tuple[str, ...]) -> str:
    number = int.from_bytes(kind, "big")
    return keys[number - 1] if 0 < number <= len(keys) else NAMES.get(kind, kind.decode("latin-1"))
