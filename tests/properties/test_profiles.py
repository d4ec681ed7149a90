"""The texts of a graph mean what the prompt means, whichever nodes read them: weights by text, part, share of time."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramc
from paramc.dialects.prompt import weigh
from paramc.dialects.registry import find_dialect
from paramc.ir.plan import Combine, Encode, Plan, Run

Graph: TypeAlias = dict[str, dict[str, Any]]
EXAMPLES = 60
CENSUS = 400
STEPS = 12
REMARK = re.compile(r"(?<!\\)#")
STYLE = "STYLE(A1111, mean) "
READ_BY = {"core": "comfyui", "smz": "a1111", "promptcontrol": "a1111"}
KINDS = {
    "emphasis": ["(cat:1.2)", "(dog)", "[fog]", "((bird:1.3) (tree):0.5)", "(a (b [c]))", "(old: tower:1.25)"],
    "edit": ["[cat:dog:0.5]", "[(big:1.3) cat::8]", "[fog:4]"],
    "alternation": ["[cat|dog]", "[a|b|(c:1.1)]"],
    "break": [" BREAK "],
    "and": [" AND ", " :0.7 AND "],
    "escape": [r"\(c\)", r"a \[b\]", r"\\", "50%", "#1", "{x}", "a: b"],
    "network": ["<lora:one:0.7>", "<lora:two:0.5:1>"],
    "plain": ["a cat", ", ", "on a hill", "青い空"],
}
PIECES = [piece for pieces in KINDS.values() for piece in pieces]
prompts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(" ".join)


class Meant(NamedTuple):
    """One entry of a conditioning: its weight among others, when it holds, and the weighted texts of each chunk."""

    share: float
    end: float
    chunks: tuple[tuple[tuple[str, float], ...], ...]


def written(text: str, nodes: str) -> tuple[Graph, Plan]:
    """The graph of a prompt, and the plan that it is written from."""
    job = paramc.parse(
        f"{text}\nNegative prompt: bad\nSteps: {STEPS}, Sampler: Euler, CFG scale: 5, Seed: 1, Size: 512x512"
    )
    return json.loads(paramc.compile(job, "comfyui", options={"nodes": nodes}).text), paramc.lower(job)


def chunked(runs: Iterator[Run] | tuple[Run, ...]) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Weighted texts by chunk; spaces at their ends and empty ones mean nothing."""
    chunks: list[list[Run]] = [[]]
    for run in runs:
        if run.breaks:
            chunks.append([])
        else:
            chunks[-1].append(run)
    told = [tuple(_merged(chunk)) for chunk in chunks]
    while len(told) > 1 and not told[-1]:
        told.pop()  # what follows the last break counts only if it has text
    return tuple(told)


def _merged(runs: list[Run]) -> Iterator[tuple[str, float]]:
    told = [run for run in runs if run.text.strip()]
    for weight, group in groupby(told, lambda run: round(run.weight, 9)):
        yield "".join(" ".join(run.text for run in group).split()), weight


def of_plan(plan: Plan) -> list[Meant]:
    """What the plan says: every text with the number of its last call in place of a time."""
    ops = {op.id: op for op in plan.ops}
    whole = ops["positive_and"] if "positive_and" in ops else ops["positive"]
    parts = zip(whole.inputs, whole.weights, strict=True) if isinstance(whole, Combine) else [("positive", 1.0)]
    found: list[Meant] = []
    for name, weight in parts:
        op = ops[name]
        assert isinstance(op, Encode)
        befores = (-1, *(variant.last_call for variant in op.variants))
        found += [
            Meant(weight, min(variant.last_call, STEPS - 1), chunked(variant.runs))
            for variant, before in zip(op.variants, befores, strict=False)
            if before < STEPS - 1  # a text behind the last call is never used
        ]
    return found


def of_graph(graph: Graph, nodes: str) -> list[Meant]:
    """What the nodes say, as those who read their texts understand them."""
    (sampler,) = (node["inputs"] for node in graph.values() if node["class_type"] == "KSampler")
    return list(_entries(graph, sampler["positive"][0], nodes, 1.0, 1.0))


def _entries(graph: Graph, name: str, nodes: str, share: float, end: float) -> Iterator[Meant]:
    inputs = graph[name]["inputs"]
    match graph[name]["class_type"]:
        case "ConditioningCombine":
            for side in ("conditioning_1", "conditioning_2"):
                yield from _entries(graph, inputs[side][0], nodes, share, end)
        case "ConditioningSetAreaStrength":
            yield from _entries(graph, inputs["conditioning"][0], nodes, inputs["strength"], end)
        case "ConditioningSetTimestepRange":
            yield from _entries(graph, inputs["conditioning"][0], nodes, share, inputs["end"])
        case _:
            yield Meant(share, end, tuple(_chunks(graph, name, nodes)))


def _chunks(graph: Graph, name: str, nodes: str) -> Iterator[tuple[tuple[str, float], ...]]:
    inputs = graph[name]["inputs"]
    if graph[name]["class_type"] == "ConditioningConcat":
        for side in ("conditioning_to", "conditioning_from"):
            yield from _chunks(graph, inputs[side][0], nodes)
        return
    text = inputs["text"]
    if nodes == "promptcontrol":
        assert text.startswith(STYLE)
        assert REMARK.search(text) is None
        text = text.removeprefix(STYLE).replace("\\#", "#")
    pairs = weigh(text, find_dialect(READ_BY[nodes]))
    yield from chunked(
        tuple(
            Run(text="", breaks=True) if pair == ("BREAK", -1) else Run(text=pair[0], weight=pair[1]) for pair in pairs
        )
    )


def timeless(found: list[Meant]) -> list[tuple[float, object]]:
    """Weights and texts alone; times are compared by their order."""
    return [(entry.share, entry.chunks) for entry in found]


@pytest.mark.parametrize("nodes", READ_BY)
@given(text=prompts)
@settings(max_examples=EXAMPLES)
def test_each_kind_of_nodes_says_the_weights_of_the_prompt(nodes: str, text: str) -> None:
    graph, plan = written(text, nodes)
    found, meant = of_graph(graph, nodes), of_plan(plan)
    assert timeless(found) == timeless(meant)
    ends = [entry.end for entry in found]
    assert [later > before for before, later in pairwise(ends)] == [
        later.end > before.end for before, later in pairwise(meant)
    ]


@given(text=prompts)
@settings(max_examples=EXAMPLES)
def test_networks_and_guidance_are_the_same_whichever_nodes_read_the_texts(text: str) -> None:
    kinds = ("LoraLoader", "KSampler")
    told = []
    for nodes in READ_BY:
        graph, _ = written(text, nodes)
        told.append(
            [
                {name: value for name, value in node["inputs"].items() if not isinstance(value, list)}
                for node in graph.values()
                if node["class_type"] in kinds
            ]
        )
    assert told[0] == told[1] == told[2]


def test_every_kind_of_prompt_is_drawn() -> None:
    seen: Counter[str] = Counter()

    @given(prompts)
    @settings(max_examples=CENSUS)
    def count(text: str) -> None:
        seen.update(kind for kind, pieces in KINDS.items() if any(piece in text for piece in pieces))

    count()
    assert {kind for kind in KINDS if seen[kind] < CENSUS * 0.05} == set()
