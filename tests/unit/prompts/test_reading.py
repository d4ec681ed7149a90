"""Texts → prompts of the IR: structure, spans, limits; and the public reading of one prompt."""

import paramc
from paramc.dialects.prompt import expand, read_negative, read_prompt, weigh
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.prompt import Alternate, Body, Branch, Edit, Literal, Opaque, Prompt
from paramc.ir.stages import Hires

A1111 = find_dialect("a1111")


def body(text: str) -> Body:
    return read_prompt(text, A1111).branches[0].body


def same(one: object, other: object) -> bool:
    """Equality of structure; prompts themselves are equal when their texts are."""
    return repr(one) == repr(other)


def depth(parts: Body) -> int:
    inside = [part.before + part.after for part in parts if isinstance(part, Edit)]
    inside += [option for part in parts if isinstance(part, Alternate) for option in part.options]
    return 1 + max(map(depth, inside)) if inside else 0


def test_a_plain_prompt_is_one_literal() -> None:
    assert body("a (cat:1.2), [dog]") == (Literal(text="a (cat:1.2), [dog]"),)


def test_edits_and_alternations_are_nodes() -> None:
    a, b, c = (Literal(text=text) for text in "abc")
    assert body("a[b:c:0.5]") == (a, Edit(before=(b,), after=(c,), when=0.5, fraction=True))
    assert body("[b:3]") == (Edit(after=(b,), when=3, fraction=False),)
    assert body("[a|[b::3]|]") == (Alternate(options=((a,), (Edit(before=(b,), when=3, fraction=False),), ())),)


def test_what_disables_editing_leaves_one_literal() -> None:
    assert body("a | b [c:d:3]") == (Literal(text="a | b [c:d:3]"),)


def test_spans_point_into_the_text_with_its_tags() -> None:
    text = "é <lora:x:1>[a:b<lora:y>:3] AND  [c|d]:0.5 "
    prompt = read_prompt(text, A1111)
    first, second = prompt.branches
    spans = [
        first.span,
        second.span,
        *(part.span for part in first.body + second.body if not isinstance(part, Literal)),
    ]
    assert [text[slice(*span)] for span in spans if span] == [
        "é <lora:x:1>[a:b<lora:y>:3]",
        "  [c|d]",
        "[a:b<lora:y>:3]",
        "[c|d]",
    ]
    assert [text[slice(*tag.span)] for tag in prompt.networks if tag.span] == ["<lora:x:1>", "<lora:y>"]


def test_branches_keep_text_and_weight() -> None:
    branches = read_prompt("a AND b:0.5", A1111).branches
    assert [(branch.text, branch.weight) for branch in branches] == [("a", 1.0), (" b", 0.5)]


def test_a_negative_prompt_has_edits_only() -> None:
    text = "<lora:x:1> a AND [b:c:3]:0.5"
    prompt = read_negative(text, A1111)
    assert (prompt.text, prompt.networks) == (text, ())
    assert [(branch.text, branch.weight, len(branch.body)) for branch in prompt.branches] == [(text, 1.0, 3)]


def test_an_empty_text_is_the_empty_prompt() -> None:
    empty = read_prompt("", A1111)
    assert empty.branches == read_negative("", A1111).branches == (Branch(),)
    assert empty == Prompt()


def test_edits_deeper_than_the_limit_are_opaque() -> None:
    text = "[a:" * 70 + "x" + ":1]" * 70
    edits = body(text)
    assert depth(edits) == 64
    innermost: Body = edits
    while isinstance(innermost[-1], Edit):
        innermost = innermost[-1].after
    assert innermost[-1] == Opaque(text=text[64 * 3 : -64 * 3], reason="nested too deeply")


def test_deep_prompts_survive_json_inside_a_job() -> None:
    for text in ("[a:" * 100 + "x" + ":1]" * 100, "[a|" * 100 + "x" + "]" * 100, "a:" + "9" * 400):
        prompt = read_prompt(text, A1111)
        job = Job(prompt=prompt, stages=(Hires(prompt=prompt),))
        again = Job.model_validate_json(job.model_dump_json())
        assert same(again.prompt, prompt)


def test_the_schedule_of_a_deep_text_stays_right() -> None:
    deep = 5000
    assert expand("[a:" * deep + "x" + ":1]" * deep, A1111, 10) == ((1, "a"), (10, "x"))
    assert expand("[" * deep + "[a:b:3]" + "]" * deep, A1111, 10)[1] == (10, "[" * deep + "b" + "]" * deep)


def test_the_bare_functions_are_the_methods_of_a_reading() -> None:
    text = "(a [b:c:3]:1.2)"
    reading = paramc.prompt(text)
    assert expand(text, A1111, 10, 5, legacy=True) == reading.schedule(10, 5, legacy=True)
    assert weigh(text, A1111) == reading.runs()


def test_the_bare_functions_know_older_versions() -> None:
    old = (1, 5, 2, 0, 0)
    text = "(a: 1.2) [b|]"
    whole = (Literal(text=text),)
    assert read_prompt(text, A1111, version=old).branches[0].body == whole
    assert read_negative(text, A1111, version=old).branches[0].body == whole
    assert expand(text, A1111, 10, version=old) == ((10, text),)
    assert weigh(text, A1111, version=old)[0] == ("a: 1.2", 1.1)


def test_a_reading_takes_each_pass_on_its_own() -> None:
    reading = paramc.prompt("<lora:x:1> a AND b:0.5")
    assert reading.text == " a AND b:0.5"
    assert reading.branches() == (("<lora:x:1> a", 1.0), (" b", 0.5))
    assert reading.runs() == (("<lora:x:1> a AND b:0.5", 1.0),)
    assert repr(reading) == "PromptReading('<lora:x:1> a AND b:0.5', 'a1111')"


def test_a_reading_can_be_of_an_older_version_or_another_mode() -> None:
    assert paramc.prompt("(a: 1.2)", version="v1.5.2").runs() == (("a: 1.2", 1.1),)
    assert paramc.prompt("a\nb", "sdnext", parser="a1111").runs() == (("a\nb", 1.0),)
