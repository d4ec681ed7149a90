"""The EXIF chunk of a WebP exchanged; the frames stay as they are (RFC 9649, 2.7)."""

from collections.abc import Callable, Iterator
from struct import pack, unpack_from
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import SourceError
from paramc.source.exif import PREFIX
from paramc.source.webp import frame_size

ALPHA_FLAG, EXIF_FLAG, XMP_FLAG = 0x10, 0x08, 0x04
_LOSSLESS_ALPHA = 0x10  # of the fifth byte of a lossless frame


class Piece(NamedTuple):
    """A chunk of the container, its padding left out."""

    kind: bytes
    body: bytes

    @property
    def data(self) -> bytes:
        """The chunk as it lies in the file."""
        return self.kind + pack("<I", len(self.body)) + self.body + bytes(len(self.body) % 2)


def with_exif(data: bytes, change: Callable[[bytes | None], bytes | None], *, xmp: bool = True) -> bytes:
    """The file with its EXIF block changed, in the extended form that such a block needs; without XMP where not `xmp`.

    Raises SourceError for a file that cannot be understood.
    """
    length = unpack_from("<I", data, 4)[0] + 8
    pieces = list(_pieces(data[:length]))
    old = next((piece.body for piece in pieces if piece.kind == b"EXIF"), None)
    block = None if old is None else old.removeprefix(PREFIX)
    changed = change(block)
    drops = not xmp and any(piece.kind == b"XMP " for piece in pieces)
    if changed == block and not drops:
        return data
    kept = [piece for piece in pieces if piece.kind not in (b"EXIF", b"VP8X") and (xmp or piece.kind != b"XMP ")]
    if changed is not None:
        place = next((n for n, piece in enumerate(kept) if piece.kind == b"XMP "), len(kept))
        kept.insert(place, Piece(b"EXIF", changed))
    body = b"".join(piece.data for piece in (_head(pieces, kept), *kept))
    return b"RIFF" + pack("<I", len(body) + 4) + b"WEBP" + body + data[length:]


def _pieces(data: bytes) -> Iterator[Piece]:
    place = 12
    while place + 8 <= len(data):
        kind, length = unpack_from("<4sI", data, place)
        if place + 8 + length > len(data):
            raise SourceError(diagnose("PC117", reason="the file is cut off"))
        yield Piece(kind, data[place + 8 : place + 8 + length])
        place += 8 + length + length % 2


def _head(pieces: list[Piece], kept: list[Piece]) -> Piece:
    """The chunk that announces what follows; made from the only frame where there was none."""
    head = next((piece.body for piece in pieces if piece.kind == b"VP8X"), None) or _new_head(pieces)
    kinds = {piece.kind for piece in kept}
    announced = (EXIF_FLAG if b"EXIF" in kinds else 0) | (XMP_FLAG if b"XMP " in kinds else 0)
    return Piece(b"VP8X", bytes((head[0] & ~(EXIF_FLAG | XMP_FLAG) | announced,)) + head[1:])


def _new_head(pieces: list[Piece]) -> bytes:
    for piece in pieces:
        size = frame_size(piece.kind, piece.body)
        if size is not None:
            alpha = piece.kind == b"VP8L" and piece.body[4] & _LOSSLESS_ALPHA
            width, height = size
            flags = bytes((ALPHA_FLAG if alpha else 0, 0, 0, 0))
            return flags + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    raise SourceError(diagnose("PC117", reason="it holds no frame"))
