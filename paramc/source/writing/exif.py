"""One tag of an EXIF block exchanged; folders are copied behind the block, so every foreign value keeps its place."""

from collections.abc import Iterator
from struct import error, pack, unpack_from
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import SourceError
from paramc.source.exif import ENTRIES_AT_MOST, EXIF_FOLDER, PREFIX, WIDTHS, Order

EMPTY = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"  # a big-endian block with a main folder without fields
ASCII, LONG, UNDEFINED = 2, 4, 7


class Tag(NamedTuple):
    """A field to be written: in the Exif folder or in the main one."""

    number: int
    kind: int
    in_exif: bool


class Folder(NamedTuple):
    """The fields of a folder, 12 bytes each, and the four bytes that lead to the next folder."""

    fields: tuple[bytes, ...]
    following: bytes


def with_tag(block: bytes | None, tag: Tag, value: bytes | None) -> bytes:
    """The block with `value` under `tag`, or without that tag for None. The old value is blanked out.

    Raises SourceError for a block that cannot be understood: nothing foreign is ever thrown away.
    """
    block = EMPTY if block is None else block.removeprefix(PREFIX)
    try:
        return _with_tag(block, tag, value)
    except (error, IndexError) as malformed:
        raise SourceError(diagnose("PC117", reason="its EXIF data is malformed")) from malformed


def _with_tag(block: bytes, tag: Tag, value: bytes | None) -> bytes:
    if block[:4] not in (b"II*\0", b"MM\0*"):
        raise IndexError
    order: Order = "<" if block[:1] == b"I" else ">"
    start = unpack_from(f"{order}I", block, 4)[0]
    main = _folder(block, order, start)
    if not tag.in_exif:
        block = _blanked(block, order, main, tag.number)
        block, place = _appended(block, order, main, tag, value)
        return block[:4] + pack(f"{order}I", place) + block[8:]
    pointer = _find(main, order, EXIF_FOLDER)
    if pointer is None and value is None:
        return block
    inner = Folder((), bytes(4)) if pointer is None else _folder(block, order, unpack_from(f"{order}I", pointer, 8)[0])
    block = _blanked(block, order, inner, tag.number)
    block, place = _appended(block, order, inner, tag, value)
    block, start = _appended(block, order, main, Tag(EXIF_FOLDER, LONG, False), pack(f"{order}I", place))
    return block[:4] + pack(f"{order}I", start) + block[8:]


def _folder(block: bytes, order: Order, place: int) -> Folder:
    """Raises struct.error and IndexError outside the block."""
    count = unpack_from(f"{order}H", block, place)[0]
    end = place + 2 + 12 * count
    if count > ENTRIES_AT_MOST or end > len(block):
        raise IndexError
    fields = tuple(block[start : start + 12] for start in range(place + 2, end, 12))
    return Folder(fields, block[end : end + 4].ljust(4, b"\0"))  # some writers leave the last link out


def _find(folder: Folder, order: Order, number: int) -> bytes | None:
    return next((field for field in folder.fields if unpack_from(f"{order}H", field)[0] == number), None)


def _appended(block: bytes, order: Order, folder: Folder, tag: Tag, value: bytes | None) -> tuple[bytes, int]:
    """The block with a copy of the folder at its end in which `tag` is exchanged, and the place of that copy."""
    block += bytes(len(block) % 2)
    kept = {unpack_from(f"{order}H", field)[0]: field for field in reversed(folder.fields)}
    kept.pop(tag.number, None)
    if value is not None:
        count = len(value) if tag.kind != LONG else 1
        inside = value.ljust(4, b"\0") if len(value) <= 4 else pack(f"{order}I", len(block))
        kept[tag.number] = pack(f"{order}HHI", tag.number, tag.kind, count) + inside
        if len(value) > 4:
            block += value + bytes(len(value) % 2)
    fields = b"".join(field for _, field in sorted(kept.items()))
    return block + pack(f"{order}H", len(kept)) + fields + folder.following, len(block)


def _blanked(block: bytes, order: Order, folder: Folder, number: int) -> bytes:
    """The block with NULs where the value of `number` lies, unless another field's value lies there too."""
    spans = dict(_spans(block, order, folder))
    span = spans.pop(number, None)
    if span is None or span[1] > len(block) or any(start < span[1] and span[0] < end for start, end in spans.values()):
        return block
    return block[: span[0]] + bytes(span[1] - span[0]) + block[span[1] :]


def _spans(block: bytes, order: Order, folder: Folder) -> Iterator[tuple[int, tuple[int, int]]]:
    """Tag and place of every value that lies outside its field."""
    for field in folder.fields:
        tag, kind, count, place = unpack_from(f"{order}HHII", field)
        length = count * WIDTHS.get(kind, 8)
        if length > 4:
            yield tag, (place, place + length)
