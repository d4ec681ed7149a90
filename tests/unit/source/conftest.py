"""Image files made byte by byte, as small as their formats allow."""

import zlib
from struct import pack

import pytest

SETTINGS = "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7"


class Build:
    """Writers of minimal PNG, EXIF, JPEG, WebP and GIF files."""

    settings = SETTINGS

    def chunk(self, kind: bytes, body: bytes) -> bytes:
        return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body))

    def png(self, *chunks: bytes, after: bytes = b"") -> bytes:
        """A 3 x 2 PNG; `chunks` before the pixels, `after` behind them."""
        head = self.chunk(b"IHDR", pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0))
        pixels = self.chunk(b"IDAT", zlib.compress(bytes(8)))
        return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + pixels + after + self.chunk(b"IEND", b"")

    def text(self, key: str, data: bytes) -> bytes:
        return self.chunk(b"tEXt", key.encode() + b"\0" + data)

    def packed(self, key: str, data: bytes) -> bytes:
        return self.chunk(b"zTXt", key.encode() + b"\0\0" + zlib.compress(data))

    def international(self, key: str, data: bytes, *, packed: bool = False) -> bytes:
        body = zlib.compress(data) if packed else data
        return self.chunk(b"iTXt", key.encode() + b"\0" + bytes([packed, 0]) + b"en\0key\0" + body)

    def exif(self, comment: bytes | None = None, *, order: str = ">", main: dict[int, bytes] | None = None) -> bytes:
        """A TIFF block: `main` are tags of the main folder, `comment` a UserComment in the Exif folder."""
        entries = dict(main or {})
        count = len(entries) + (comment is not None)
        mark = b"MM\0*" if order == ">" else b"II*\0"
        place = 8 + 2 + 12 * count + 4
        folder, values = pack(f"{order}H", count), b""
        for tag, value in entries.items():
            kind = 7 if tag == 0x9286 else 2
            folder += pack(f"{order}HHII", tag, kind, len(value), place + len(values))
            values += value
        if comment is not None:
            folder += pack(f"{order}HHII", 0x8769, 4, 1, place + len(values))
            start = place + len(values) + 2 + 12 + 4
            values += pack(f"{order}HHHIII", 1, 0x9286, 7, len(comment), start, 0) + comment
        return mark + pack(f"{order}I", 8) + folder + pack(f"{order}I", 0) + values

    def jpeg(self, exif: bytes | None = None, *, comment: bytes | None = None) -> bytes:
        """The head of a 3 x 2 JPEG, pixels cut short by the end marker."""
        parts = b"\xff\xd8" + self.segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
        parts += self.segment(0xE1, b"Exif\0\0" + exif) if exif is not None else b""
        parts += self.segment(0xFE, comment) if comment is not None else b""
        return parts + self.segment(0xC0, pack(">BHHB", 8, 2, 3, 0)) + self.segment(0xDA, b"") + b"\xff\xd9"

    def segment(self, marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + pack(">H", len(body) + 2) + body

    def webp(self, *chunks: tuple[bytes, bytes]) -> bytes:
        body = b"".join(kind + pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
        return b"RIFF" + pack("<I", len(body) + 4) + b"WEBP" + body

    def gif(self, *comments: bytes, frames: int = 1) -> bytes:
        """A 3 x 2 GIF with a palette of two colours; comments behind the frames."""
        head = b"GIF89a" + pack("<HHBBB", 3, 2, 0x80, 0, 0) + bytes(6)
        frame = b"," + pack("<HHHHB", 0, 0, 3, 2, 0) + b"\x02\x02\x4c\x01\0"
        blocks = b"".join(b"!\xfe" + self.blocks(comment) for comment in comments)
        return head + frame * frames + blocks + b";"

    def blocks(self, data: bytes) -> bytes:
        pieces = (data[place : place + 255] for place in range(0, len(data), 255))
        return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


@pytest.fixture(scope="session")
def build() -> Build:
    return Build()
