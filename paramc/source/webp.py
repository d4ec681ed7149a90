"""WebP: size and EXIF block of the RIFF container (RFC 9649)."""

from os import SEEK_END
from struct import unpack
from typing import BinaryIO

from paramc.diagnostics.codes import diagnose
from paramc.source.exif import read_exif
from paramc.source.model import Findings

CHUNKS_AT_MOST = 100_000
_HEAD_BYTES = {b"VP8X": 10, b"VP8 ": 10, b"VP8L": 5}  # as much as the size of the picture needs


def read_webp(stream: BinaryIO, found: Findings) -> None:
    """Note the size and the EXIF texts of a WebP; pixels are skipped unread."""
    end = stream.seek(0, SEEK_END)
    place = stream.seek(12)
    for _ in range(CHUNKS_AT_MOST):
        head = stream.read(8)
        if len(head) < 8:
            return None
        kind, length = unpack("<4sI", head)
        if kind == b"EXIF" and found.spend(min(length, end - place), "EXIF"):
            read_exif(stream.read(length), "webp", found)
        elif kind in _HEAD_BYTES and found.size is None:
            found.size = _size(kind, stream.read(_HEAD_BYTES[kind]))
        place = stream.seek(place + 8 + length + length % 2)
        if place - length % 2 > end:
            name = kind.decode("latin-1").strip()
            return found.report(diagnose("PC106", format="WebP", place=f"chunk `{name}`"))
    return found.report(diagnose("PC109", chunk="RIFF"))


def _size(kind: bytes, head: bytes) -> tuple[int, int] | None:
    """(width, height) of the canvas, the lossy or the lossless frame."""
    if len(head) < _HEAD_BYTES[kind]:
        return None
    if kind == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8 ":
        width, height = unpack("<HH", head[6:10])
        return width & 0x3FFF, height & 0x3FFF
    bits = int.from_bytes(head[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
