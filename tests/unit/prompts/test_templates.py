"""Templates of Dynamic Prompts: what they can say, counted and drawn, and what keeps them within bounds."""

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc.dialects.templates as templates
from paramc.api import variants
from paramc.cli import main
from paramc.dialects.grammar import load_grammar
from paramc.dialects.template_pairing import DEEPEST, LEXED, TemplatePairing
from paramc.dialects.templates import TemplateReader, read_template
from paramc.dialects.variants import MOST_CHARACTERS
from paramc.dialects.wildcard_trees import read_tree
from paramc.dialects.wildcards import Wildcards

SIGNS = ["{", "}", "|", "$$", "${", "x", "=", "=!", ":", "__", "a", " ", "2", "1-2$$", "0.5::", "%{", "...", "#", "//", "\n", "~", "@",
         "(", ")", "/*", "*/", "é", "__w__", "${x}", "{a|b}"]  # fmt: skip
SOUP = st.lists(st.sampled_from(SIGNS), max_size=30).map("".join)


def counted(text: str, most: int = 50, wildcards: Path | None = None) -> list[str]:
    return list(variants(text, most, wildcards=wildcards).texts)


def said(text: str) -> list[str]:
    return [item.code for item in variants(text, 3).diagnostics]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Wildcards of every kind, and a secret beside them."""
    files = tmp_path / "wildcards"
    (files / "sub" / "deep").mkdir(parents=True)
    (files / "colour.txt").write_text("red\n\n# no colour\n  {light|dark} blue\n", encoding="utf-8")
    (files / "sub" / "size.txt").write_text("\ufeffbig", encoding="utf-8")
    (files / "sub" / "deep" / "size.txt").write_text("huge", encoding="utf-8")
    (files / "list.json").write_text('["x", "y"]', encoding="utf-8")
    (files / "tree.json").write_text('{"animals": {"cats": ["tom"], "dog": "rex"}}', encoding="utf-8")
    (files / "said.txt").write_text("a ${who:nobody}", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (files / "link.txt").symlink_to(tmp_path / "secret.txt")
    return files


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", ["a cat"]),
        ("{a|b} {c|d}", ["a c", "a d", "b c", "b d"]),
        ("{ a |  b}", ["a ", "b"]),
        ("{a||b}", ["a", "", "b"]),
        ("{a|{b|c} d}", ["a", "b d", "c d"]),
        ("{0.5::a| 2::b}", ["a", "b"]),
        ("{2$$a|b|c}", ["a,b", "a,c", "b,a", "b,c", "c,a", "c,b"]),
        ("{2$$ | $$a|b}", ["a | b", "b | a"]),
        ("{1-2$$a|b}", ["a", "b", "a,b", "b,a"]),
        ("{-1$$a|b}", ["a", "b"]),
        ("{2-$$a|b}", ["a,b", "b,a"]),
        ("{0-1$$a|b}", ["", "a", "b"]),
        ("{9$$a|b}", ["a,b", "b,a"]),
        ("${x={a|b}}${x}${x}", ["aa", "ab", "ba", "bb"]),
        ("${x=!{a|b}}${x}${x}", ["aa", "bb"]),
        ("${x=a}${x?=b}${x}${y?=c}${y}", ["ac"]),
        ("${x:a {b|c}}", ["a b", "a c"]),
        ("${x}", [""]),
        ("%{(...:1.2)$${a|b}}", ["(a:1.2)", "(b:1.2)"]),
        ("a # b {c|d}\n{e|f}", ["a \ne", "a \nf"]),
        ("{a|b}// c\nd", ["a\nd", "b\nd"]),
        ("/* a {b|c} */d", ["d"]),
        ("see http://x/{a|b}", ["see http://x/a", "see http://x/b"]),
        ("{a|b}}", ["a}", "b}"]),
        ("(a:1.2) [b|c] <lora:d:1>", ["(a:1.2) [b|c] <lora:d:1>"]),
    ],
)
def test_variants_are_counted_in_order(text: str, expected: list[str]) -> None:
    assert counted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__colour__", ["red", "light blue", "dark blue"]),
        ("__sub/size__ __list__", ["big x", "big y"]),
        ("__animals/cats__ __animals/dog__", ["tom rex"]),
        ("__sub/*__", ["big"]),
        ("__sub/**__", ["huge", "big"]),
        ("__**/size__", ["huge", "big"]),
        ("__animals/*__", ["rex", "tom"]),
        ("{2$$__list__}", ["x,y", "y,x"]),
        ("__said__ __said(who=cat)__ __said__", ["a nobody a cat a nobody"]),
    ],
)
def test_wildcards_come_from_files(text: str, expected: list[str], folder: Path) -> None:
    assert counted(text, wildcards=folder) == expected


@pytest.mark.parametrize("name", ["../secret", "link", "sub/../../secret", "/etc/hostname", "**/../secret", "nothing"])
def test_no_name_leads_out_of_the_folder(name: str, folder: Path) -> None:
    told = variants(f"__{name}__", 1, wildcards=folder)
    assert told.texts == (f"__{name}__",)
    assert [item.code for item in told.diagnostics] == ["PC230"]


def test_an_absolute_name_is_no_name(folder: Path) -> None:
    assert counted(f"__{folder.parent / 'secret'}__", wildcards=folder) == [f"__{folder.parent / 'secret'}__"]


@pytest.mark.parametrize("text", ["[1, 2", "[" * 100_000, '{"a":' * 50_000])
def test_a_broken_file_of_wildcards_is_named(text: str, folder: Path) -> None:
    (folder / "broken.json").write_text(text, encoding="utf-8")
    told = variants("__colour__", 1, wildcards=folder)
    assert (told.texts, [item.code for item in told.diagnostics]) == (("red",), ["PC231"])


@pytest.mark.parametrize("text", ["a { b", "$5", "${ c", "__ d", "%{e}"])
def test_a_stray_sign_is_text_and_named(text: str) -> None:
    assert counted(text) == [text]
    assert set(said(text)) == {"PC228"}


def test_everything_around_a_stray_sign_is_read() -> None:
    assert counted("{ {a|b}") == ["{ a", "{ b"]
    assert counted("{a|{b}") == ["{a|b"]


def test_brackets_beyond_the_deepest_are_text() -> None:
    inside = "{" * DEEPEST + "{a|b}" + "}" * DEEPEST
    assert counted(inside) == ["{a|b}"]


def test_a_seed_draws_the_same_variants_again_and_each_has_its_own_stream() -> None:
    text = "{a|b|c|d} {e|f|g|h} {2$$i|j|k}"
    first = variants(text, 20, seed=7).texts
    assert first == variants(text, 20, seed=7).texts
    assert first[5] == variants(text, 1, seed=12).texts[0]
    assert len(set(first)) > 10


def test_weights_are_shares_of_what_is_drawn() -> None:
    drawn = Counter(variants("{3::a|1::b|0::c}", 4000, seed=1).texts)
    assert drawn["c"] == 0
    assert 0.7 < drawn["a"] / 4000 < 0.8


def test_weights_of_nothing_are_even_shares() -> None:
    assert set(variants("{0::a|0::b}", 50, seed=1).texts) == {"a", "b"}


@pytest.mark.parametrize("mode", ["@", "!"])
def test_in_turn_means_one_after_the_other_even_where_the_rest_is_drawn(mode: str) -> None:
    assert [text[0] for text in variants(f"{{{mode}a|b|c}}{{d|e}}", 6, seed=3).texts] == list("abcabc")


def test_drawn_means_drawn_even_where_the_rest_is_counted() -> None:
    texts = counted("{1|2|3|4|5|6|7|8}{~a|b}")
    assert [text[0] for text in texts] == list("12345678")
    assert {text[1] for text in texts} == {"a", "b"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "${a=x ${a}}${a}",
        "${a=${b}}${b=${a}}${a}",
        "".join(f"${{v{n + 1}=!${{v{n}}}${{v{n}}}}}" for n in range(60)).replace("${v0}", "abc") + "${v60}",
        "".join(f"${{v{n + 1}=${{v{n}}}${{v{n}}}}}" for n in range(60)) + "${v60}",
    ],
)
def test_what_grows_without_bounds_is_cut_off_and_named(text: str) -> None:
    start = process_time()
    told = variants(text, 10_000, seed=1)
    assert process_time() - start < 20
    assert "PC229" in [item.code for item in told.diagnostics]
    assert max(map(len, told.texts)) <= 4 * MOST_CHARACTERS


def test_wildcards_that_name_each_other_end(folder: Path) -> None:
    (folder / "ping.txt").write_text("a __pong__", encoding="utf-8")
    (folder / "pong.txt").write_text("b __ping__", encoding="utf-8")
    told = variants("__ping__", 1, wildcards=folder)
    assert [item.code for item in told.diagnostics] == ["PC229"]


@given(SOUP)
def test_any_text_is_a_template(text: str) -> None:
    assert 1 <= len(variants(text, 4).texts) <= 4
    assert len(variants(text, 3, seed=1).texts) == 3


@given(st.text(st.characters(exclude_characters="{}$_#%/"), max_size=60))
def test_a_text_without_signs_says_itself(text: str) -> None:
    assert counted(text) == [text]


@given(SOUP)
def test_what_was_made_of_it_makes_nothing_more_of_itself(text: str) -> None:
    for told in variants(text, 3).texts:
        if not re.search(r"[{}$%#/]|__", told):
            assert counted(told) == [told]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000,
        "{a|b" * 30_000,
        "{" * 50_000 + "}" * 50_000,
        "${a=" * 30_000,
        "__a(" * 30_000,
        "_" * 100_000,
        "}/*" * 40_000,
        "$$" * 50_000,
        "{2$$" * 30_000,
        "|1::" * 30_000,
        "{" + " " * 100_000 + "|",
        "%{a$$" * 20_000,
    ],
)
def test_hostile_templates_are_read_in_a_moment(text: str) -> None:
    start = process_time()
    variants(text, 1)
    assert process_time() - start < 10  # a quadratic reader takes minutes


def test_without_its_grammar_a_template_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminals = "".join(f'{name}: "\\x00{name}"\n' for name in LEXED if name != "TEXT")
    (tmp_path / "template.lark").write_text(
        f"start: body\nbody: (TEXT | {' | '.join(name for name in LEXED if name != 'TEXT')})*\n{terminals}TEXT: /(?s:.+)/\n",
        encoding="utf-8",
    )
    plain = load_grammar(
        tmp_path / "template.lark", lexer="basic", postlex=TemplatePairing(), callbacks=TemplateReader()
    )
    monkeypatch.setattr(templates, "_grammar", lambda: plain)
    read_template.cache_clear()
    assert counted("{a|b} __c__ ${d}") == ["{a|b} __c__ ${d}"]
    read_template.cache_clear()


def test_the_command_prints_a_line_for_each_variant(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["prompt", "a __colour__ {cat|dog}", "--variants", "3", "--wildcards", str(folder)]) == 0
    assert capsys.readouterr().out == "a red cat\na red dog\na light blue cat\n"


def test_the_command_rewrites_variants_where_another_language_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", "({a|b}:1.2)", "--variants", "2", "--to", "compel", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["result"]["texts"] == ["(a)1.2", "(b)1.2"]


@pytest.mark.parametrize(
    "words", [["--seed", "1"], ["--wildcards", "."], ["--variants", "0"], ["--variants", "2", "--wildcards", "nowhere"]]
)
def test_the_command_refuses_what_makes_no_sense(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", "a", *words]) == 2
    assert "PC800" in capsys.readouterr().err


TREE = """\ufeff# wildcards
clothes:
  upper:
    - shirt  # the usual
    - "jacket, red"
    - 'it''s'
  lower: [jeans, "a, b"]
  single: one text
animals:
- (cat:1.2)
- {a|b} c
long:
  - it goes
    on
"quoted key":
  - &a x
  - *a
  - !!python/object:os.system y
fruit: &fruit
  - apple
  - pear
    tree
  - fig
short: &short [plum, kiwi]
same: *fruit
both:
  - *fruit
  - *a
  - *nobody
  - *short
"""


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("clothes/upper", ["shirt", "jacket, red", "it's"]),
        ("clothes/lower", ["jeans", "a, b"]),
        ("clothes/single", ["one text"]),
        ("animals", ["(cat:1.2)", "a c", "b c"]),
        ("long", ["it goes on"]),
        ("quoted key", ["x", "x", "!!python/object:os.system y"]),
        ("fruit", ["apple", "pear tree", "fig"]),
        ("same", ["apple", "pear tree", "fig"]),
        ("both", ["apple", "pear tree", "fig", "x", "*nobody", "plum", "kiwi"]),
    ],
)
def test_wildcards_are_read_from_yaml(tmp_path: Path, name: str, texts: list[str]) -> None:
    (tmp_path / "tree.yaml").write_text(TREE, encoding="utf-8")
    assert counted(f"__{name}__", wildcards=tmp_path) == texts


def test_an_alias_without_an_anchor_is_told(tmp_path: Path) -> None:
    (tmp_path / "tree.yaml").write_text(TREE, encoding="utf-8")
    wildcards = Wildcards(tmp_path)
    assert wildcards.texts("fruit")
    assert [problem.message for problem in wildcards.problems] == [
        "`*nobody` in `tree.yaml` stands for nothing, and stays text"
    ]


def test_an_alias_stands_for_what_had_its_name_last_before_it() -> None:
    tree = read_tree("a: &x\n  - one\nb:\n  - *x\nc: &x\n  - two\nd: [*x, three]\n")
    assert (tree.lists["b",], tree.lists["d",]) == (["one"], ["two", "three"])


def test_aliases_of_aliases_never_multiply() -> None:
    bomb = "a: &a [x, x, x, x]\n" + "".join(f"{b}: &{b}\n{f'- *{a}{chr(10)}' * 99}" for a, b in pairwise("abcdefghi"))
    assert sum(map(len, read_tree(bomb).lists.values())) < 99 * 99 * 9


def test_a_long_text_is_no_longer_for_all_its_aliases() -> None:
    tree = read_tree(f"a: &x\n  - {'y' * 999}\n    {'z' * 999}\nb:\n" + "  - *x\n" * 99)
    assert len({id(text) for text in tree.lists["b",]}) == 1


def test_a_tree_of_more_lines_than_anybody_writes_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 200000 lines"):
        read_tree("a\n" * 200_001)


@pytest.mark.parametrize("text", ["- a\n- b\n", "---\n- a\r\n- b\r\n...\n", "[a, b]"])
def test_a_list_without_a_key_goes_by_the_name_of_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.yml").write_text(text, encoding="utf-8")
    assert counted("__list__", wildcards=tmp_path) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("- " * 9000, []),
        ("a:\n" * 9000, []),
        ("[" * 9000, ["[" * 9000]),
        ("a # b" * 9000, ["a"]),
        (" \t" * 9000 + "# b", []),
        ("x: " * 9000, ["x: " * 8998 + "x:"]),
        ("a:\n  - b\n" + "    c\n" * 9000, ["b" + " c" * 9000]),
    ],
)
def test_hostile_yaml_holds_what_its_lines_say(text: str, texts: list[str]) -> None:
    assert [found for listed in read_tree(text).lists.values() for found in listed] == texts
