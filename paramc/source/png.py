"""PNG: the texts in its text, EXIF and animation chunks (PNG 3rd edition, section 11.3)."""

import zlib
from collections.abc import Iterator
from os import SEEK_END
from struct import unpack
from typing import BinaryIO, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.source.exif import read_exif
from paramc.source.model import Findings
from paramc.source.text import Decoded, decode
from paramc.source.xmp import read_xmp

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNKS_AT_MOST = 100_000
XMP_KEY = b"XML:com.adobe.xmp"
_PROFILE = b"Raw profile type "  # an EXIF or XMP block in hexadecimal digits, as converters keep what they do not know
_READ = {b"IHDR", b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"comf"}
_OVERHEAD = 12  # bytes of a chunk beside its body: length, type, checksum


class Chunk(NamedTuple):
    """A chunk worth reading; `cut`: the file ends inside it."""

    kind: bytes
    body: bytes
    cut: bool

    @property
    def name(self) -> str:
        """Its type as a message prints it."""
        return self.kind.decode("latin-1")


def read_png(stream: BinaryIO, found: Findings) -> None:
    """Note the size and the texts of a PNG, those behind the pixels included; pixels are skipped unread."""
    for chunk in _chunks(stream, found):
        match chunk.kind:
            case b"IHDR" if len(chunk.body) >= 8:
                found.size = unpack(">II", chunk.body[:8])
            case b"tEXt" | b"comf":
                _read_plain(chunk, found)
            case b"zTXt":
                _read_packed(chunk, found)
            case b"iTXt":
                _read_international(chunk, found)
            case b"eXIf":
                read_exif(chunk.body, "png", found, cut=chunk.cut)
            case _:
                found.report(diagnose("PC109", chunk=chunk.name))


def _chunks(stream: BinaryIO, found: Findings) -> Iterator[Chunk]:
    """Each chunk worth reading; a cut or oversized file ends the walk with a report."""
    end = stream.seek(0, SEEK_END)
    place = stream.seek(len(SIGNATURE))
    for _ in range(CHUNKS_AT_MOST):
        head = stream.read(8)
        if len(head) < 8:
            return found.report(diagnose("PC106", format="PNG", place="its list of chunks"))
        length, kind = unpack(">I4s", head)
        if kind == b"IEND":
            return None
        name = kind.decode("latin-1")
        there = min(length, end - place - 8)  # what the file still has: lengths may lie
        if kind in _READ and found.spend(there, name):
            body = stream.read(there)
            yield Chunk(kind, body, len(body) < length)
            if len(body) == length and not found.is_ruined:
                _verify(kind, body, stream.read(4), found)
        place = stream.seek(place + length + _OVERHEAD)
        if place > end:
            return found.report(diagnose("PC106", format="PNG", place=f"chunk `{name}`"))
    return found.report(diagnose("PC109", chunk="IEND"))


def _verify(kind: bytes, body: bytes, checksum: bytes, found: Findings) -> None:
    if checksum != zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big"):
        found.report(diagnose("PC107", chunk=kind.decode("latin-1")))


def _read_plain(chunk: Chunk, found: Findings) -> None:
    key, separator, data = chunk.body.partition(b"\0")
    if not separator:
        return found.report(diagnose("PC109", chunk=chunk.name))
    return _add(chunk, key, _latin_or_utf8(data), found)


def _read_packed(chunk: Chunk, found: Findings) -> None:
    key, separator, data = chunk.body.partition(b"\0")
    if not separator or data[:1] != b"\0":
        return found.report(diagnose("PC109", chunk="zTXt"))
    text = _unpack("zTXt", data[1:], found)
    if text is None:
        return None
    if key.startswith(_PROFILE):
        return _read_profile(key, text, found)
    return _add(chunk, key, _latin_or_utf8(text), found)


def _read_international(chunk: Chunk, found: Findings) -> None:
    key, separator, rest = chunk.body.partition(b"\0")
    parts = rest[2:].split(b"\0", 2)
    if not separator or len(parts) < 3:
        return found.report(diagnose("PC109", chunk="iTXt"))
    packed, text = rest[0] == 1, parts[2]
    plain = _unpack("iTXt", text, found) if packed else text
    if plain is None:
        return None
    if key == XMP_KEY:
        return read_xmp(plain, "png", found, cut=chunk.cut)
    return _add(chunk, key, decode(plain, "utf-8"), found)


def _read_profile(key: bytes, text: bytes, found: Findings) -> None:
    """Name, length and digits, a line each and more."""
    try:
        block = bytes.fromhex(text.split(maxsplit=2)[2].decode("ascii"))
    except (IndexError, ValueError):
        return found.report(diagnose("PC109", chunk="zTXt"))
    return read_xmp(block, "png", found) if key.endswith(b"xmp") else read_exif(block, "png", found)


def _unpack(chunk: str, data: bytes, found: Findings) -> bytes | None:
    """The inflated text; None, with a report, for damage and for texts that would not fit the budget."""
    try:
        text = zlib.decompressobj().decompress(data, found.left + 1)
    except zlib.error:
        found.report(diagnose("PC109", chunk=chunk))
        return None
    return text if found.spend(len(text), chunk) else None


def _latin_or_utf8(data: bytes) -> Decoded:
    """The standard says Latin-1, some programs write UTF-8: whatever is valid UTF-8 was meant so."""
    as_utf8 = decode(data, "utf-8")
    return decode(data, "latin-1") if as_utf8.replaced else as_utf8


def _add(chunk: Chunk, key: bytes, text: Decoded, found: Findings) -> None:
    found.add(f"png:{chunk.name}", key.decode("latin-1"), text, cut=chunk.cut)
