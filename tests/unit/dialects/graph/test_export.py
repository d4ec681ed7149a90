"""Workflows become the graphs that the real frontend made of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.dialects.graph.drawings import bare, graph_of, plain, records

RULES = {record["name"]: record for record in records("ui2api")}
WORKFLOWS = {record["name"]: record for record in records("workflows")}
TEMPLATES = {record["name"]: record for record in records("templates")}
CHOSEN_AT_RANDOM = {"dynprompt_0", "dynprompt_2", "dynprompt_5"}
DATED = "filename_prefix_tokens"  # holds the day on which it was recorded
BEYOND_DOUBLES = "widgets_odd_values"  # the seed went through a number of a browser
NAMELESS = "unknown_node"  # the frontend leaves out the class that it does not know
LITERAL = sorted(set(RULES) - CHOSEN_AT_RANDOM - {DATED, BEYOND_DOUBLES, NAMELESS})


@pytest.mark.parametrize("name", LITERAL)
def test_each_rule_of_the_frontend_is_followed(name: str) -> None:
    assert plain(graph_of(RULES[name]["ui"])) == bare(RULES[name]["api"])


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_saved_workflow_is_the_graph_that_was_queued(name: str) -> None:
    record = WORKFLOWS[name]
    assert plain(graph_of(record["ui"])) == bare(record.get("after_ui", record["api"]))


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_an_official_template_is_the_graph_that_was_queued(name: str) -> None:
    assert plain(graph_of(TEMPLATES[name]["ui"])) == bare(TEMPLATES[name]["api"])


@pytest.mark.parametrize("name", sorted(CHOSEN_AT_RANDOM))
def test_of_a_choice_one_option_stays(name: str) -> None:
    text = next(
        node["inputs"]["text"] for node in plain(graph_of(RULES[name]["ui"])).values() if "text" in node["inputs"]
    )
    assert "{" not in text
    assert "|" not in text


def test_a_seed_beyond_a_browsers_numbers_keeps_its_digits() -> None:
    inputs = [node["inputs"] for node in plain(graph_of(RULES[BEYOND_DOUBLES]["ui"])).values()]
    assert 18446744073709551615 in [given.get("seed") for given in inputs]


def test_a_node_of_an_unknown_class_keeps_its_links_and_values() -> None:
    graph = plain(graph_of(RULES[NAMELESS]["ui"]))
    assert graph["2"]["inputs"]["text"] == ["80", 0]
    assert graph["80"] == {"class_type": "SomeCustomText", "inputs": {"UNKNOWN": "custom text", "UNKNOWN_1": "other"}}


@pytest.mark.parametrize(
    ("name", "code"),
    [("refused_link_table_missing_entry", "PC332"), ("refused_link_to_missing_node", "PC333")],
)
def test_what_the_frontend_refuses_is_said_and_the_rest_is_read(name: str, code: str) -> None:
    graph = graph_of(next(record["ui"] for record in records("refused") if record["name"] == name))
    assert [item.code for item in graph.diagnostics] == [code]
    assert graph.nodes


def test_the_first_of_two_nodes_with_one_id_counts() -> None:
    assert [item.code for item in graph_of(RULES["duplicate_node_id"]["ui"]).diagnostics] == ["PC334"]


def test_what_is_fetched_by_a_name_comes_from_where_it_was_stored() -> None:
    nodes = [
        {"id": 1, "type": "EmptyLatentImage", "widgets_values": [64, 64, 1], "outputs": [{"type": "LATENT"}]},
        {"id": 2, "type": "SetNode", "inputs": [{"name": "LATENT", "type": "LATENT", "link": 1}], "widgets_values": ["base"]},
        {"id": 3, "type": "GetNode", "outputs": [{"type": "LATENT"}], "widgets_values": ["base"]},
        {"id": 4, "type": "SaveLatent", "inputs": [{"name": "samples", "type": "LATENT", "link": 2}]},
    ]  # fmt: skip
    graph = graph_of({"nodes": nodes, "links": [[1, 1, 0, 2, 0, "LATENT"], [2, 3, 0, 4, 0, "LATENT"]], "version": 0.4})
    assert plain(graph)["4"]["inputs"]["samples"] == ["1", 0]


def test_a_subgraph_that_holds_itself_ends_somewhere() -> None:
    instance = {"id": 1, "type": "inner", "inputs": [], "outputs": []}
    inner = {"id": "inner", "nodes": [instance, {**instance, "id": 2}], "links": [], "inputs": [], "outputs": []}
    graph = graph_of({"nodes": [instance], "links": [], "definitions": {"subgraphs": [inner]}})
    assert "PC335" in [item.code for item in graph.diagnostics]


@pytest.mark.parametrize("wrapper", ["prompt", "output", "workflow"])
def test_a_graph_is_found_in_what_it_is_wrapped_in(wrapper: str) -> None:
    api: dict[str, Any] = WORKFLOWS["01_sd15_txt2img"]["api"]
    assert plain(graph_of({wrapper: api, "client_id": "x"})) == bare(api)


def test_the_corpus_has_pairs_that_convert_exactly(corpus: Path) -> None:
    """But for values that frontends of their time wrote or did not know: the upload button, widgets that came later."""
    folder = corpus / "comfyui_wild"
    rows = [json.loads(line) for line in (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()]
    pairs = [row["files"] for row in rows if row["form"] == "pair" and row["core_only"]]
    wrong = [files["api"] for files in pairs if not _alike(folder, files)]
    assert len(pairs) == 48
    assert [name.partition("_")[0] for name in wrong] == ["s032"]  # its group was drawn after the picture was made


def _alike(folder: Path, files: dict[str, str]) -> bool:
    ours = plain(
        graph_of(json.loads((folder / files.get("ui", files.get("workflow", ""))).read_text(encoding="utf-8")))
    )
    theirs = bare(json.loads((folder / files["api"]).read_text(encoding="utf-8")))
    later = {"device", "strength", "strength_type", "crop", "style", "grow_mask_by"}
    return ours.keys() == theirs.keys() and all(
        {name for name, value in ours[key]["inputs"].items() if theirs[key]["inputs"].get(name, ...) != value} <= later
        and set(theirs[key]["inputs"]) - set(ours[key]["inputs"]) <= {"upload", "choose file to upload"}
        for key in ours
    )


def test_values_of_packs_have_their_names() -> None:
    values = ["dream.safetensors", "Baked VAE", -2, "None", 1, 1, "a cat", "blurry", "none", "A1111", 640, 512, 1]
    loader = {"id": 1, "type": "Efficient Loader", "widgets_values": values, "outputs": []}
    inputs = plain(graph_of({"nodes": [loader], "links": []}))["1"]["inputs"]
    assert (inputs["clip_skip"], inputs["positive"], inputs["empty_latent_width"]) == (-2, "a cat", 640)


def test_what_is_sent_without_a_line_comes_from_where_the_file_notes_it() -> None:
    nodes = [
        {"id": 1, "type": "EmptyLatentImage", "widgets_values": [64, 64, 1], "outputs": [{"type": "LATENT"}]},
        {"id": 4, "type": "SaveLatent", "inputs": [{"name": "samples", "type": "LATENT", "link": None}]},
        {"id": 5, "type": "SaveLatent", "inputs": [{"name": "samples", "type": "LATENT", "link": None}]},
    ]
    sent = {"downstream": 4, "downstream_slot": 0, "upstream": "1", "upstream_slot": 0, "controller": 9}
    beyond = {**sent, "downstream": 5, "downstream_slot": 7}
    graph = plain(graph_of({"nodes": nodes, "links": [], "extra": {"ue_links": [sent, beyond, 3]}, "version": 0.4}))
    assert [graph[name]["inputs"].get("samples") for name in "45"] == [["1", 0], None]
