"""JPEG: the EXIF block and the comments before the pixels (ITU T.81, annex B)."""

from os import SEEK_CUR, SEEK_END
from struct import unpack
from typing import BinaryIO

from paramc.diagnostics.codes import diagnose
from paramc.source.exif import PREFIX, read_exif
from paramc.source.model import Findings
from paramc.source.text import decode

SIGNATURE = b"\xff\xd8\xff"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 … SOF15 without DHT, JPG, DAC
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_APP1, _COMMENT, _SCAN, _END = 0xE1, 0xFE, 0xDA, 0xD9
_READ = {_APP1, _COMMENT, *_FRAMES}


def read_jpeg(stream: BinaryIO, found: Findings) -> None:
    """Note size, EXIF texts and comments of a JPEG; the walk ends where the pixels begin."""
    end = stream.seek(0, SEEK_END)
    stream.seek(2)
    while (marker := _marker(stream)) not in (_SCAN, _END):
        if marker in _ALONE:
            continue
        head = stream.read(2)
        length = unpack(">H", head)[0] - 2 if len(head) == 2 else -1
        if marker is None or length < 0 or stream.tell() + length > end:
            return found.report(diagnose("PC106", format="JPEG", place="its header"))
        if marker in _READ:
            _read_segment(marker, stream.read(length), found)
        else:
            stream.seek(length, SEEK_CUR)
    return None


def _marker(stream: BinaryIO) -> int | None:
    """The code of the next marker, fill bytes skipped; None at the end of the file and between markers."""
    if stream.read(1) != b"\xff":
        return None
    while (code := stream.read(1)) == b"\xff":
        pass
    return code[0] if code else None


def _read_segment(marker: int, body: bytes, found: Findings) -> None:
    if marker in _FRAMES and len(body) >= 5:
        height, width = unpack(">HH", body[1:5])
        found.size = (width, height)
    elif marker == _APP1 and body.startswith(PREFIX) and found.spend(len(body), "Exif"):
        read_exif(body, "jpeg", found)
    elif marker == _COMMENT and found.spend(len(body), "comment"):
        text = decode(body, "utf-8")
        found.add("jpeg", "comment", text.text, text.encoding, replaced=text.replaced)
