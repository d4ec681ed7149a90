"""Prompts built from values: edits, weighted runs, branches and network tags, and how they are spelt."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from paramc.dialects.weights import BREAK, Run, Runs
from paramc.ir.prompt import Alternate, Body, Edit, Literal, NetworkTag, Part

Example = TypeVar("Example")
WORDS = st.sampled_from(["cat", "a dog", ", ", " ", "青い空", "50% gray", "\n", "AND", "BREAK", "<x>", "{a}", "#"])
PIECES = st.one_of(WORDS, st.sampled_from(["(cat)", "(cat:1.2)", r"\(", r"\]", r"\:", r"\|", "((a)(b))", "()"]))
NUMBERS = st.one_of(
    st.integers(-3, 25).map(str), st.sampled_from(["0.5", ".25", "1.", "1.5", "0.999", "1e1", "2.5e-1", "+3", "-0.5"])
)
WEIGHTS = st.one_of(
    st.sampled_from([1.0, 1.1, 1.2, 0.9090909090909091, -1.0, 0.0, 1.2100000000000002]),
    st.floats(allow_nan=False, allow_infinity=False),
)


def census(strategy: st.SearchStrategy[Example], kinds: Callable[[Example], Iterable[str]]) -> Counter[str]:
    """In how many of 1,000 examples each kind appears."""
    seen: Counter[str] = Counter()

    @settings(max_examples=1000, database=None)
    @given(strategy)
    def look(example: Example) -> None:
        seen.update(set(kinds(example)))

    look()
    return seen


def joined(parts: Iterable[Part]) -> Body:
    """The parts with neighbouring literals as one, as reading gives them."""
    result: list[Part] = []
    for are_literals, group in groupby(parts, lambda part: isinstance(part, Literal)):
        if are_literals:
            text = "".join(part.text for part in group if isinstance(part, Literal))
            result += [Literal(text=text)] if text else []
        else:
            result += group
    return tuple(result)


def _grouped(parts: Body) -> Body:
    return (Literal(text="["), *parts, Literal(text="]"))


def _edit(before: Body, after: Body, number: str) -> Part:
    return Edit(before=before, after=after, when=float(number), fraction="." in number)


LITERALS = PIECES.map(lambda text: (Literal(text=text),))


def _nested(inside: st.SearchStrategy[Body]) -> st.SearchStrategy[Body]:
    sequences = st.lists(inside, max_size=3).map(lambda bodies: joined(part for body in bodies for part in body))
    numbers = NUMBERS.map(lambda text: float(text) if "e" in text else text).map(str)
    return st.one_of(
        st.builds(_edit, sequences, sequences, numbers).map(lambda part: (part,)),
        st.lists(sequences, min_size=2, max_size=4).map(lambda options: (Alternate(options=tuple(options)),)),
        sequences.map(_grouped),
        sequences,
    )


bodies: st.SearchStrategy[Body] = st.recursive(LITERALS, _nested, max_leaves=12).map(joined)


def spelt(body: Body) -> str:
    """The text of a body."""
    return "".join(map(_part, body))


def _part(part: Part) -> str:
    match part:
        case Edit():
            number = str(part.when) if part.fraction else str(int(part.when))
            before = f"{spelt(part.before)}:" if part.before else ""
            return f"[{before}{spelt(part.after)}:{number}]"
        case Alternate():
            return f"[{'|'.join(map(spelt, part.options))}]"
        case _:
            return part.text


def parts_of(body: Body) -> Iterable[Part]:
    """All parts, those inside others included."""
    for part in body:
        yield part
        inside = (
            (part.before, part.after) if isinstance(part, Edit) else part.options if isinstance(part, Alternate) else ()
        )
        for each in inside:
            yield from parts_of(each)


def text_at(body: Body, step: int, steps: int) -> str:
    """What step `step` of `steps` sees, straight from the values."""
    return "".join(
        text_at(part.before if step <= last_step(part, steps) else part.after, step, steps)
        if isinstance(part, Edit)
        else text_at(part.options[(step - 1) % len(part.options)], step, steps)
        if isinstance(part, Alternate)
        else part.text
        for part in body
    )


def last_step(edit: Edit, steps: int) -> int:
    return min(steps, int(edit.when * steps if edit.fraction else edit.when))


def _chunk(texts: list[tuple[str, float]]) -> list[Run]:
    """Runs without equal neighbours."""
    runs: list[Run] = []
    for text, weight in texts:
        if not runs or runs[-1][1] != weight:
            runs.append((text, weight))
    return runs or [("", 1.0)]


def _with_breaks(chunks: list[list[Run]]) -> Runs:
    """Chunks joined by breaks; between a break and a weighted run stands an empty one, as reading gives it."""
    runs: list[Run] = []
    for index, chunk in enumerate(chunks):
        if index:
            runs += [BREAK] if runs[-1][1] == 1 else [("", 1.0), BREAK]
            runs += [("", 1.0)] if chunk[0][1] != 1 else []
        runs += chunk
    return tuple(runs)


run_texts = st.text("ab ()[]:\\1.2,\né猫#|<>", min_size=1, max_size=8)
runs: st.SearchStrategy[Runs] = st.lists(
    st.lists(st.tuples(run_texts, WEIGHTS), max_size=4).map(_chunk), min_size=1, max_size=3
).map(_with_breaks)

_balanced_words = st.sampled_from(["cat", " ", ", ", "a:b", "1.2", "猫", "|", "#"])
balanced: st.SearchStrategy[str] = st.recursive(
    _balanced_words,
    lambda inside: st.one_of(
        st.tuples(st.sampled_from([("(", ")"), ("[", "]"), ("(", ":1.3)"), ("(", ": -2 )")]), inside).map(
            lambda pair: pair[0][0] + pair[1] + pair[0][1]
        ),
        st.lists(inside, max_size=3).map("".join),
    ),
    max_leaves=10,
)

branch_texts = st.text("ab ,:ANDé\n1", max_size=8).map(lambda text: f"{text}x")
branches: st.SearchStrategy[list[tuple[str, float]]] = st.lists(
    st.tuples(branch_texts, st.sampled_from([1.0, 0.5, -1.25, 0.0, 12.0])), min_size=1, max_size=4
)

_arguments = st.text("ab .é,(\n", max_size=5)
tags: st.SearchStrategy[NetworkTag] = st.builds(
    NetworkTag,
    kind=st.sampled_from(["lora", "hypernet", "é1_"]),
    name=st.text("ab .é,(\n", min_size=1, max_size=5),
    args=st.lists(_arguments, max_size=3).map(tuple),
    named=st.dictionaries(_arguments, _arguments, max_size=2).map(lambda found: tuple(found.items())),
)
tagged: st.SearchStrategy[list[NetworkTag | str]] = st.lists(
    st.one_of(tags, st.text("ab ,()1>", max_size=4)), max_size=6
)


def spelt_tag(tag: NetworkTag) -> str:
    arguments = [tag.name, *tag.args, *(f"{key}={value}" for key, value in tag.named)]
    return f"<{tag.kind}:{':'.join(arguments)}>"


hostile = st.text("()[]{}<>:|\\#=ABREKND \n.01abx,", max_size=40)
