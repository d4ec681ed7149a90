"""Every dialect of records: its tables are lawful, every key of them is read, and no value of one makes reading fail."""

import json
import random
from collections.abc import Iterator

import pytest

from paramc.diagnostics.model import ReadError
from paramc.dialects.description import Dialect
from paramc.dialects.fields import NOTES, OPAQUE, Field, fields_of
from paramc.dialects.read_record import WORDS, language_name, read_record, record_of
from paramc.dialects.registry import dialects, find_dialect
from paramc.ir.features import feature_of
from paramc.ir.paths import leaves
from paramc.ir.places import View
from paramc.passes.sniff import sniff
from paramc.passes.upgrade import rules, upgrade_job

RECORDS = [name for name in dialects() if find_dialect(name).engine == "record" and name != "record"]
JSON = [name for name in RECORDS if record_of(find_dialect(name)).layout != WORDS]
SAMPLES = {
    **dict.fromkeys(("int", "count", "natural", "width", "height", "layer", "skipped_layers"), 2),
    **dict.fromkeys(("float", "decimal", "both", "percent", "lead"), 0.5),
    **dict.fromkeys(
        ("text", "prompt", "negative", "file", "names", "unit", "asset", "tight_asset", "urn", "given"), "a word"
    ),
    **dict.fromkeys(("bool", "presence", "part"), True),
    **dict.fromkeys(("size", "target_size", "noise_size"), "512x768"),
    **dict.fromkeys(("hashes", "tagged_hashes"), "0123456789ab"),
    "tuple_size": "(768, 512)",
    "variation": "77,0.5",
    "named_weight": "a : 0.5",
    "weight_name": "0.5 - a",
    "version": "1.2.3",
    "upscaler": "none",
    "sampler": "euler",
    "schedule": "karras",
    "addnet_list": "a: 0123456789ab",
    "sha256_list": "a: 0123456789ab",
    "resources": '{"model": "0123456789"}',
    "pair": "(0, 1)",
    "triple": "(1, 2, 3)",
}
OF_MASKS = ("task.mask", "task.fill", "task.inverts_mask", "task.area", "task.padding")
NASTY = [
    "",
    "x",
    "-",
    -1,
    0,
    1e308,
    10**30,
    True,
    False,
    None,
    [],
    {},
    [1, "a"],
    {"a": {"b": 1}},
    "None",
    "1,2",
    "a:b",
    "[[",
    "\0",
    "\ud800",
]


def keys_of(name: str) -> Iterator[tuple[str, Field]]:
    for row in fields_of(find_dialect(name)).rows:
        if row.key not in (OPAQUE, NOTES):
            yield from ((key, row) for key in row.names)


def own_keys() -> list[tuple[str, str]]:
    """(dialect, key), those left out that come from settings texts or from records of another layout."""
    found = []
    for name in RECORDS:
        layout = record_of(find_dialect(name)).layout
        parents = [find_dialect(folder.name) for folder in find_dialect(name).folders[1:]]
        other = [one for one in parents if one.engine != "record" or record_of(one).layout != layout]
        inherited = {key for one in other for row in fields_of(one).rows for key in row.names}
        found += [(name, key) for key, _ in keys_of(name) if key not in inherited]
    return found


def sample(row: Field) -> object:
    if row.kind == "choice":
        label = next(label for label in ("True", *_labels(row)) if _reads(row, label))
        return label == "True" or label
    return SAMPLES[row.kind]


def _labels(row: Field) -> list[str]:
    return ["cpu", "cuda", "balanced", "just_resize", "LoRA", "Enable", "GPU", "Just Resize", "Both", "1", "original"]


def _reads(row: Field, label: str) -> bool:
    try:
        row.codec.read(label)
    except ValueError:
        return False
    return True


def record(name: str, values: dict[str, object]) -> str:
    """The record with these values; paths with dots nest, numbers make items."""
    if record_of(find_dialect(name)).layout == WORDS:
        return line(name, values)
    root: dict[str, object] = {}
    for path, value in values.items():
        home, steps = root, path.replace("{n}", "1").split(".")
        for step in steps[:-1]:
            inner = home.setdefault(step, {})
            if not isinstance(inner, dict):
                return "{}"
            home = inner
        home[steps[-1]] = value
    embedded = record_of(find_dialect(name)).embedded
    return json.dumps(
        {key: json.dumps(listed(value)) if key in embedded else listed(value) for key, value in root.items()}
    )


def listed(value: object) -> object:
    if not isinstance(value, dict):
        return value
    items = {key: listed(item) for key, item in value.items()}
    if not items or not all(key.isdecimal() for key in items):
        return items
    return [items.get(str(number)) for number in range(1, max(map(int, items)) + 1)]


def line(name: str, values: dict[str, object]) -> str:
    head, colon, between = {
        "sdcpp_cli": ("sd", " ", " "),
        "dream": ('"a cat"', " ", " "),
        "imaginairy_line": ('"a cat"', ":", " "),
        "easydiffusion_text": ("Prompt: a cat", ": ", "\n"),
        "easydiffusion_2": ("a cat\nWidth: 8\nHeight: 8\nSeed: 1\nSteps: 1", ": ", "\n"),
        "midjourney": ("a cat", " ", " "),
        "mochi": ("Include in Image: a cat", ": ", "; "),
    }[name]
    quotes = between == " "
    said = (
        f"{key}{colon}{json.dumps(value) if quotes and ' ' in str(value) else value}"
        for key, value in values.items()
        if key.lower() != "prompt"
    )
    return between.join((head, *said))


@pytest.mark.parametrize(("name", "key"), own_keys(), ids=lambda item: item)
def test_a_key_is_read(name: str, key: str) -> None:
    dialect, rows = find_dialect(name), dict(keys_of(name))
    row = rows[key]
    founding = {other: sample(found) for other, found in founders(dialect, key, row)}
    job, diagnostics = read_record(record(name, {**company(dialect, row), **founding, key: sample(row)}), dialect)
    assert [item.message for item in diagnostics if item.code != "PC325"] == []
    path = row.places[0].text()
    assert any(path in stated.paths for stated in job.ledger)
    assert View(job).at(path) is not None or row.kind == "negative" or "size" in path


def company(dialect: Dialect, row: Field) -> dict[str, object]:
    """What a record must say besides so that it is one."""
    about = record_of(dialect)
    plain = (other for other in fields_of(dialect).rows if other.kind in ("prompt", "negative") and other is not row)
    return {other.key: "another word" for other in plain} if about.needs else {}


def founders(dialect: Dialect, key: str, row: Field) -> Iterator[tuple[str, Field]]:
    """The key that makes the part of the Job that a row belongs to."""
    fields = fields_of(dialect)
    owner = row.places[0].owner
    if owner not in fields.founded or (row.founds and row.founds.owner == owner):
        return
    found = [other for other in fields.rows if other.founds and other.founds.owner == owner]
    wanted = "task.inpaint" if row.places[0].text().startswith(OF_MASKS) else ""
    found.sort(
        key=lambda other: (
            wanted not in (other.founds.text() if other.founds else ""),
            other.number != row.number,
            other.write == "never",
        )
    )
    names = sorted(found[0].names, key=lambda name: ("{n}" in name) != ("{n}" in key))
    yield names[0], found[0]


@pytest.mark.parametrize("name", RECORDS)
def test_no_value_makes_reading_fail(name: str) -> None:
    dialect = find_dialect(name)
    keys = [key for key, _ in keys_of(name)]
    draw = random.Random(name)
    for _ in range(150):
        values = {key: draw.choice((*NASTY, "a word", 0.5, 2)) for key in draw.sample(keys, min(len(keys), 8))}
        text = record(name, values)
        try:
            job, _ = read_record(text, dialect)
        except ReadError as error:
            assert error.diagnostics[0].code == "PC370"
            continue
        upgraded = upgrade_job(job, dialect)
        assert all(feature_of(path, value) for path, value in leaves(upgraded))


@pytest.mark.parametrize("name", RECORDS)
def test_no_key_is_in_two_rows(name: str) -> None:
    keys = [key for key, _ in keys_of(name)]
    assert sorted(key for key in set(keys) if keys.count(key) > 1) == []


@pytest.mark.parametrize("name", RECORDS)
def test_its_prompts_have_a_language(name: str) -> None:
    assert find_dialect(language_name(find_dialect(name))).table("prompt.toml")


@pytest.mark.parametrize("name", RECORDS)
def test_nothing_that_changes_the_picture_is_left_open(name: str) -> None:
    filled = {rule.path for rule in rules(find_dialect(name))}
    assert {
        "sampling.sampler",
        "sampling.schedule",
        "sampling.steps",
        "sampling.cfg_scale",
        "size",
        "noise.generator",
    } <= filled


@pytest.mark.parametrize("name", JSON)
def test_its_members_betray_it(name: str) -> None:
    for alternative in find_dialect(name).own_list("members"):
        text = json.dumps(dict.fromkeys(alternative.split(" + "), "x"))
        assert sniff(text)[0] == name
