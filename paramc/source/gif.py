"""GIF: size and comments (GIF89a, sections 18 to 24)."""

from os import SEEK_CUR
from struct import unpack
from typing import BinaryIO

from paramc.diagnostics.codes import diagnose
from paramc.source.model import Findings
from paramc.source.text import decode

SIGNATURES = (b"GIF87a", b"GIF89a")
BLOCKS_AT_MOST = 200_000  # in a frame or a comment, and as many of these: 50 MB of pixels in one frame
_COMMENT = 0xFE


def read_gif(stream: BinaryIO, found: Findings) -> None:
    """Note the size and the comments of a GIF; of frames only the lengths of their blocks are read."""
    stream.seek(6)
    head = stream.read(7)
    if len(head) == 7:
        width, height, flags = unpack("<HHB", head[:5])
        found.size = (width, height)
        stream.seek(_palette(flags), SEEK_CUR)
        if _read_blocks(stream, found):
            return
    found.report(diagnose("PC106", format="GIF", place="its blocks"))


def _read_blocks(stream: BinaryIO, found: Findings) -> bool:
    """Walk to the trailer; False when the file ends before it."""
    for _ in range(BLOCKS_AT_MOST):
        kind = stream.read(1)
        if kind == b";":
            return True
        if kind == b"!":
            label = stream.read(1)
            data, whole = _join_blocks(stream, found.left if label == bytes([_COMMENT]) else 0)
        elif kind == b",":
            frame = stream.read(9)
            stream.seek(_palette(frame[8]) + 1 if len(frame) == 9 else 0, SEEK_CUR)
            data, whole = _join_blocks(stream, 0)
        else:
            return False
        if data and found.spend(len(data), "comment"):
            found.add("gif", "comment", decode(data, "utf-8"), cut=not whole)
        if not whole:
            return False
    return False


def _join_blocks(stream: BinaryIO, keep: int) -> tuple[bytes, bool]:
    """The first bytes of a chain of blocks of up to 255 bytes, little more than `keep`; and whether the chain ends."""
    data = bytearray()
    for _ in range(BLOCKS_AT_MOST):
        length = stream.read(1)
        if length in (b"\0", b""):
            return bytes(data), length == b"\0"
        if len(data) < keep:
            data += stream.read(length[0])
        else:
            stream.seek(length[0], SEEK_CUR)
    return bytes(data), False


def _palette(flags: int) -> int:
    """Bytes of the colour table that `flags` announces."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
