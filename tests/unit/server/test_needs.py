"""What a graph needs and a server has not."""

from typing import Any

import pytest

from paramc.resources import TARGETS
from paramc.server.needs import Need, Stock, needs, renamed
from paramc.server.tables import server_tables

TABLES = server_tables(TARGETS / "comfyui")
INFO: dict[str, Any] = {
    "Loader": {
        "input": {
            "required": {
                "ckpt_name": [["sdxl/Dream.safetensors", "a/twin.ckpt", "b/twin.ckpt", "anime_v3.ckpt"], {}],
                "steps": ["INT", {"min": 1, "max": 9}],
            },
            "optional": {"scheduler": ["COMBO", {"options": ["karras", "normal"]}]},
        }
    },
    "LoadImage": {"input": {"required": {"image": [["a.png"], {"image_upload": True}]}}},
    "Odd": {"input": {"required": {"scheduler": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "a"}]}], "steps": []}}},
}


def found(kind: str = "Loader", *, uploaded: bool = False, **inputs: Any) -> list[Need]:
    given = {"ckpt_name": "anime_v3.ckpt", "steps": 5} | inputs if kind == "Loader" else inputs
    return list(needs({"1": {"class_type": kind, "inputs": given}}, Stock(INFO), TABLES, uploaded))


def test_nothing_is_said_of_what_is_there() -> None:
    assert found() == []


@pytest.mark.parametrize("name", ["Dream.safetensors", "dream.SAFETENSORS", "old\\dream.safetensors", "dream.ckpt"])
def test_a_file_under_another_folder_or_suffix_is_the_same(name: str) -> None:
    assert [need.renamed for need in found(ckpt_name=name)] == ["sdxl/Dream.safetensors"]


def test_two_files_of_one_name_are_offered_and_none_is_taken() -> None:
    (need,) = found(ckpt_name="twin.ckpt")
    assert need.renamed == ""
    assert set(need.offers) >= {"b/twin.ckpt"}


def test_the_closest_file_is_offered() -> None:
    assert found(ckpt_name="anime_v2.ckpt")[0].offers[0] == "anime_v3.ckpt"


def test_the_closest_word_is_offered() -> None:
    (need,) = found(scheduler="Karras")
    assert (need.kind, need.offers) == ("word", ("karras",))


def test_the_closest_class_is_offered() -> None:
    assert found("Loadr")[0].offers[0] == "Loader"


def test_numbers_out_of_range_are_named_with_the_limit() -> None:
    assert [need.why for need in found(steps=12)] == ["it takes no more than 9"]
    assert [need.why for need in found(steps=0)] == ["it takes no less than 1"]


def test_a_missing_input_is_named() -> None:
    graph: dict[str, Any] = {"1": {"class_type": "Loader", "inputs": {"steps": 3}}}
    assert [need.name for need in needs(graph, Stock(INFO), TABLES)] == ["ckpt_name"]


def test_links_are_not_looked_at() -> None:
    assert found(ckpt_name=["2", 0], steps=["3", 0]) == []


def test_inputs_of_a_kind_that_nobody_knows_are_left_alone() -> None:
    assert found("Odd", scheduler="a", steps=3) == []


@pytest.mark.parametrize(("uploaded", "count"), [(True, 0), (False, 1)])
def test_a_picture_that_is_brought_along_need_not_be_there(uploaded: bool, count: int) -> None:
    assert len(found("LoadImage", uploaded=uploaded, image="mine.png")) == count


def test_the_graph_takes_the_names_of_the_server_and_those_of_the_user() -> None:
    graph: dict[str, Any] = {
        "1": {"class_type": "Loader", "inputs": {"ckpt_name": "dream.ckpt", "steps": 3}},
        "2": {"class_type": "Loader", "inputs": {"ckpt_name": "mine", "steps": 3}},
    }
    written = renamed(graph, list(needs(graph, Stock(INFO), TABLES)), {"mine": "b/twin.ckpt"})
    names = [node["inputs"]["ckpt_name"] for node in written.values() if isinstance(node, dict)]  # type: ignore[call-overload, index]
    assert names == ["sdxl/Dream.safetensors", "b/twin.ckpt"]
