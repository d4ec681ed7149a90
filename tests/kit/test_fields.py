"""The tables of fields: every row read and written by a sample of its own, and nothing in them left unsampled."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from paramc.backends.infotext import write_infotext
from paramc.dialects.description import Dialect
from paramc.dialects.fields import NOTES, OPAQUE, fields_of
from paramc.dialects.read_infotext import read_infotext
from paramc.dialects.registry import dialects, find_dialect
from paramc.ir.features import feature_of
from paramc.ir.paths import leaves, plain, value_at
from paramc.tables import TableError

SAMPLES = Path(__file__).with_name("fields.txt")
BASE = {"Steps": "20", "Sampler": "Euler", "CFG scale": "7", "Seed": "1", "Size": "512x512"}
FAMILY = [
    name for name in dialects() if find_dialect(name).engine == "infotext" and find_dialect(name).table("fields.toml")
]
ABOUT_THE_FIELDS = re.compile(r"PC32[0-8]")
OBJECTS = {"tiled_diffusion": "Tiled Diffusion", "tiled_region": "Tiled Diffusion", "free_u": "FreeU Stages"}  # whose
FIELD = re.compile(r'([^:]+): ("(?:\\.|[^"\\])*"|[^,]*)(?:, |$)')


class Sample(NamedTuple):
    dialect: str
    is_written: bool
    fields: tuple[tuple[str, str], ...]  # (key, raw), the sampled one last
    expected: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        own = {key for key, _ in self.fields}
        base = [(key, value) for key, value in BASE.items() if key not in own]
        return "a\n" + ", ".join(f"{key}: {raw}" for key, raw in (*base, *self.fields))


def samples() -> Iterator[Sample]:
    for line in SAMPLES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            before, _, after = line.partition(" -> ")
            dialect, sign, fields = before.split(" ", 2)
            expected = tuple((path, value) for path, _, value in (item.partition(" = ") for item in after.split("; ")))
            yield Sample(dialect, sign == "=", tuple(FIELD.findall(fields)), expected)


@pytest.mark.parametrize("sample", list(samples()), ids=lambda sample: f"{sample.dialect}: {sample.fields[-1][0]}")
def test_a_field_is_read(sample: Sample) -> None:
    job, diagnostics = read_infotext(sample.text, find_dialect(sample.dialect))
    for path, expected in sample.expected:
        value = plain(value_at(job, path))
        if expected.startswith("~ "):
            assert all(word in value for word in expected[2:].split(" "))
        else:
            assert value == expected
    key = sample.fields[-1][0]
    assert sample.expected[0][0] in next(stated for stated in reversed(job.ledger) if stated.key == key).paths
    assert [item.message for item in diagnostics if ABOUT_THE_FIELDS.match(item.code)] == []
    assert all(name == "Low Vram" for unit in job.controls for name, _ in unit.options)


@pytest.mark.parametrize(
    "sample",
    [sample for sample in samples() if sample.is_written],
    ids=lambda sample: f"{sample.dialect}: {sample.fields[-1][0]}",
)
def test_a_field_is_written(sample: Sample) -> None:
    dialect = find_dialect(sample.dialect)
    text = write_infotext(read_infotext(sample.text, dialect)[0], dialect, anew=True)
    assert re.search(rf"(?:\n|, ){re.escape(': '.join(sample.fields[-1]))}(?:, |$)", text)


@cache
def own_table(name: str) -> Mapping[str, dict]:
    """What the dialect's own fields.toml says, without its ancestors."""
    path = find_dialect(name).folders[0] / "fields.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def words(name: str) -> Iterator[tuple[str, str]]:
    """(key, label) of everything that a sample must hold; a label may be empty."""
    table = own_table(name)
    for key, row in table.get("fields", {}).items():
        if key not in (OPAQUE, NOTES):
            yield from _words_of(key, row)
    for name_of_object, made in table.get("objects", {}).items():
        holder = OBJECTS[name_of_object]
        for key, row in made["members"].items():
            yield from ((holder, label) for _, label in (("", key.rpartition(".")[2]), *_words_of(key, row)))
    unit = table.get("unit", {})
    for key, row in unit.get("items", {}).items():
        for name_of_item, label in _words_of(key, row):
            yield "ControlNet 1", f"{name_of_item}: {label}"
    yield from ((prefix.replace("{n}", "1") + "Weight", "") for prefix in unit.get("prefixes", []))
    for group in (*table.get("opaque", {}).values(), *table.get("notes", {}).values()):
        yield from ((key, "") for key in group.get("keys", []))
        yield from ((prefix, "*") for prefix in group.get("prefixes", []))


def _words_of(key: str, row: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    names = [name.replace("{nth}", "").replace("{n}", "1") for name in (key, *row.get("aliases", []))]
    yield from ((name, "") for name in names)
    if row.get("codec") == "choice":
        yield from ((names[0], label) for label in (*row.get("values", {}), *row.get("accepts", {})))
    yield from ((names[0], row[word]) for word in ("none", "empty") if row.get(word))


@pytest.mark.parametrize("name", FAMILY)
def test_every_word_of_the_table_has_a_sample(name: str) -> None:
    sampled = [sample.fields[-1] for sample in samples() if sample.dialect == name]
    missing = [
        (key, label)
        for key, label in words(name)
        if not any(
            have.startswith(key)
            if label == "*"
            else have == key and label in (json.loads(raw) if raw[:1] == '"' else raw)
            for have, raw in sampled
        )
    ]
    assert [word for word in missing if word != ("Refiner", "None")] == []


@pytest.mark.parametrize("name", FAMILY)
def test_no_key_is_in_two_rows(name: str) -> None:
    keys = [key for row in fields_of(find_dialect(name)).rows for key in row.names]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("sample", list(samples()), ids=lambda sample: f"{sample.dialect}: {sample.fields[-1][0]}")
def test_what_a_field_sets_belongs_to_a_feature(sample: Sample) -> None:
    job, _ = read_infotext(sample.text, find_dialect(sample.dialect))
    paths = [path for stated in job.ledger for path in stated.paths] + [path for path, _ in leaves(job)]
    known = {path: feature_of(path, value_at(job, path)) for path in paths}
    unset = ("sampler", "schedule", "text.emphasis", "noise.generator", "task.kind")
    assert [path for path, name in known.items() if name is None and not path.endswith(unset)] == []


def broken(tmp_path: Path, rows: str) -> Dialect:
    (tmp_path / "fields.toml").write_text(f"[fields]\n{rows}\n", encoding="utf-8")
    return Dialect("broken", (tmp_path, *find_dialect("a1111").folders), find_dialect("a1111").about)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('"X" = { path = "size", codek = "size" }', "unknown key `codek`, did you mean `codec`?"),
        ('"X" = { path = "size", codec = "sise" }', "no codec is called `sise`"),
        (
            '"X" = { path = "size", codec = "size", write = "sometimes" }',
            "`write` is one of always, part, changed, never",
        ),
        ('"X" = { path = "size", codec = "size", after = "Stepps" }', "no key `Stepps` to stand after"),
        ('"X" = { codec = "size" }', "`path` is missing"),
    ],
)
def test_a_mistake_in_a_table_is_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(TableError, match=re.escape(message)):
        fields_of(broken(tmp_path, rows))
