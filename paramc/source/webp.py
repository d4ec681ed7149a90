"""WebP: size, EXIF block and XMP packet of the RIFF container (RFC 9649)."""

from os import SEEK_END
from struct import unpack
from typing import BinaryIO

from paramc.diagnostics.codes import diagnose
from paramc.source.exif import read_exif
from paramc.source.model import Findings
from paramc.source.xmp import read_xmp

CHUNKS_AT_MOST = 100_000
_READ = {b"EXIF", b"XMP "}
HEAD_BYTES = {b"VP8X": 10, b"VP8 ": 10, b"VP8L": 5}  # as much as the size of the picture needs


def read_webp(stream: BinaryIO, found: Findings) -> None:
    """Note the size and the EXIF and XMP texts of a WebP; pixels are skipped unread."""
    end = stream.seek(0, SEEK_END)
    place = stream.seek(12)
    for _ in range(CHUNKS_AT_MOST):
        head = stream.read(8)
        if len(head) < 8:
            return None
        kind, length = unpack("<4sI", head)
        name = kind.decode("latin-1").strip()
        there = min(length, end - place - 8)  # what the file still has: lengths may lie
        if kind in _READ and found.spend(there, name):
            body = stream.read(there)
            if kind == b"EXIF":
                read_exif(body, "webp", found, cut=there < length)
            else:
                read_xmp(body, "webp", found, cut=there < length)
        elif kind in HEAD_BYTES and found.size is None:
            found.size = frame_size(kind, stream.read(HEAD_BYTES[kind]))
        place = stream.seek(place + 8 + length + length % 2)
        if place - length % 2 > end:
            return found.report(diagnose("PC106", format="WebP", place=f"chunk `{name}`"))
    return found.report(diagnose("PC109", chunk="RIFF"))


def frame_size(kind: bytes, head: bytes) -> tuple[int, int] | None:
    """(width, height) of the canvas, the lossy or the lossless frame."""
    if len(head) < HEAD_BYTES.get(kind, len(head) + 1):
        return None
    if kind == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8 ":
        width, height = unpack("<HH", head[6:10])
        return width & 0x3FFF, height & 0x3FFF
    bits = int.from_bytes(head[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
