"""The EXIF segment of a JPEG exchanged; every other byte stays as it is."""

from collections.abc import Callable, Iterator
from struct import pack, unpack_from
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import SourceError
from paramc.source.exif import PREFIX
from paramc.source.jpeg import XMP_MORE, XMP_PREFIX

SEGMENT_AT_MOST = 0xFFFF - 2  # bytes of a segment behind its length
_APP0, _APP1, _COMMENT, _SCAN = 0xE0, 0xE1, 0xFE, 0xDA
_ALONE = {0x01, *range(0xD0, 0xD9)}


class Segment(NamedTuple):
    """A segment with all its bytes; the last one is the rest of the file, from the pixels on."""

    marker: int
    data: bytes

    @property
    def body(self) -> bytes:
        """What follows marker and length."""
        return self.data[4:]


def segments(data: bytes) -> Iterator[Segment]:
    """The segments of a JPEG behind its first marker."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != _SCAN:
        marker = data[place + 1]
        length = 0 if marker in _ALONE else 1 if marker == 0xFF else unpack_from(">H", data, place + 2)[0] + 2
        end = place + (length or 2)
        yield Segment(marker, data[place:end])
        place = end
    yield Segment(_SCAN, data[place:])


def with_exif(data: bytes, change: Callable[[bytes | None], bytes | None]) -> bytes:
    """The file with its EXIF block changed; a new one goes before all segments but the first of JFIF.

    Raises SourceError for a block too long for a segment.
    """
    parts = list(segments(data))
    place = next((n for n, part in enumerate(parts) if part.marker == _APP1 and part.body.startswith(PREFIX)), None)
    block = None if place is None else parts[place].body.removeprefix(PREFIX)
    changed = change(block)
    if changed == block:
        return data
    new = [] if changed is None else [_segment(PREFIX + changed)]
    if place is None:
        place = 1 if parts[0].marker == _APP0 else 0
        return b"".join(
            (data[:2], *(part.data for part in parts[:place]), *new, *(part.data for part in parts[place:]))
        )
    return b"".join(
        (data[:2], *(part.data for part in parts[:place]), *new, *(part.data for part in parts[place + 1 :]))
    )


def without(data: bytes, drops_comment: Callable[[bytes], bool], *, xmp: bool) -> bytes:
    """The file without the comments that `drops_comment` names, and without its XMP packets where `xmp`."""
    kept = (
        part.data
        for part in segments(data)
        if not (part.marker == _COMMENT and drops_comment(part.body))
        and not (xmp and part.marker == _APP1 and part.body.startswith((XMP_PREFIX, XMP_MORE)))
    )
    return data[:2] + b"".join(kept)


def _segment(body: bytes) -> bytes:
    if len(body) > SEGMENT_AT_MOST:
        raise SourceError(diagnose("PC117", reason=f"a JPEG holds at most {SEGMENT_AT_MOST} bytes of EXIF data"))
    return bytes((0xFF, _APP1)) + pack(">H", len(body) + 2) + body
