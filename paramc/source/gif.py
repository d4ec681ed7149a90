"""GIF: size and comments (GIF89a, sections 18 to 24)."""

from os import SEEK_CUR
from struct import unpack
from typing import BinaryIO

from paramc.diagnostics.codes import diagnose
from paramc.source.model import Findings
from paramc.source.text import decode

SIGNATURES = (b"GIF87a", b"GIF89a")
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
    while (kind := stream.read(1)) != b";":
        if kind == b"!":
            label = stream.read(1)
            data = _join_blocks(stream, keep=label == bytes([_COMMENT]))
        elif kind == b",":
            frame = stream.read(9)
            stream.seek(_palette(frame[8]) + 1 if len(frame) == 9 else 0, SEEK_CUR)
            data = _join_blocks(stream, keep=False)
        else:
            return False
        if data is None:
            return False
        if data and found.spend(len(data), "comment"):
            text = decode(data, "utf-8")
            found.add("gif", "comment", text.text, text.encoding, replaced=text.replaced)
    return True


def _join_blocks(stream: BinaryIO, *, keep: bool) -> bytes | None:
    """The data of a chain of blocks of at most 255 bytes each (empty unless kept); None when the file ends in it."""
    parts: list[bytes] = []
    while length := stream.read(1):
        if length == b"\0":
            return b"".join(parts)
        if keep:
            parts.append(stream.read(length[0]))
        else:
            stream.seek(length[0], SEEK_CUR)
    return None


def _palette(flags: int) -> int:
    """Bytes of the colour table that `flags` announces."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
