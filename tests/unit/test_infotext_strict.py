"""The strict reading: bit for bit that of the programs, their losses and mistakes included."""

import pytest

from paramc.diagnostics.model import InvalidValue, ReadError, UnknownName
from paramc.dialects.infotext import scan
from paramc.dialects.ui_fields import ui_fields
from tests.unit.infotext_records import FILES, Record, dialect, loses_nothing, records, told, typed

A1111 = dialect("a1111")
HEAD = "a\nSteps: 20, Sampler: Euler a, CFG scale: 7, "


def found(record: Record, name: str) -> dict[str, object] | None:
    try:
        return dict(ui_fields(record.text, dialect(name), **record.options))  # type: ignore[arg-type]  # as recorded
    except ReadError:
        return None


def read(fragment: str) -> list[tuple[str, str]]:
    """The fields of a fragment behind the usual ones."""
    return told(scan(HEAD + fragment, A1111, strict=True))[2][3:]


@pytest.mark.parametrize("name", FILES)
def test_the_program_gives_the_same_dictionary(name: str) -> None:
    assert [record.id for record in records(name) if typed(found(record, name)) != typed(record.out)] == []


@pytest.mark.parametrize("name", FILES)
def test_no_character_of_a_recorded_text_is_lost(name: str) -> None:
    assert [
        record.id for record in records(name) if not loses_nothing(scan(record.text, dialect(name), strict=True))
    ] == []


@pytest.mark.parametrize(
    ("text", "prompt", "negative", "count"),
    [
        ("", "", "", 0),
        ("a", "a", "", 0),
        ("Steps: 20, Sampler: X, Seed: 1", "", "", 3),
        ("a\nSteps: 20, Seed: 1", "a\nSteps: 20, Seed: 1", "", 0),
        ("(masterpiece:1.2), (best quality:1.2), (foo:1.3)", "", "", 3),
        ("(a:1.2), (b:1.2), (c:1.3)", "(a:1.2), (b:1.2), (c:1.3)", "", 0),
        ("a\nNegative prompt: b, Steps: 20, Sampler: X, CFG scale: 7", "a", "", 4),
        ("a\n Negative prompt: b\nSteps: 20, Sampler: X, Seed: 1", "a", "b", 3),
        ("a Negative prompt: b\nSteps: 20, Sampler: X, Seed: 1", "a Negative prompt: b", "", 3),
        ("a\nnegative prompt: b\nSteps: 20, Sampler: X, Seed: 1", "a\nnegative prompt: b", "", 3),
        ("a\nNegative prompt: b\nNegative prompt: c\nd", "a", "b\nc\nd", 0),
        ("\n\na\n\n b \n\nSteps: 20, Sampler: X, Seed: 1", "a\n\nb\n", "", 3),
        ("a\r\nNegative prompt: b\r\nSteps: 20, Sampler: X, Seed: 1", "a", "b", 3),
        ("a\nNegative prompt:\n\nb\nSteps: 20, Sampler: X, Seed: 1", "a", "b", 3),
        ("a\rb\nSteps: 20, Sampler: X, Seed: 1", "a\rb", "", 3),
    ],
)
def test_lines_are_told_apart_like_a1111(text: str, prompt: str, negative: str, count: int) -> None:
    scanned = scan(text, A1111, strict=True)
    assert (scanned.prompt.text, scanned.negative.text, len(scanned.pairs)) == (prompt, negative, count)


@pytest.mark.parametrize(
    ("fragment", "fields"),
    [
        ('Foo: "x, y"', [("Foo", "x, y")]),
        ('Foo: "x: \\"q\\"\\nz"', [("Foo", 'x: "q"\nz')]),
        ('Foo: "bad \\q, z"', [("Foo", '"bad \\q, z"')]),
        ('Foo: "unterminated, Bar: 1', [("Foo", '"unterminated'), ("Bar", "1")]),
        ('Foo: "a" b, Bar: 1', [("Foo", '"a" b'), ("Bar", "1")]),
        ('Foo: "", Bar: "\\""', [("Foo", ""), ("Bar", '"')]),
        ("Foo: 'x, y'", [("Foo", "'x")]),
        ("Foo: [1, 2, 3], Bar: 1", [("Foo", "[1"), ("Bar", "1")]),
        ('Hashes: {"vae": "7", "embed:easy": "c"}', [("Hashes", '{"vae": "7"'), ("embed", 'easy": "c"}')]),
        ("Foo:   x  , Bar: 1", [("Foo", "x  "), ("Bar", "1")]),
        ("Foo: , Bar:", [("Foo", ""), ("Bar", "")]),
        ("F: 1, F+G: 1, Foo(bar): 1", []),
        ("Foo.bar: 1, DPM++ SDE r: 0.5", [("bar", "1"), ("SDE r", "0.5")]),
        ("-F: 1, _F: 2, Foo : 3, 日本: 4", [("_F", "2"), ("Foo ", "3"), ("日本", "4")]),
        ("- Foo: 1, /Bar: 2", [("Foo", "1"), ("Bar", "2")]),
        ("Foo: 1, Foo: 2", [("Foo", "1"), ("Foo", "2")]),
        ("Foo:1,Bar:2", [("Foo", "1"), ("Bar", "2")]),
    ],
)
def test_fields_are_found_like_a1111(fragment: str, fields: list[tuple[str, str]]) -> None:
    assert read(fragment) == fields


@pytest.mark.parametrize(
    ("value", "size"), [("512x768", ("512", "768")), ("10X20", None), ("10x", None), ("-1x20", None)]
)
def test_a_size_is_digits_x_digits(value: str, size: tuple[str, str] | None) -> None:
    assert scan(HEAD + f"Foo: {value}", A1111, strict=True).pairs[-1].size == size


def test_a_pair_knows_its_place() -> None:
    text = '  a\nSteps: 20, Sampler: X,  Foo bar :  "x, y" , Seed: 1'
    pair = scan(text, A1111, strict=True).pairs[2]
    assert (text[slice(*pair.key_span)], text[slice(*pair.value_span)]) == ("Foo bar ", '"x')


def test_raw_values_keep_their_quotes() -> None:
    assert scan(HEAD + 'Foo: "x, y"', A1111, strict=True).pairs[-1].raw == '"x, y"'


@pytest.mark.parametrize(
    ("text", "prompt", "negative"),
    [
        ("a \n  b\nSteps: 1, Sampler: X, Seed: 1", "a \n  b", ""),
        ("a\n\nSteps: 1, Sampler: X, Seed: 1", "a\n", ""),
        (" a \nNegative prompt:  b\n c \nSteps: 1, Sampler: X, Seed: 1", "a", "b\n c"),
        ("Negative prompt: b\nNegative prompt: c", "", "b\nNegative prompt: c"),
    ],
)
def test_a_prompt_knows_its_place(text: str, prompt: str, negative: str) -> None:
    scanned = scan(text, A1111, strict=True)
    assert (text[slice(*scanned.prompt.span)], text[slice(*scanned.negative.span)]) == (prompt, negative)


@pytest.mark.parametrize("text", ["(a:1.2.3)\n" + HEAD, "a\nNegative prompt: (b:..)\n" + HEAD])
def test_a_malformed_weight_fails_as_in_the_program(text: str) -> None:
    with pytest.raises(ReadError):
        ui_fields(text + "Seed: 1", A1111)


def test_an_old_size_of_nothing_fails_as_in_the_program() -> None:
    with pytest.raises(ReadError, match="PC300"):
        ui_fields(HEAD + "Size: 0x512, First pass size: 0x0", A1111)


def test_an_unknown_option_is_named_with_its_neighbour() -> None:
    with pytest.raises(UnknownName, match="PC310") as caught:
        ui_fields("a", A1111, infotext_style="Ignore")
    assert caught.value.diagnostics[0].help == "did you mean `infotext_styles`?"


@pytest.mark.parametrize("word", ["Steps", "seed", "Width", "Height", "SAMPLER", "Size", "CFG scale", "Pipeline"])
def test_sdnext_cuts_the_prompt_at_a_word_of_the_settings(word: str) -> None:
    assert told(scan(f"a {word}: 1, Foo: 2", dialect("sdnext"), strict=True)) == ("a", "", [(word, "1"), ("Foo", "2")])


@pytest.mark.parametrize(
    ("text", "prompt", "negative"),
    [
        ("a negative prompt: b template: c negative template: d\nSteps: 20", "a", "b"),
        ("a\nTemplate: c\nNegative prompt: b\nSteps: 20", "a", "b"),
        (":a, \nNegative prompt: ,b:\nSteps: 20", "a", "b"),
        ("a\nNegative prompt: \nSteps: 20", "a", ""),
    ],
)
def test_sdnext_cuts_the_prompts_at_its_labels(text: str, prompt: str, negative: str) -> None:
    scanned = scan(text, dialect("sdnext"), strict=True)
    assert (scanned.prompt.text, scanned.negative.text) == (prompt, negative)


@pytest.mark.parametrize(
    ("value", "typed_value"),
    [
        ("20", 20),
        ("7.0", 7.0),
        ("-1", "-1"),
        ("1e5", "1e5"),
        ("True", True),
        ("False", False),
        ("x", "x"),
        ('"20"', 20),
    ],
)
def test_sdnext_infers_types(value: str, typed_value: object) -> None:
    found = ui_fields(f"a\nSteps: 1, Foo: {value}", dialect("sdnext"))["Foo"]
    assert (found, type(found)) == (typed_value, type(typed_value))


def test_sdnext_knows_a_tiny_vae_by_its_name() -> None:
    assert ui_fields("a\nSteps: 1, VAE: TAESD", dialect("sdnext"))["VAE type"] == "Tiny"


CIVITAI = 'Civitai resources: [{"modelName":"FLUX"}]'


@pytest.mark.parametrize("clip_skip", range(9))
def test_forge_forgets_the_clip_skip_of_the_sites_flux_pictures(clip_skip: int) -> None:
    text = f"a\nSteps: 20, Seed: 5, Clip skip: {clip_skip}, {CIVITAI}"
    assert ui_fields(text, dialect("forge"))["Clip skip"] == "1"


def test_forge_reads_the_sites_words_for_flux() -> None:
    fields = ui_fields(f"a\nSteps: 20, CFG scale: 3.5, Sampler: Undefined, Seed: 5, {CIVITAI}", dialect("forge"))
    keys = ("CFG scale", "Distilled CFG Scale", "Sampler", "Schedule type")
    assert [fields[key] for key in keys] == ["1", "3.5", "Euler", "Simple"]


@pytest.mark.parametrize("words", ["Civitai", "FLUX"])
def test_forge_needs_both_words(words: str) -> None:
    fields = ui_fields(f"a\nSteps: 20, CFG scale: 3.5, Seed: 5, Foo: {words}", dialect("forge"))
    assert fields["CFG scale"] == "3.5"


@pytest.mark.parametrize(
    ("modules", "listed"),
    [("", ["Use same choices"]), (", Hires Module 1: Built-in", []), (", Hires Module 1: x, Hires Module 2: y", [])],
)
def test_forge_lists_the_modules_of_the_second_pass(modules: str, listed: list[str]) -> None:
    assert ui_fields(f"{HEAD}Seed: 1{modules}", dialect("forge"))["Hires VAE/TE"] == listed


def test_fields_of_prompts_replace_them_in_forge_classic() -> None:
    assert ui_fields(f"{HEAD}Seed: 1, Prompt: b", dialect("forge_classic"))["Prompt"] == "b"


def test_styles_leave_the_prompts_of_forge_classic() -> None:
    found = ui_fields(f"{HEAD}Seed: 1", dialect("forge_classic"), styles=[["all", "a", ""]])
    assert (found["Prompt"], found["Styles array"]) == ("", ["all"])


def test_a_style_without_its_texts_is_refused() -> None:
    with pytest.raises(InvalidValue, match="PC311"):
        ui_fields("a", A1111, styles=[["name"]])
