"""Graphs for the editor: what the frontend would queue is the graph itself, and it is laid out to be read."""

import gzip
import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import paramc
from paramc.backends.graph.drawn import escaped, workflow_text
from paramc.backends.graph.tables import graph_tables
from paramc.backends.registry import find_target
from paramc.dialects.graph.load import load_graph
from paramc.dialects.graph.model import Graph, Link
from paramc.dialects.graph.roles import roles_of
from paramc.dialects.graph.templates import templates_of
from paramc.dialects.registry import find_dialect

GOLDEN = Path(__file__).parents[3] / "golden" / "comfyui"
DIALECT = find_dialect("comfyui")
LAYOUT = graph_tables(find_target("comfyui").folder).layout
DOCUMENT = "a {b|c} // d /* e\nSteps: 20, Sampler: DPM++ 2M, Seed: 7, Size: 512x768, Hires upscale: 2, Hires upscaler: Latent, Denoising strength: 0.6, Model: dream"


def recorded(name: str) -> dict[str, Any]:
    with gzip.open(GOLDEN / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {record["name"]: record["api"] for record in map(json.loads, lines)}


GRAPHS = recorded("workflows") | recorded("templates")


def drawn(graph: Graph) -> dict[str, Any]:
    workflow: dict[str, Any] = json.loads(workflow_text(graph, roles_of(DIALECT), LAYOUT))
    return workflow


def nodes_of(graph: Graph) -> dict[str, Any]:
    return {node.id: (node.type, dict(node.inputs)) for node in graph.nodes.values()}


def renamed(graph: Graph, names: dict[str, str]) -> dict[str, Any]:
    return {
        names[node.id]: (
            node.type,
            {
                key: Link(names[value.node], value.slot) if isinstance(value, Link) else value
                for key, value in node.inputs.items()
            },
        )
        for node in graph.nodes.values()
    }


def written(text: str = DOCUMENT) -> dict[str, Any]:
    art = paramc.convert(text, "comfyui", options={"form": "ui"})
    workflow: dict[str, Any] = json.loads(art.files[0].text)
    return workflow


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_the_frontend_would_queue_the_very_graph(name: str) -> None:
    graph = load_graph(json.dumps(GRAPHS[name]), DIALECT)
    workflow = drawn(graph)
    back = load_graph(json.dumps(workflow), DIALECT)
    assert back.diagnostics == []
    if not all(key.isdecimal() for key in graph.nodes):
        assert len(back.nodes) == len(graph.nodes)
        order = sorted(workflow["nodes"], key=lambda node: node["id"])
        kinds = [node["type"] for node in order]
        assert sorted(kinds) == sorted(node.type for node in graph.nodes.values())
        return
    for key, (kind, inputs) in nodes_of(graph).items():
        found = nodes_of(back)[key]
        assert found[0] == kind
        assert {name: found[1].get(name) for name in inputs} == inputs


def test_a_settings_text_is_drawn_as_it_is_queued() -> None:
    plain = load_graph(paramc.convert(DOCUMENT, "comfyui").files[0].text, DIALECT)
    assert nodes_of(load_graph(json.dumps(written()), DIALECT)) == nodes_of(plain)


def boxes(items: list[dict[str, Any]]) -> Iterator[tuple[int, int, int, int]]:
    for item in items:
        x, y, width, height = item["bounding"] if "bounding" in item else (*item["pos"], *item["size"])
        yield x, y, x + width, y + height


def overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_nothing_overlaps_and_every_node_is_in_a_group(name: str) -> None:
    workflow = drawn(load_graph(json.dumps(GRAPHS[name]), DIALECT))
    nodes, groups = list(boxes(workflow["nodes"])), list(boxes(workflow["groups"]))
    assert not any(overlap(one, other) for one, other in combinations(nodes, 2))
    assert not any(overlap(one, other) for one, other in combinations(groups, 2))
    for x, y, right, bottom in nodes:
        assert any(box[0] <= x and box[1] <= y and right <= box[2] and bottom <= box[3] for box in groups)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_links_go_from_left_to_right(name: str) -> None:
    workflow = drawn(load_graph(json.dumps(GRAPHS[name]), DIALECT))
    left = {node["id"]: node["pos"][0] for node in workflow["nodes"]}
    assert all(left[source] < left[target] for _, source, _, target, _, _ in workflow["links"])


def test_groups_are_titled_in_the_order_of_the_work() -> None:
    assert [group["title"] for group in written()["groups"]] == ["Model", "Prompt", "Sampling", "Second pass", "Result"]


def test_each_further_pass_has_a_group_of_its_own() -> None:
    more = {"stages": [{"kind": "hires", "scale": 2.0}, {"kind": "further", "strength": 0.3}, {"kind": "further"}]}
    art = paramc.compile(paramc.parse(DOCUMENT).replace(more), "comfyui", options={"form": "ui"})
    titles = [group["title"] for group in json.loads(art.text)["groups"]]
    assert titles[3:] == ["Second pass", "Further pass", "Further pass", "Result"]


def test_a_note_tells_what_the_graph_does_in_another_way() -> None:
    """It stands beside the nodes, each thing is told once, and nothing of it is queued."""
    workflow = written(DOCUMENT.replace("Steps", "Negative prompt: (fog:1.3)\nSteps"))
    *nodes, note = workflow["nodes"]
    assert note["type"] in DIALECT.about["frontend"]["nothing"]
    assert note["pos"][0] + note["size"][0] < min(node["pos"][0] for node in nodes)
    lines = note["widgets_values"][0].splitlines()
    assert "- Negative prompt (approximate): the numbers are the same" in note["widgets_values"][0]
    assert len(set(lines)) == len(lines)


def test_a_graph_that_says_all_has_no_note() -> None:
    job = paramc.parse(json.dumps(GRAPHS["01_sd15_txt2img"]))
    art = paramc.compile(job, "comfyui", options={"form": "ui", "canonical": True})
    assert {node["type"] for node in json.loads(art.text)["nodes"]} == {
        node["class_type"]
        for node in json.loads(paramc.compile(job, "comfyui", options={"canonical": True}).text).values()
    }


def test_links_are_entered_on_both_sides() -> None:
    workflow = written()
    by_id = {node["id"]: node for node in workflow["nodes"]}
    for link, source, slot, target, place, kind in workflow["links"]:
        assert link in by_id[source]["outputs"][slot]["links"]
        assert (by_id[target]["inputs"][place]["link"], by_id[target]["inputs"][place]["type"]) == (link, kind)
    assert workflow["last_link_id"] == max(link[0] for link in workflow["links"])
    assert workflow["last_node_id"] == max(by_id)


@pytest.mark.parametrize(
    "text", ["{a|b}", "http://x", "a // b", "/* c */", "\\{", "///", "//*", "{", "}|{", "\\(x\\)", ""]
)
def test_a_text_reaches_the_server_as_it_is(text: str) -> None:
    assert templates_of(DIALECT).chosen(escaped(text)) == text


def test_a_seed_that_a_browser_cannot_hold_is_told() -> None:
    text = "cat\nSteps: 20, Sampler: Euler, Seed: 9007199254740995, Size: 512x512"
    codes = [item.code for item in paramc.convert(text, "comfyui", options={"form": "ui"}).diagnostics]
    assert "PC665" in codes
    assert "PC665" not in [item.code for item in paramc.convert(text, "comfyui").diagnostics]
