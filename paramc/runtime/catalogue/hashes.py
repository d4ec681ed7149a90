"""The hashes by which settings texts name model files."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from paramc.runtime.catalogue.header import LENGTH, LONGEST

CHUNK: Final = 1 << 22
OLD_START: Final = 0x100000  # the 64 KiB that the hash of 2022 was made of; it collides
OLD_SIZE: Final = 0x10000
SAFETENSORS: Final = frozenset({".safetensors", ".sft"})


class Hashes(NamedTuple):
    """sha256: of the file (its first 10 digits are AutoV2). autov1: 8 digits, A1111's of 2022.

    addnet: of the file without its header, as kohya and A1111 name networks; only for safetensors files.
    """

    sha256: str
    autov1: str
    addnet: str


def hash_file(path: Path, *, of_network: bool, advance: Callable[[int], None]) -> Hashes:
    """All hashes in one pass; `addnet` only where asked for. `advance` is told of every piece, in bytes.

    Raises OSError.
    """
    whole, body, old = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    wants_body = of_network and path.suffix.lower() in SAFETENSORS
    with path.open("rb", buffering=0) as stream:
        skipped = _header_end(stream.read(LENGTH)) if wants_body else 0
        stream.seek(0)
        buffer = bytearray(CHUNK)
        window = memoryview(buffer)
        start = 0
        while count := stream.readinto(window):
            piece = window[:count]
            whole.update(piece)
            if wants_body:
                body.update(piece[max(0, skipped - start) :])
            old.update(piece[max(0, OLD_START - start) : max(0, OLD_START + OLD_SIZE - start)])
            start += count
            advance(count)
    return Hashes(whole.hexdigest(), old.hexdigest()[:8], body.hexdigest() if wants_body else "")


def _header_end(start: bytes) -> int:
    return LENGTH + min(int.from_bytes(start, "little"), LONGEST)
