"""Damaged settings texts, records and graphs: no exception but a ReadError, no long wait, no memory beyond what is stated."""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import paramc
from paramc.api import load
from paramc.diagnostics.model import ReadError
from paramc.source.detect import open_text
from tests.unit.source.mutants import faults, mutated

GOLDEN = Path(__file__).parents[2] / "golden"
LONGEST = 20_000  # bytes of a seed
WORDS = [
    b"\n", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xef\xb7\x90", b"Steps: 20, ", b"\nNegative prompt: ", b"Template: ", b"Sampler: ",
    b"Size: 512x768, ", b"Seed: " + b"9" * 400 + b", ", b"Lora hashes: \"a: b", b"ControlNet 0: \"", b"<lora:a:1>", b"<lora:", b":1.2)", b"((((", b"]]]]",
    b"[a:b:0.5]", b"[a|b]", b" AND ", b" BREAK ", b"\\(", b"{", b"}", b"[", b"]", b'"', b"'", b": ", b", ", b'{"a":', b"{" * 200, b"[" * 200, b"\\ud800",
    b"NaN", b"1e999", b"-Infinity", b"null", b"true", b'"class_type":"KSampler"', b'["1",0]', b'"links":[', b'"inputs":{', b"&lt;", b"<br>",
    b"__wild__", b"{a|b}", b"${x}", b"--cfg-scale ", b'" -s 50', b"import torch\n", b"pipe(", b"1.1::a::", b"embedding:",
]  # fmt: skip


def texts() -> Iterator[str]:
    """Real ones of every kind."""
    for name in ("records/records", "infotext/a1111_infotext", "infotext/infotext_forge", "infotext/infotext_sdnext"):
        for line in gzip.decompress((GOLDEN / f"{name}.jsonl.gz").read_bytes()).decode().splitlines():
            yield json.loads(line)["text"]
    for line in gzip.decompress((GOLDEN / "comfyui" / "workflows.jsonl.gz").read_bytes()).decode().splitlines():
        yield line
    for line in (GOLDEN / "corpus" / "infotext.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)["text"]


SEEDS = [seed for text in texts() if 0 < len(seed := text.encode("utf-8", "surrogatepass")) < LONGEST]


def settle(data: bytes, number: int = 0) -> None:
    """Read a text to a Job, and to the fields of the program; being refused is an answer."""
    text = data.decode("utf-8", "surrogateescape" if number % 2 else "replace")
    for read in (lambda text: load(open_text(text)), paramc.fields):
        try:
            read(text)
        except ReadError:
            continue


def run(seed: int, count: int) -> list[str]:
    """What went wrong in `count` texts."""
    chance = random.Random(seed)
    return faults(settle, lambda: mutated(chance, SEEDS, WORDS), count)


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Tables and grammars are loaded once; that is no allocation for an input."""
    for data in SEEDS[::4]:
        settle(data)


def test_damaged_texts_are_read_or_refused_quickly() -> None:
    assert run(1, 400) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 22))
def test_a_hundred_thousand_damaged_texts(seed: int) -> None:
    assert run(seed, 5000) == []
