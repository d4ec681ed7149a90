"""Damaged and hostile files: no exception but a SourceError, no long wait, no memory beyond what is stated."""

import json
import random
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest

from paramc.api import load
from paramc.diagnostics.model import ReadError, SourceError
from paramc.source.detect import read_source
from paramc.source.model import FLOOR, UNPACKED
from paramc.source.writing.image import embed, strip
from tests.unit.source.mutants import SLACK, faults, mutated

GOLDEN = Path(__file__).parents[2] / "golden" / "images"
SEEDS = [path.read_bytes() for path in sorted(GOLDEN.iterdir()) if path.stat().st_size < 20_000]
WORDS = [
    b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1", b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"IHDR", b"IEND",
    b"Exif\0\0", b"II*\0", b"MM\0*", b"\xff\xe1", b"\xff\xda", b"\xff\xfe", b"VP8X", b"EXIF", b"XMP ", b"parameters\0",
    b"prompt\0", b"workflow\0", b"UNICODE\0", b"<!DOCTYPE x [", b"&a;", b"{" * 40, b"[" * 2000, b"Steps: 1, ", b"\xfe\xff", b"\xd8\0",
    b"iloc", b"iinf", b"infe", b"meta", b"ftypavif", b"!\xfe", b";", b",", b"\x87\x69", b"\x92\x86",
]  # fmt: skip


def settle(data: bytes, *, hidden: bool) -> None:
    """Read a file to a Job; being refused is an answer."""
    try:
        source = read_source(data, hidden=hidden)
    except SourceError:
        return
    try:
        load(source)
    except ReadError:
        return


def rewrite(data: bytes) -> None:
    """Write into a file, and take out; being refused is an answer."""
    for work in (strip, lambda image: embed(image, {"parameters": "a cat, Steps: 1"})):
        try:
            work(data)
        except SourceError:
            continue


def run(seed: int, count: int) -> list[str]:
    """What went wrong in `count` files."""
    chance = random.Random(seed)

    def work(data: bytes, number: int) -> None:
        settle(data, hidden=number % 16 == 0)
        rewrite(data)

    return faults(work, lambda: mutated(chance, SEEDS, WORDS), count)


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Tables, grammars and libraries are loaded once; that is no allocation for an input."""
    for data in SEEDS:
        settle(data, hidden=True)
        rewrite(data)


def test_damaged_files_are_read_or_refused_quickly() -> None:
    assert run(1, 400) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 22))
def test_a_hundred_thousand_damaged_files(seed: int) -> None:
    assert run(seed, 5000) == []


def packed(key: bytes, data: bytes, *, international: bool) -> bytes:
    if international:
        return key + b"\0\1\0\0\0" + zlib.compress(data, 9)
    return key + b"\0\0" + zlib.compress(data, 9)


@pytest.mark.parametrize("international", [False, True])
def test_what_unpacks_to_much_more_than_the_file_is_refused_at_the_stated_limit(build, international) -> None:
    kind = b"iTXt" if international else b"zTXt"
    allowed = b"Steps: 1, " + b"x" * (FLOOR // 2)
    assert read_source(build.png(build.chunk(kind, packed(b"parameters", allowed, international=international)))).text
    bomb = build.png(build.chunk(kind, packed(b"parameters", bytes(200_000_000), international=international)))
    tracemalloc.start()
    with pytest.raises(SourceError) as caught:
        read_source(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103", "PC108"]
    assert peak < 2 * (FLOOR + (UNPACKED + 2) * len(bomb))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, '{"prompt": ' + "[" * 100_000, '"' * 500_000])
@pytest.mark.parametrize("key", ["parameters", "prompt", "Comment", "UserComment"])
def test_deep_and_huge_json_is_read_or_refused_in_a_moment(build, text, key) -> None:
    start = time.process_time()
    settle(build.png(build.text(key, text.encode())), hidden=True)
    assert time.process_time() - start < 2


@pytest.mark.slow
@pytest.mark.parametrize("count", [1000, 16_000])
def test_reading_takes_time_in_proportion_to_the_texts(build, count) -> None:
    record = json.dumps({f"key {number}": "x" * 20 for number in range(count)})
    chunks = [build.text(f"k{number}", b"x") for number in range(count)]
    start = time.process_time()
    read_source(build.png(*chunks, build.text("parameters", record.encode())))
    assert time.process_time() - start < count * 1e-4


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff\xfe\0\2" * 3_000_000,
        b"\xff\xd8" + b"\xff" * 10_000_000,
        b"GIF89a" + bytes(7) + b"!\xfe" + b"\1x" * 5_000_000,
        b"GIF89a" + bytes(7) + b"!\xf9\0" * 3_000_000,
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0tIMExxxx" * 1_000_000,
        b"RIFF\0\0\0\0WEBP" + b"junk\0\0\0\0" * 1_000_000,
        b"\0\0\0\x10ftypavif" + bytes(4) + b"\0\0\0\x08free" * 1_000_000,
    ],
    ids=["segments", "fill", "blocks", "extensions", "chunks", "pieces", "boxes"],
)
def test_millions_of_empty_parts_are_given_up(data) -> None:
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(SourceError, match="PC103"):
        read_source(data)
    took, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (took < 3, peak < len(data) + SLACK) == (True, True)  # watching memory takes most of the time
