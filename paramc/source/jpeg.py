"""JPEG: the EXIF block, the XMP packet and the comments before the pixels (ITU T.81, annex B; XMP part 3, 1.1.3)."""

from os import SEEK_CUR, SEEK_END
from struct import unpack
from typing import BinaryIO, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.source.exif import PREFIX, read_exif
from paramc.source.model import Findings
from paramc.source.text import decode
from paramc.source.xmp import read_xmp

SIGNATURE = b"\xff\xd8\xff"
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"  # then 32 bytes of name, four of length, four of place
_MORE_HEAD = len(XMP_MORE) + 40
SEGMENTS_AT_MOST = 50_000
FILL_AT_MOST = 50_000  # bytes in front of a marker
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 … SOF15 without DHT, JPG, DAC
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_APP1, _COMMENT, _SCAN, _END = 0xE1, 0xFE, 0xDA, 0xD9
_READ = {_APP1, _COMMENT, *_FRAMES}


class Segment(NamedTuple):
    """A marker and what follows it; `cut`: the file ends inside."""

    marker: int
    body: bytes
    cut: bool = False


def read_jpeg(stream: BinaryIO, found: Findings) -> None:
    """Note size, EXIF and XMP texts and comments of a JPEG; the walk ends where the pixels begin."""
    end = stream.seek(0, SEEK_END)
    stream.seek(2)
    parts: list[bytes] = []  # of an XMP packet too long for a segment
    for _ in range(SEGMENTS_AT_MOST):
        marker = _marker(stream)
        if marker in (_SCAN, _END):
            break
        if marker in _ALONE:
            continue
        head = stream.read(2)
        length = unpack(">H", head)[0] - 2 if len(head) == 2 else -1
        cut = stream.tell() + length > end
        if marker is not None and marker in _READ and length >= 0:
            _read_segment(Segment(marker, stream.read(length), cut), parts, found)
        if marker is None or length < 0 or cut:
            found.report(diagnose("PC106", format="JPEG", place="its header"))
            break
        if marker not in _READ:
            stream.seek(length, SEEK_CUR)
    else:
        found.report(diagnose("PC109", chunk="APP1"))
    if parts:
        read_xmp(b"".join(parts), "jpeg", found)


def _marker(stream: BinaryIO) -> int | None:
    """The code of the next marker, fill bytes skipped; None at the end of the file and between markers."""
    if stream.read(1) != b"\xff":
        return None
    codes = (stream.read(1) for _ in range(FILL_AT_MOST))
    code = next((code for code in codes if code != b"\xff"), b"")
    return code[0] if code else None


def _read_segment(segment: Segment, parts: list[bytes], found: Findings) -> None:
    marker, body, cut = segment
    if marker in _FRAMES:
        if len(body) >= 5:
            height, width = unpack(">HH", body[1:5])
            found.size = (width, height)
    elif marker == _APP1:
        _read_application(body, parts, found, cut=cut)
    elif found.spend(len(body), "comment"):
        found.add("jpeg", "comment", decode(body, "utf-8"), cut=cut)


def _read_application(body: bytes, parts: list[bytes], found: Findings, *, cut: bool) -> None:
    if body.startswith(PREFIX) and found.spend(len(body), "Exif"):
        read_exif(body, "jpeg", found, cut=cut)
    elif body.startswith(XMP_PREFIX) and found.spend(len(body), "XMP"):
        read_xmp(body[len(XMP_PREFIX) :], "jpeg", found, cut=cut)
    elif body.startswith(XMP_MORE) and found.spend(len(body), "XMP"):
        parts.append(body[_MORE_HEAD:])
