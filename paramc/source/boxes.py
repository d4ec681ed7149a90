"""The boxes that AVIF and MP4 files are made of (ISO 14496-12, 4.2)."""

from collections.abc import Iterator
from struct import unpack_from
from typing import BinaryIO, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.source.model import Findings

BOXES_AT_MOST = 10_000


class Box(NamedTuple):
    """A box whose body is `[start, end)` of the block or file."""

    kind: bytes
    start: int
    end: int


def file_boxes(stream: BinaryIO, start: int, end: int, title: str, found: Findings) -> Iterator[Box]:
    """The boxes in `[start, end)` of a file; the last may reach beyond. What is no box ends the walk with a report."""
    for _ in range(BOXES_AT_MOST):
        if start >= end:
            return None
        stream.seek(start)
        box = box_of(stream.read(16), start, end)
        if box is None:
            return found.report(diagnose("PC106", format=title, place="its list of boxes"))
        yield box
        start = box.end
        if start > end:
            name = box.kind.decode("latin-1")
            return found.report(diagnose("PC106", format=title, place=f"box `{name}`"))
    return found.report(diagnose("PC109", chunk="meta"))


def boxes_in(block: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes inside `[start, end)` of a block, as far as they are sound."""
    while start < end and (box := box_of(block[start : start + 16], start, end)) and box.end <= end:
        yield box
        start = box.end


def box_of(head: bytes, place: int, end: int) -> Box | None:
    """The box whose first 16 bytes are `head`; None where none begins."""
    if len(head) < 8:
        return None
    length, kind = unpack_from(">I4s", head)
    start = 8
    if length == 1 and len(head) >= 16:
        length, start = unpack_from(">Q", head, 8)[0], 16
    elif length == 0:
        length = end - place
    return Box(kind, place + start, place + length) if length >= start else None
