"""Text chunks of a PNG exchanged; every other byte stays where it is."""

import zlib
from collections.abc import Callable, Iterator
from struct import pack, unpack_from
from typing import NamedTuple

from paramc.source.png import SIGNATURE, XMP_KEY

TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"comf")
PACKET = "XMP"  # stands for the key of the XMP packet


class Piece(NamedTuple):
    """A chunk with all its bytes; the last one may be cut, or be what lies behind the end."""

    kind: bytes
    data: bytes

    @property
    def key(self) -> str:
        """The key of a text chunk, empty for any other."""
        if self.kind not in TEXTS:
            return ""
        key = self.data[8:-4].partition(b"\0")[0]
        return PACKET if key == XMP_KEY else key.decode("latin-1")


def pieces(data: bytes) -> Iterator[Piece]:
    """The chunks of a PNG behind its signature."""
    place = len(SIGNATURE)
    while place < len(data):
        length = unpack_from(">I", data, place)[0] if place + 8 <= len(data) else len(data)
        kind = data[place + 4 : place + 8]
        end = len(data) if kind == b"IEND" else place + 12 + length
        yield Piece(kind, data[place:end])
        place = end


def with_texts(data: bytes, texts: dict[str, str], drops: Callable[[str], bool]) -> bytes:
    """The file with `texts` before its pixels, and without the text chunks whose key `drops`."""
    gone = (piece for piece in pieces(data) if not (piece.key and (piece.key in texts or drops(piece.key))))
    result, written = [SIGNATURE], False
    for piece in gone:
        if not written and piece.kind in (b"IDAT", b"IEND"):
            result += [text_chunk(key, text) for key, text in texts.items()]
            written = True
        result.append(piece.data)
    return b"".join(result)


def text_chunk(key: str, text: str) -> bytes:
    """tEXt where Latin-1 can say it, else iTXt: what image libraries do, so every reader knows both."""
    try:
        return chunk(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        return chunk(b"iTXt", key.encode("latin-1", "replace") + b"\0\0\0\0\0" + text.encode("utf-8", "replace"))


def with_exif(data: bytes, change: Callable[[bytes | None], bytes | None]) -> bytes:
    """The file with its EXIF chunk changed, if it has one."""
    return SIGNATURE + b"".join(_changed(piece, change) for piece in pieces(data))


def _changed(piece: Piece, change: Callable[[bytes | None], bytes | None]) -> bytes:
    if piece.kind != b"eXIf":
        return piece.data
    block = piece.data[8:-4]
    changed = change(block)
    return piece.data if changed == block else b"" if changed is None else chunk(b"eXIf", changed)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(body, zlib.crc32(kind)))
