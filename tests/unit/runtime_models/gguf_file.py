"""GGUF files as their programs write them, byte by byte, without the code under test."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "BF16": (30, 1, 2), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20),
         "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34), "Q2_K": (10, 256, 84), "Q3_K": (11, 256, 110),
         "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18),
         "IQ4_XS": (23, 256, 136), "IQ2_XS": (17, 256, 74)}  # fmt: skip
"""Number, values of a block, bytes of a block."""

Stored = tuple[str, Sequence[int], bytes]  # type, shape, bytes


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def write_gguf(
    path: Path, tensors: Mapping[str, Stored], program: str = "flux", extra: bytes = b"", more: int = 0
) -> Path:
    """`extra`: `more` further entries of the metadata."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 1 + more)
    head += text("general.architecture") + struct.pack("<I", 8) + text(program) + extra
    data = b""
    for name, (kind, shape, stored) in tensors.items():
        head += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        head += struct.pack("<IQ", TYPES[kind][0], len(data))
        data += stored + bytes(-len(stored) % 32)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path
