"""The default reading: what A1111 loses is recovered and said, everything else is as A1111 reads it."""

import pytest

from paramc.diagnostics.codes import codes
from paramc.dialects.infotext import scan
from tests.unit.infotext_records import FILES, dialect, loses_nothing, records, told

A1111 = dialect("a1111")
REMARKS = {code: row for code, row in codes().items() if "PC260" <= code <= "PC279" and row.trigger}
THREE = [("Steps", "20"), ("Sampler", "Euler a"), ("Seed", "1")]
LINE = "Steps: 20, Sampler: Euler a, Seed: 1"


def fired(text: str) -> list[str]:
    return [item.code for item in scan(text, A1111).diagnostics]


@pytest.mark.parametrize("code", REMARKS)
def test_its_trigger_fires_the_remark(code: str) -> None:
    assert code in fired(REMARKS[code].trigger)


@pytest.mark.parametrize("code", REMARKS)
def test_without_its_cause_the_remark_is_silent(code: str) -> None:
    assert code not in fired(f"a\n{LINE}, Size: 512x512")


@pytest.mark.parametrize(
    ("text", "prompt", "negative", "fields"),
    [
        (f'a\n{LINE}, Foo: {{"x": "y, z: 1"}}', "a", "", [*THREE, ("Foo", '{"x": "y, z: 1"}')]),
        (f"a\n{LINE}, Foo: [1, 2], Bar: 1", "a", "", [*THREE, ("Foo", "[1, 2]"), ("Bar", "1")]),
        (f"a\n{LINE}, Foo: [1, 2] x, Bar: 1", "a", "", [*THREE, ("Foo", "[1"), ("Bar", "1")]),
        (f"a\n{LINE}, Foo: {{1, 2, Bar: 1", "a", "", [*THREE, ("Foo", "{1"), ("Bar", "1")]),
        (f'a\n{LINE}, Foo: "{{1, 2", Bar: {{3, 4}}', "a", "", [*THREE, ("Foo", "{1, 2"), ("Bar", "{3, 4}")]),
        (
            f"a\n{LINE}\nTemplate: x\ny: z, k\nNegative Template: w",
            "a",
            "",
            [*THREE, ("Template", "x\ny: z, k"), ("Negative Template", "w")],
        ),
        (f"a\n{LINE}\nFoo: x, Bar: y", "a", "", [*THREE, ("Foo", "x"), ("Bar", "y")]),
        (f"a\n{LINE}\nwhat a picture", "a", "", THREE),
        ("a\nNegative prompt: b\nSteps: 20\nSampler: Euler a\nSeed: 1", "a", "b", THREE),
        ("a\nSteps: 20 \nSampler: Euler a\t\nSeed: 1", "a", "", THREE),
        ("a\nSteps: 20, Sampler: Euler a\nSteps: 9", "a", "", [*THREE[:2], ("Steps", "9")]),
        ("a\nSampler: Euler a\nSteps: 20\nSeed: 1", "a", "", [THREE[1], THREE[0], THREE[2]]),
        (
            "a\nSteps: 20, Sampler: Euler a,\nSeed: 1, Size: 1x1, Model: b",
            "a",
            "",
            [*THREE, ("Size", "1x1"), ("Model", "b")],
        ),
        (f'a\n{LINE}, Foo: "x\ny", Bar: 1', "a", "", [*THREE, ("Foo", "x\ny"), ("Bar", "1")]),
        (f'a\n{LINE}, Foo: "x\ny, z', "a", "", [*THREE, ("Foo", '"x')]),
        (f"a, b. Negative prompt: c, d. {LINE}", "a, b", "c, d", THREE),
        (f"a. Negative prompt: b. Negative prompt: c. {LINE}", "a", "b. Negative prompt: c", THREE),
        (f"a\r\n{LINE}, Foo: [1, 2]\r\nTemplate: x", "a", "", [*THREE, ("Foo", "[1, 2]"), ("Template", "x")]),
        (f"a\nNegative prompt: b, {LINE}", "a", "b", THREE),
        (f"a cat, on a mat, {LINE}", "a cat, on a mat", "", THREE),
        ("(aa:1.2), (best quality:1.2), (foo:1.3)", "(aa:1.2), (best quality:1.2), (foo:1.3)", "", []),
        (
            f"a\n{LINE}, DPM++ SDE r: 0.5, Foo.bar: 2, Foo (x) y: 3",
            "a",
            "",
            [*THREE, ("DPM++ SDE r", "0.5"), ("Foo.bar", "2"), ("Foo (x) y", "3")],
        ),
        (f"a\n{LINE}, Seed: 2", "a", "", [*THREE, ("Seed", "2")]),
        (f"Parameters     : a cat.Negative prompt: b..{LINE}", "a cat", "b", THREE),
        (f'x("a\\nNegative prompt: b\\n{LINE}")', 'x("a\\n', "b\\n", [*THREE[:2], ("Seed", '1")')]),
    ],
)
def test_what_a1111_loses_is_recovered(text: str, prompt: str, negative: str, fields: list[tuple[str, str]]) -> None:
    assert told(scan(text, A1111)) == (prompt, negative, fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a cat",
        "a\nSteps: 20, Seed: 1",
        "Size: 512x512, Sampler: X, Steps: 20, Model: 0.65(0.6(A) + 0.4(B)) + 0.35(c)",
        "a\nNegative prompt: b\nSampler: X, Seed: 1, CFG scale: 7",
        f"Steps: 5, Sampler: X, Seed: 2\n{LINE}",
        f"a\n{LINE}, Foo: 'x', Bar: [y] z",
        f'a\n{LINE}, Foo: "x" y, Bar: "bad \\q, z"',
        f"a\n{LINE}, Prompt: b, Negative prompt: c",
        f"parameters\na\n{LINE}",
    ],
)
def test_what_a1111_reads_well_is_read_the_same(text: str) -> None:
    assert told(scan(text, A1111)) == told(scan(text, A1111, strict=True))


@pytest.mark.parametrize("name", [name for name in FILES if name != "sdnext"])
def test_ordinary_records_are_read_the_same(name: str) -> None:
    ordinary = [
        record
        for record in records(name)
        if record.category in ("a1111_old", "a1111_new") and ": {" not in record.text and ": [" not in record.text
    ]
    assert [
        record.id
        for record in ordinary
        if told(scan(record.text, dialect(name))) != told(scan(record.text, dialect(name), strict=True))
    ] == []


@pytest.mark.parametrize("name", FILES)
def test_every_difference_is_said(name: str) -> None:
    different = [
        record.id
        for record in records(name)
        if name != "sdnext"
        and told(scan(record.text, dialect(name))) != told(scan(record.text, dialect(name), strict=True))
        if not scan(record.text, dialect(name)).diagnostics
    ]
    assert different == []


@pytest.mark.parametrize("name", FILES)
def test_no_character_of_a_recorded_text_is_lost(name: str) -> None:
    assert [record.id for record in records(name) if not loses_nothing(scan(record.text, dialect(name)))] == []


@pytest.mark.parametrize("key", ["Sampler", "Seed", "CFG scale", "Size", "Model"])
def test_a_telling_field_makes_settings_without_steps(key: str) -> None:
    assert len(scan(f"a\n{key}: 1, Foo: 2, Bar: 3", A1111).pairs) == 3


@pytest.mark.parametrize("key", ["Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model hash", "Model"])
def test_one_field_per_line_may_start_with_it(key: str) -> None:
    assert scan(f"a\n{key}: 1\nSteps: 20\nFoo: 3", A1111).pairs[0].key == key


def test_text_after_the_settings_is_kept() -> None:
    scanned = scan(f"a\n{LINE}\nI like\nthis one", A1111)
    assert [scanned.source[start:end] for start, end in scanned.trailing] == ["I like", "this one"]


def test_a_field_said_twice_with_one_voice_is_no_matter() -> None:
    assert fired(f"a\n{LINE}, Seed: 1") == []


def test_one_line_for_all_is_said_twice() -> None:
    assert fired(f"a, b. Negative prompt: c. {LINE}") == ["PC264", "PC263"]


def test_a_remark_points_at_its_place() -> None:
    text = f'a\n{LINE}, Foo: {{"x": 1, "y": 2}}, Bar: 1'
    (remark,) = scan(text, A1111).diagnostics
    assert text[slice(*remark.labels[0].span)] == 'Foo: {"x": 1, "y": 2}'


def test_both_readings_are_named() -> None:
    (remark,) = scan(f'a\n{LINE}, Hashes: {{"vae": "7", "embed:x": "c"}}', A1111).diagnostics
    assert (
        remark.message
        == 'the JSON of `Hashes` is kept whole; A1111 reads `Hashes` = `{"vae": "7"`, `embed` = `x": "c"}`'
    )


def test_sdnext_puts_its_templates_above_the_settings() -> None:
    text = "a\nNegative prompt: b\nTemplate: {x|y}\nNegative template: z\nSteps: 20, CLiP-skip: 2, App: SD.Next"
    assert told(scan(text, dialect("sdnext"))) == (
        "a",
        "b",
        [("Template", "{x|y}"), ("Negative template", "z"), ("Steps", "20"), ("CLiP-skip", "2"), ("App", "SD.Next")],
    )


def test_the_label_of_a_dump_is_named() -> None:
    dump = "Parameters                      : a cat.Negative prompt: dog.Steps: 20, Sampler: Euler a, Seed: 1"
    assert "PC272" in fired(dump)
