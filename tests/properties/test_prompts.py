"""Laws of the prompt languages: what is built is read back, and any text is taken."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from paramc.dialects.language import language_of
from paramc.dialects.prompt import read_negative, read_prompt
from paramc.dialects.registry import find_dialect
from paramc.dialects.weights import Run, Runs
from paramc.dialects.writing import decimal
from paramc.ir.prompt import Alternate, Body, Edit, Literal, NetworkTag, Prompt
from tests.properties import prompts

DIALECT = find_dialect("a1111")
A1111 = language_of(DIALECT)
STEPS = 12


@given(prompts.bodies)
def test_edits_are_read_as_they_were_built(body: Body) -> None:
    assert read_negative(prompts.spelt(body), DIALECT).branches[0].body == body


@given(prompts.bodies)
def test_spans_are_where_the_edits_are_spelt(body: Body) -> None:
    text = prompts.spelt(body)
    for part in prompts.parts_of(read_negative(text, DIALECT).branches[0].body):
        if not isinstance(part, Literal) and part.span:
            assert text[slice(*part.span)] == prompts.spelt((part,))


@given(prompts.bodies)
def test_the_schedule_is_what_the_steps_see(body: Body) -> None:
    schedule = A1111.edits.schedule(prompts.spelt(body), STEPS)
    starts = [1, *(end + 1 for end, _ in schedule)]
    for start, (end, text) in zip(starts, schedule, strict=False):
        assert all(prompts.text_at(body, step, STEPS) == text for step in range(start, end + 1))


@given(prompts.bodies)
def test_a_prompt_is_the_same_after_json(body: Body) -> None:
    prompt = read_prompt(prompts.spelt(body), DIALECT)
    again = Prompt.model_validate_json(prompt.model_dump_json())
    assert (again.text, again.networks, again.branches) == (prompt.text, prompt.networks, prompt.branches)


def test_bodies_are_of_every_kind() -> None:
    def kinds(body: Body) -> list[str]:
        parts = list(prompts.parts_of(body))
        nested = [
            part for part in body if isinstance(part, Edit | Alternate) and len(list(prompts.parts_of((part,)))) > 3
        ]
        empty = [part for part in parts if isinstance(part, Alternate) and () in part.options]
        late = [part for part in parts if isinstance(part, Edit) and not part.before]
        return [
            *(part.kind for part in parts),
            *["nested"][: len(nested)],
            *["empty"][: len(empty)],
            *["late"][: len(late)],
        ]

    seen = prompts.census(prompts.bodies, kinds)
    assert {kind for kind, count in seen.items() if count >= 20} == {
        "literal",
        "edit",
        "alternate",
        "nested",
        "empty",
        "late",
    }


@given(prompts.runs)
def test_runs_are_read_as_they_were_written(runs: Runs) -> None:
    assert A1111.weights.runs(A1111.writing.write(runs), strict=True) == runs


def test_runs_are_of_every_kind() -> None:
    def kinds(runs: Runs) -> list[str]:
        return [
            "break"
            if run == ("BREAK", -1)
            else "empty"
            if not run[0]
            else "plain"
            if run[1] == 1
            else "weighted"
            if run[1] > 0
            else "other"
            for run in runs
        ]

    seen = prompts.census(prompts.runs, kinds)
    assert {kind for kind, count in seen.items() if count >= 20} == {"break", "empty", "plain", "weighted", "other"}


@given(prompts.hostile)
def test_writing_twice_is_writing_once(text: str) -> None:
    if "BREAK" not in text:
        once = A1111.writing.write(A1111.weights.runs(text))
        assert A1111.writing.write(A1111.weights.runs(once)) == once


@given(prompts.balanced, prompts.balanced)
def test_balanced_texts_are_weighed_apart(left: str, right: str) -> None:
    apart: list[Run] = []
    for text, weight in (*A1111.weights.runs(left), *A1111.weights.runs(right)):
        if apart and apart[-1][1] == weight:
            apart[-1] = (apart[-1][0] + text, weight)
        else:
            apart.append((text, weight))
    together = [run for run in A1111.weights.runs(left + right) if run[0]]
    assert [run for run in _merged(apart) if run[0]] == together


def _merged(runs: list[Run]) -> list[Run]:
    """Equal neighbours as one, the empty run of an empty text left out."""
    result: list[Run] = []
    for text, weight in (run for run in runs if run[0]):
        if result and result[-1][1] == weight:
            result[-1] = (result[-1][0] + text, weight)
        else:
            result.append((text, weight))
    return result


def test_balanced_texts_are_of_every_kind() -> None:
    seen = prompts.census(prompts.balanced, lambda text: set("([:|") & set(text))
    assert {sign for sign, count in seen.items() if count >= 20} == set("([:|")


@given(prompts.branches)
def test_branches_are_split_as_they_were_joined(parts: list[tuple[str, float]]) -> None:
    text = " AND ".join(f"{text} :{decimal(weight)}" for text, weight in parts)
    spaced = [(f" {text}" if index else text, weight) for index, (text, weight) in enumerate(parts)]
    assert [(part.text, part.weight) for part in A1111.branches.split(text)] == spaced


def test_branches_are_of_every_kind() -> None:
    seen = prompts.census(
        prompts.branches, lambda parts: ["one" if len(parts) == 1 else "several", *(str(weight) for _, weight in parts)]
    )
    assert {kind for kind, count in seen.items() if count >= 20} == {
        "one",
        "several",
        "1.0",
        "0.5",
        "-1.25",
        "0.0",
        "12.0",
    }


@given(prompts.tagged)
def test_tags_are_found_as_they_were_written(items: list[NetworkTag | str]) -> None:
    text = "".join(item if isinstance(item, str) else prompts.spelt_tag(item) for item in items)
    untagged = A1111.networks.split(text)
    assert untagged.text == "".join(item for item in items if isinstance(item, str))
    written = [item for item in items if isinstance(item, NetworkTag)]
    read = [A1111.networks.network(tag) for tag in untagged.tags]
    assert [(tag.kind, tag.name, tag.args, tag.named) for tag in read] == [
        (tag.kind, tag.name, tag.args, tag.named) for tag in written
    ]
    assert [text[slice(*tag.span)] for tag in read if tag.span] == list(map(prompts.spelt_tag, written))


def test_tags_are_of_every_kind() -> None:
    def kinds(items: list[NetworkTag | str]) -> list[str]:
        tags = [item for item in items if isinstance(item, NetworkTag)]
        named = ["named" for tag in tags if tag.named]
        return [*(tag.kind for tag in tags), *named, *["text" for item in items if isinstance(item, str) and item]]

    seen = prompts.census(prompts.tagged, kinds)
    assert {kind for kind, count in seen.items() if count >= 20} == {"lora", "hypernet", "é1_", "named", "text"}


@given(st.one_of(prompts.hostile, st.text()))
def test_any_text_is_a_prompt(text: str) -> None:
    prompt = read_prompt(text, DIALECT)
    assert prompt.text == text
    assert prompt.branches
    assert A1111.weights.runs(text)


@given(
    st.one_of(prompts.hostile, st.text()), st.integers(1, 30), st.one_of(st.none(), st.integers(1, 30)), st.booleans()
)
def test_a_schedule_ends_with_the_pass(text: str, steps: int, hires_steps: int | None, legacy: bool) -> None:
    ends = [end for end, _ in A1111.edits.schedule(text, steps, hires_steps, legacy=legacy)]
    assert all(left < right for left, right in pairwise(ends))
    assert ends[-1] == (steps if legacy or hires_steps is None else hires_steps)


@given(prompts.hostile)
def test_without_a_square_bracket_nothing_changes_by_step(text: str) -> None:
    flat = text.replace("[", "")
    assert A1111.edits.schedule(flat, STEPS) == ((STEPS, flat),)


@given(prompts.hostile)
def test_no_comment_is_left_behind(text: str) -> None:
    assert "#" not in A1111.comments.remove(text)
