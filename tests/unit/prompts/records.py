"""Recorded results of the real programs, and the languages that must give the same."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from paramc.dialects.language import Language, language_of
from paramc.dialects.registry import find_dialect

GOLDEN = Path(__file__).parents[2] / "golden"
ATTENTION = "a1111/a1111_attention"
Record = dict[str, object]


def records(name: str) -> list[dict[str, object]]:
    """The records of a golden file: `a1111/a1111_attention`, or one in `prompt/` by its bare name."""
    path = GOLDEN / (f"{name}.jsonl.gz" if "/" in name else f"prompt/{name}.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def language(name: str = "a1111", version: tuple[int, int, int] | None = None, parser: str | None = None) -> Language:
    return language_of(find_dialect(name), (*version, 0, 0) if version else None, parser)


def listed(value: object) -> object:
    """Tuples as the lists of JSON, at every level."""
    return [listed(item) for item in value] if isinstance(value, tuple | list) else value


def mismatches(name: str, ours: Callable[[dict[str, object]], object], key: str = "out") -> Iterator[object]:
    """(input, ours, theirs) of the records without an error for which `ours` differs."""
    for record in records(name):
        if "error" not in record:
            result = listed(ours(record))
            if result != record[key]:
                yield record["id"], result, record[key]
