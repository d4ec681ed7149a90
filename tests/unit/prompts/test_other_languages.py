"""The languages of programs that are neither A1111's kin nor ComfyUI: what their signs come to."""

from time import process_time

import pytest

import paramc
from paramc.dialects.read_record import language_name
from paramc.dialects.registry import find_dialect
from paramc.dialects.weights import Runs
from paramc.ir.prompt import Alternate, Edit, Literal
from tests.unit.prompts.records import language


def runs(text: str, name: str, mode: str | None = None) -> Runs:
    return language(name, parser=mode).weights.runs(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\(a\)", ((r"(a\)", 1.0),)),
        (r"(a\) b)", ((r"a\) b", 1.1),)),
        (r"\[a\] \\ \b", ((r"\[a\] \\ \b", 1.0),)),
        ("(a: 1.5)", (("a: 1.5", 1.1),)),
        ("(a:1.5)", (("a", 1.5),)),
        ("a BREAK b", (("a", 1.0), ("BREAK", -1.0), ("b", 1.0))),
    ],
)
def test_stable_diffusion_cpp_keeps_all_backslashes_but_one(text: str, expected: Runs) -> None:
    assert runs(text, "sdcpp") == expected


@pytest.mark.parametrize("name", ["sdcpp", "fooocus", "fooocus_a1111", "swarmui"])
def test_only_tags_of_lora_are_tags(name: str) -> None:
    untagged = language(name).networks.split("a <lora:x:0.5> <hypernet:y:1> <b:c>")
    assert untagged.text == "a  <hypernet:y:1> <b:c>"
    assert [tag.items for tag in untagged.tags] == [("x", "0.5")]


@pytest.mark.parametrize("name", ["fooocus", "fooocus_a1111"])
def test_fooocus_weighs_like_comfyui_whichever_way_it_writes(name: str) -> None:
    assert runs("((a:1.2):1.5) [b] BREAK", name) == (("a", 1.2), (" [b] BREAK", 1.0))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("fooocus", "fooocus"),
        ("ruinedfooocus", "fooocus"),
        ("swarmui", "swarmui"),
        ("sdcpp_cli", "sdcpp"),
        ("invokeai", "compel"),
        ("easydiffusion", "compel"),
        ("dream", "compel"),
        ("novelai", "novelai"),
    ],
)
def test_records_name_the_language_of_their_prompts(record: str, expected: str) -> None:
    assert language_name(find_dialect(record)) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("native", (("a", 1.235), ("b", 1.0))),
        ("a1111", (("a", 1.235), (" b", 1.0))),
        ("xhinker", (("a", 1.23456), (" b", 1.0))),
        ("compel", (("a:1 . 23456 b", 1.0),)),
        ("fixed", (("(a:1.23456) b", 1.0),)),
    ],
)
def test_sdnext_has_a_language_for_each_of_its_parsers(mode: str, expected: Runs) -> None:
    assert runs("(a:1.23456) b", "sdnext", mode) == expected


def test_sdnext_as_compel_is_compel() -> None:
    text = '(a b)1.3 "c"++ d-- (e - f)'
    assert runs(text, "sdnext", "compel") == runs(text, "compel")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("<fromto[0.5]:a, b>", ["a", "a", "b", "b"]),
        ("<fromto[1]:a||b, c>", ["a", "b, c", "b, c", "b, c"]),
        ("<alternate:a, b>", ["a", "b", "a", "b"]),
        ("<alternate:a, x|b>", ["a, x", "b", "a, x", "b"]),
        ("<alternate:<fromto[0.75]:a, b>, c>", ["a", "c", "a", "c"]),
        ("<random:<alternate:a, b>, c>", ["<random:a, c>", "<random:b, c>"] * 2),
        ("<alternate:a>", ["<alternate:a>"] * 4),
        ("<fromto[0.5]:a, b", ["<fromto[0.5]:a, b"] * 4),
    ],
)
def test_swarmui_changes_prompts_by_instructions(text: str, steps: list[str]) -> None:
    seen: list[str] = []
    for end, entry in language("swarmui").edits.schedule(text, 4):
        seen += [entry] * (end - len(seen))
    assert seen == steps


def test_instructions_of_swarmui_are_edits_in_the_ir() -> None:
    from paramc.dialects.prompt import read_prompt

    text = "x <fromto[0.5]:a, b> <alternate:c, d>"
    body = read_prompt(text, find_dialect("swarmui")).branches[0].body
    assert body[1] == Edit(before=(Literal(text="a"),), after=(Literal(text="b"),), when=0.5, fraction=True)
    assert body[3] == Alternate(options=((Literal(text="c"),), (Literal(text="d"),)))


def test_a_break_of_swarmui_holds_inside_of_groups() -> None:
    assert runs("a<break>(b <break>c:1.2)", "swarmui") == (
        ("a", 1.0),
        ("BREAK", -1.0),
        ("b ", 1.2),
        ("BREAK", -1.0),
        ("c", 1.2),
    )


@pytest.mark.parametrize(
    ("text", "name", "signs"),
    [
        ("a <random:b, c> <alternate:d, e> <embed:f>", "swarmui", ["<random", "<embed"]),
        ("a|b", "novelai", ["|"]),
        ("||a|b||", "novelai", ["||", "|", "||"]),
        ("a|b <random:c, d>", "comfyui", []),
    ],
)
def test_what_only_the_program_acts_upon_is_text_with_a_remark(text: str, name: str, signs: list[str]) -> None:
    remarks = [item for item in paramc.prompt(text, name).diagnostics if item.code == "PC225"]
    assert [text[slice(*item.labels[0].span)] for item in remarks] == signs
    assert "".join(piece for piece, _ in paramc.prompt(text, name).runs()) == text


@pytest.mark.parametrize(
    ("text", "source", "target", "code"),
    [
        ('("a", "b").blend(1, 1)', "compel", "a1111", "PC226"),
        ("a.swap(b)", "compel", "a1111", "PC226"),
        ("withLora(x) a", "compel", "comfyui", "PC226"),
        ("a|b", "novelai", "a1111", "PC226"),
        ("a fox:2 a cat:1", "easydiffusion_2", "a1111", "PC226"),
        ("(a:1.2)", "a1111", "easydiffusion_2", "PC223"),
        ("a|b", "a1111", "novelai", "PC223"),
        ("[a]", "a1111", "sdnext", "PC227"),
        ("a <lora:x:0.5>", "fooocus", "comfyui", "PC219"),
        ("<alternate:a, b>", "swarmui", "comfyui", "PC221"),
        ("a<break>b", "swarmui", "novelai", "PC222"),
        ("(a:1.2)", "a1111", "fooocus", "PC224"),
    ],
)
def test_a_loss_is_named(text: str, source: str, target: str, code: str) -> None:
    assert code in [item.code for item in paramc.rephrase(text, source, target).diagnostics]


@pytest.mark.parametrize(
    ("text", "source", "target", "expected"),
    [
        ("a <lora:x:0.5>", "a1111", "fooocus", "a <lora:x:0.5>"),
        ("a <lora:x:0.5>", "swarmui", "a1111", "a <lora:x:0.5>"),
        ("a BREAK b", "a1111", "swarmui", "a<break>b"),
        ("a (b c)1.3 d", "compel", "a1111", "a (b c:1.3) d"),
        ("2::a b::", "novelai", "comfyui", "(a b:2)"),
        ("-1::a::, 1.5::b", "novelai", "a1111", "(a:-1), (b:1.5)"),
        ("(a) [b]", "easydiffusion_2", "a1111", "(a) [b]"),
        ("(a)1.2", "easydiffusion", "a1111", "(a:1.2)"),
        ("a\\ (b:1.2)", "comfyui", "sdcpp", "a\\ (b:1.2)"),
        ("a\\\\(b:1.2)", "a1111", "comfyui", "a\\ (b:1.2)"),
    ],
)
def test_what_can_be_said_is_said(text: str, source: str, target: str, expected: str) -> None:
    rephrased = paramc.rephrase(text, source, target)
    assert rephrased.text == expected
    assert all(item.severity == "info" for item in rephrased.diagnostics)


@pytest.mark.parametrize("text", ["(2-+)", '"a-+"', "(a+-b)", "(\\)-+)"])
def test_signs_after_signs_are_no_trouble_for_compel(text: str) -> None:
    assert runs(text, "compel")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["<alternate:" * 9000, "<a[" * 30_000, "<fromto[0.5]:a," * 6000 + ">" * 6000, "<break>" * 15_000, "<" * 99_000],
)
def test_hostile_instructions_are_read_in_a_moment(text: str) -> None:
    speaks = language("swarmui")
    start = process_time()
    for _, entry in speaks.edits.schedule(speaks.networks.split(text).text, 4):
        speaks.weights.runs(entry)
    assert process_time() - start < 5  # a quadratic reader takes minutes
