"""`paramc grid --to`: a sweep written for another program."""

import json
from pathlib import Path
from typing import TypedDict

import pytest

import paramc
from paramc.cli import main

TEXT = (
    "a cat\nNegative prompt: bad\nSteps: 20, Sampler: Euler, Schedule type: Automatic, CFG scale: 7, Seed: 42, "
    "Size: 512x768, RNG: CPU, Model: dream_8, Version: v1.10.1"
)


class Node(TypedDict):
    """A node of a graph; links are named with the node first."""

    class_type: str
    inputs: dict[str, str]
    _meta: dict[str, str]


Graph = dict[str, Node]
AXES = ("--axis", "seed=1,2", "--axis", "steps=10,20,30")


def written(folder: Path, target: str, *words: str, text: str = TEXT) -> dict[str, str]:
    assert main(["grid", text, *(words or AXES), "--to", target, "-o", str(folder)]) == 0
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}


def listed(files: dict[str, str]) -> list[dict[str, object]]:
    (index,) = (json.loads(text) for name, text in files.items() if "grid" in name)
    cells: list[dict[str, object]] = index["cells"]
    return cells


def test_a_script_says_the_sweep_as_a_loop(tmp_path: Path) -> None:
    (source,) = written(tmp_path, "diffusers").values()
    assert "itertools.product(STEPS_VALUES, SEEDS)" in source


def test_scripts_of_different_shapes_are_written_apart_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = written(tmp_path, "diffusers", "--axis", "layer=-1,-2")
    assert sorted(Path(name).suffix for name in files) == [".json", ".py", ".py"]
    assert "PC837" in capsys.readouterr().err


@pytest.mark.parametrize(("target", "suffix"), [("comfyui", ".json"), ("a1111", ".txt"), ("json", ".json")])
def test_other_targets_have_a_file_for_each_cell_and_an_index(tmp_path: Path, target: str, suffix: str) -> None:
    files = written(tmp_path, target)
    cells = listed(files)
    assert len(files) == 7
    assert [cell["labels"] for cell in cells] == [[seed, steps] for steps in ("10", "20", "30") for seed in ("1", "2")]
    for cell in cells:
        job = paramc.parse(files[str(cell["file"])])
        assert [str(job.noise.seed), str(job.sampling.steps)] == cell["labels"]
        assert str(cell["file"]).endswith(suffix)


def test_cells_of_the_same_settings_share_a_file(tmp_path: Path) -> None:
    files = written(tmp_path, "a1111", "--axis", "seed=1,1")
    assert len(files) == 2
    assert len({str(cell["file"]) for cell in listed(files)}) == 1


def test_nothing_is_written_over_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "a1111")
    assert main(["grid", TEXT, *AXES, "--to", "a1111", "-o", str(tmp_path)]) == 2
    assert "PC801" in capsys.readouterr().err
    assert main(["grid", TEXT, *AXES, "--to", "a1111", "-o", str(tmp_path), "--force"]) == 0


def test_a_grid_of_an_old_picture_is_written_without_any_axis(tmp_path: Path) -> None:
    text = TEXT.replace("Version", 'Script: X/Y/Z plot, X Type: CFG Scale, X Values: "4,5", Version')
    (source,) = written(tmp_path, "diffusers", "--set", "sampling.steps=9", text=text).values()
    assert ("CFG_SCALES = [4.0, 5.0]" in source, "STEPS = 9" in source) == (True, True)


def test_axes_that_are_no_values_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TEXT.replace("Version", "X Type: [PAG] PAG Scale, X Values: 3, Y Type: Steps, Y Values: 3, Version")
    written(tmp_path, "a1111", "--set", "noise.seed=1", text=text)
    assert "PC835" in capsys.readouterr().err


def test_an_unknown_target_is_a_matter_of_usage(tmp_path: Path) -> None:
    assert main(["grid", TEXT, *AXES, "--to", "difusers", "-o", str(tmp_path)]) == 2


def test_settings_without_a_grid_need_an_axis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TEXT.replace("Version", "X Type: Steps, X Values: many, Version")
    assert main(["grid", text, "--to", "json", "-o", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert ("PC836" in printed, "PC800" in printed) == (True, True)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grid", TEXT, *AXES]) == 2
    assert "`-o` is missing" in capsys.readouterr().err


def one_graph(folder: Path, *words: str, text: str = TEXT) -> tuple[Graph, list[dict[str, object]]]:
    files = written(folder, "comfyui", *(words or AXES), "--one-graph", text=text)
    (graph,) = (json.loads(text) for name, text in files.items() if name.endswith(".comfyui.json"))
    (index,) = (json.loads(text) for name, text in files.items() if not name.endswith(".comfyui.json"))
    return graph, index["cells"]


def nodes_of(graph: Graph, kind: str) -> list[Node]:
    return [node for node in graph.values() if node["class_type"] == kind]


def sampler_of(graph: Graph, picture: object) -> Node:
    """The sampler whose picture is saved under a name."""
    (node,) = (node for node in nodes_of(graph, "SaveImage") if node["inputs"]["filename_prefix"] == picture)
    while node["class_type"] != "KSampler":
        node = graph[next(iter(node["inputs"][name] for name in ("images", "samples") if name in node["inputs"]))[0]]
    return node


def test_one_graph_has_a_sampler_for_each_picture_and_one_of_everything_else(tmp_path: Path) -> None:
    graph, cells = one_graph(tmp_path)
    counts = [
        len(nodes_of(graph, kind)) for kind in ("CheckpointLoaderSimple", "CLIPTextEncode", "KSampler", "SaveImage")
    ]
    assert counts == [1, 2, 6, 6]
    for cell in cells:
        inputs = sampler_of(graph, cell["file"])["inputs"]
        assert [str(inputs["seed"]), str(inputs["steps"])] == cell["labels"]


def test_in_one_graph_what_belongs_to_one_picture_says_which(tmp_path: Path) -> None:
    graph, _ = one_graph(tmp_path)
    titles = [node["_meta"]["title"] for node in graph.values()]
    assert titles.count("Load checkpoint") == titles.count("Sample (seed: 2 · steps: 30)") == 1


def test_one_graph_loads_every_model_of_the_sweep_once(tmp_path: Path) -> None:
    graph, _ = one_graph(tmp_path, "--axis", "checkpoint=dream_8,real_4", "--axis", "seed=1..3")
    loaded = [node["inputs"]["ckpt_name"] for node in nodes_of(graph, "CheckpointLoaderSimple")]
    assert loaded == ["dream_8.safetensors", "real_4.safetensors"]


def test_a_graph_that_was_read_is_joined_as_it_is(tmp_path: Path) -> None:
    source = paramc.convert(TEXT, to="comfyui").text.replace('"7"', '"70"').replace('"Sample"', '"Mine"')
    graph, _ = one_graph(tmp_path, "--axis", "seed=7,8", text=source)
    found = [(str(node["inputs"]["seed"]), node["_meta"]["title"]) for node in nodes_of(graph, "KSampler")]
    assert found == [("7", "Mine (seed: 7)"), ("8", "Mine (seed: 8)")]


def test_one_graph_can_be_drawn_for_the_editor(tmp_path: Path) -> None:
    files = written(tmp_path, "comfyui", *AXES, "--one-graph", "--option", "form=ui")
    (drawn,) = (text for name, text in files.items() if name.endswith(".comfyui.json"))
    assert [node["type"] for node in json.loads(drawn)["nodes"]].count("KSampler") == 6


def test_one_graph_is_refused_where_there_are_no_graphs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grid", TEXT, *AXES, "--to", "a1111", "--one-graph", "-o", str(tmp_path)]) == 2
    assert "`--one-graph` is for targets of graphs" in capsys.readouterr().err


def test_graphs_whose_links_run_in_a_circle_are_not_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = json.loads(paramc.convert(TEXT, to="comfyui").text)
    graph["3"]["inputs"]["clip"] = ["6", 0]
    assert main(["grid", json.dumps(graph), *AXES, "--to", "comfyui", "--one-graph", "-o", str(tmp_path)]) == 2
    assert "circle" in capsys.readouterr().err


def test_one_graph_without_a_target_is_refused_before_anything_is_painted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grid", TEXT, *AXES, "--one-graph", "-o", str(tmp_path)]) == 2
    assert "`--one-graph` says how `--to` writes a sweep" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
