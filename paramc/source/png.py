"""PNG: the texts in tEXt, zTXt, iTXt and eXIf chunks (PNG 3rd edition, section 11.3)."""

import zlib
from collections.abc import Iterator
from os import SEEK_END
from struct import unpack
from typing import BinaryIO

from paramc.diagnostics.codes import diagnose
from paramc.source.exif import read_exif
from paramc.source.model import Findings
from paramc.source.text import Decoded, decode

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNKS_AT_MOST = 100_000
_READ = {b"IHDR", b"tEXt", b"zTXt", b"iTXt", b"eXIf"}
_OVERHEAD = 12  # bytes of a chunk beside its body: length, type, checksum


def read_png(stream: BinaryIO, found: Findings) -> None:
    """Note the size and the texts of a PNG, those behind the pixels included; pixels are skipped unread."""
    for kind, body in _chunks(stream, found):
        match kind:
            case b"IHDR" if len(body) >= 8:
                found.size = unpack(">II", body[:8])
            case b"tEXt":
                _read_plain(body, found)
            case b"zTXt":
                _read_packed(body, found)
            case b"iTXt":
                _read_international(body, found)
            case b"eXIf":
                read_exif(body, "png", found)
            case _:
                found.report(diagnose("PC109", chunk=kind.decode("latin-1")))


def _chunks(stream: BinaryIO, found: Findings) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of each chunk worth reading; a cut or oversized file ends the walk with a report."""
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
        if kind in _READ and found.spend(min(length, end - place), name):
            body = stream.read(length)
            yield kind, body
            if len(body) == length:
                _verify(kind, body, stream.read(4), found)
        place = stream.seek(place + length + _OVERHEAD)
        if place > end:
            return found.report(diagnose("PC106", format="PNG", place=f"chunk `{name}`"))
    return found.report(diagnose("PC109", chunk="IEND"))


def _verify(kind: bytes, body: bytes, checksum: bytes, found: Findings) -> None:
    if checksum != zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big"):
        found.report(diagnose("PC107", chunk=kind.decode("latin-1")))


def _read_plain(body: bytes, found: Findings) -> None:
    key, separator, data = body.partition(b"\0")
    if not separator:
        return found.report(diagnose("PC109", chunk="tEXt"))
    return _add("tEXt", key, _latin_or_utf8(data), found)


def _read_packed(body: bytes, found: Findings) -> None:
    key, separator, data = body.partition(b"\0")
    if not separator or data[:1] != b"\0":
        return found.report(diagnose("PC109", chunk="zTXt"))
    text = _unpack("zTXt", data[1:], found)
    return None if text is None else _add("zTXt", key, _latin_or_utf8(text), found)


def _read_international(body: bytes, found: Findings) -> None:
    key, separator, rest = body.partition(b"\0")
    parts = rest[2:].split(b"\0", 2)
    if not separator or len(parts) < 3:
        return found.report(diagnose("PC109", chunk="iTXt"))
    packed, text = rest[0] == 1, parts[2]
    plain = _unpack("iTXt", text, found) if packed else text
    return None if plain is None else _add("iTXt", key, decode(plain, "utf-8"), found)


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


def _add(chunk: str, key: bytes, text: Decoded, found: Findings) -> None:
    found.add(f"png:{chunk}", key.decode("latin-1"), text.text, text.encoding, replaced=text.replaced)
