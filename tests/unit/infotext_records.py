"""The recorded readings of the real programs, and how a scan compares with them."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramc.dialects.description import Dialect
from paramc.dialects.registry import find_dialect
from paramc.dialects.scanned import Scanned

GOLDEN = Path(__file__).parents[1] / "golden" / "infotext"
FILES = {
    "a1111": "a1111_infotext",
    "reforge": "a1111_infotext",
    "forge": "infotext_forge",
    "forge_classic": "infotext_forge_classic",
    "sdnext": "infotext_sdnext",
}
PUNCTUATION = ",:.;-/"  # what a gap may hold beside white space


class Record(NamedTuple):
    """`out` is None where the program raises."""

    id: str
    category: str
    text: str
    options: dict[str, object]
    out: dict[str, object] | None


@cache
def records(dialect: str) -> tuple[Record, ...]:
    """What the program `dialect` makes of each text."""
    with gzip.open(GOLDEN / f"{FILES[dialect]}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(
        Record(row["id"], row.get("cat", ""), row["text"], row.get("options", {}), row.get("out")) for row in rows
    )


def dialect(name: str) -> Dialect:
    return find_dialect(name)


def typed(fields: dict[str, object] | None) -> list[tuple[str, object, type]] | None:
    """The fields in their order, with the types of their values, since 1 == True in Python."""
    return None if fields is None else [(key, value, type(value)) for key, value in fields.items()]


def told(scanned: Scanned) -> tuple[str, str, list[tuple[str, str]]]:
    """What a scan says, without places."""
    return scanned.prompt.text, scanned.negative.text, [(pair.key, pair.value) for pair in scanned.pairs]


def gaps(scanned: Scanned) -> Iterator[str]:
    """What lies between the parts."""
    return (scanned.source[slice(*span)] for part, span in scanned.parts() if part == "gap")


def rebuilt(scanned: Scanned) -> str:
    """The source, put together from its parts."""
    return "".join(scanned.source[slice(*span)] for _, span in scanned.parts())


def loses_nothing(scanned: Scanned) -> bool:
    """Do the parts join to the source, with nothing but white space and punctuation between them?"""
    return rebuilt(scanned) == scanned.source and not any(
        gap.strip(f" \t\r\n{PUNCTUATION}").strip() for gap in gaps(scanned)
    )
