"""The product's own check of a graph, and its table of nodes."""

import json
from typing import Any

import pytest

from paramc.backends.graph import verify
from paramc.backends.graph.check import graph_problems
from paramc.backends.graph.tables import definitions, graph_tables
from paramc.backends.report import File
from paramc.ir.job import Job
from paramc.ir.names import samplers, schedules, upscalers
from tests.unit.backends.graph.plans import COMFYUI, graph_of, picture, text_of
from tests.unit.backends.graph.server import FILE_LISTS, object_info

KNOWN = definitions(COMFYUI.folder)


def problems(change: Any) -> list[str]:
    graph = graph_of(picture())
    change(graph)
    return list(graph_problems(json.dumps(graph), KNOWN))


def test_a_good_graph_has_no_problems() -> None:
    assert verify(Job(), COMFYUI, (File("a.json", text_of(picture())),)) == ()


def test_a_problem_is_a_diagnostic_about_us() -> None:
    (wrong,) = verify(Job(), COMFYUI, (File("a.json", "{"),))
    assert (wrong.code, wrong.severity, wrong.target) == ("PC790", "error", "comfyui")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda graph: graph["5"].update(class_type="KSampler2"), "node 5: no class `KSampler2`"),
        (lambda graph: graph["5"]["inputs"].pop("seed"), "node 5 (KSampler): `seed` is missing"),
        (
            lambda graph: graph["5"]["inputs"].update(seed=-1),
            "node 5 (KSampler): `seed` is -1, not INT in 0..18446744073709551615",
        ),
        (
            lambda graph: graph["5"]["inputs"].update(steps=1.5),
            "node 5 (KSampler): `steps` is 1.5, not INT in 1..10000",
        ),
        (lambda graph: graph["5"]["inputs"].update(cfg=True), "node 5 (KSampler): `cfg` is a switch, not FLOAT"),
        (lambda graph: graph["5"]["inputs"].update(cfg="7"), "node 5 (KSampler): `cfg` is '7', not FLOAT"),
        (
            lambda graph: graph["5"]["inputs"].update(scheduler="Karras"),
            "node 5 (KSampler): `scheduler` is `Karras`, which is no choice",
        ),
        (
            lambda graph: graph["5"]["inputs"].update(model=["9", 0]),
            "node 5 (KSampler): `model` links to `9`, which is no node",
        ),
        (
            lambda graph: graph["5"]["inputs"].update(model=["1", 3]),
            "node 5 (KSampler): `model` links to output 3 of `1`, which it has not",
        ),
        (
            lambda graph: graph["5"]["inputs"].update(model=["1", 1]),
            "node 5 (KSampler): `model` links to CLIP, not MODEL",
        ),
        (lambda graph: graph["5"]["inputs"].update(model=["1"]), "node 5 (KSampler): `model` is a malformed link"),
        (lambda graph: graph["5"]["inputs"].update(colour="red"), "node 5 (KSampler): takes no `colour`"),
        (
            lambda graph: graph["1"]["inputs"].update(ckpt_name=""),
            "node 1 (CheckpointLoaderSimple): `ckpt_name` is empty",
        ),
        (lambda graph: graph["5"].pop("inputs"), "node 5 (KSampler): has no inputs"),
        (lambda graph: graph.pop("7"), "no node ends the graph"),
        (lambda graph: graph.clear(), "not an object with nodes"),
    ],
)
def test_each_mistake_is_named(change: Any, problem: str) -> None:
    assert problem in problems(change)


@pytest.mark.parametrize("text", ["", "[1]", "[" * 100_000, '"\ud800"'])
def test_what_is_no_graph_is_a_problem(text: str) -> None:
    assert len(list(graph_problems(text, KNOWN))) == 1


@pytest.mark.parametrize("name", [name for name in KNOWN if not (KNOWN[name].pack or KNOWN[name].newer)])
def test_nodes_are_described_as_the_server_describes_them(name: str) -> None:
    recorded, ours = object_info()[name], KNOWN[name]
    required, optional = (recorded["input"].get(part, {}) for part in ("required", "optional"))
    assert {key: take.required for key, take in ours.takes.items()} == {
        **dict.fromkeys(required, True),
        **dict.fromkeys(optional, False),
    }
    assert (list(ours.gives), ours.ends) == (recorded["output"], recorded["output_node"])
    for key, wanted in (required | optional).items():
        kind, options = wanted[0], wanted[1] if len(wanted) > 1 else {}
        take = ours.takes[key]
        kind = options["options"] if kind == "COMBO" else kind
        if isinstance(kind, list):
            is_file = not kind or key in FILE_LISTS
            assert (take.type, list(take.words)) == (("FILE", []) if is_file else ("CHOICE", kind))
        else:
            assert take.type == kind
            assert (take.least, take.most) == (options.get("min", 0), options.get("max", 0)) or not take.is_number


def test_every_template_fills_in_what_its_node_needs() -> None:
    for role, template in graph_tables(COMFYUI.folder).nodes.items():
        definition = KNOWN[template.class_type]
        needed = {name for name, take in definition.takes.items() if take.required}
        assert (role, needed - set(template.inputs), set(template.inputs) - set(definition.takes)) == (
            role,
            set(),
            set(),
        )
        assert len(template.gives) == len(definition.gives)


def test_no_node_is_described_for_nothing() -> None:
    assert {template.class_type for template in graph_tables(COMFYUI.folder).nodes.values()} == set(KNOWN)


def test_every_name_of_the_ir_has_a_row() -> None:
    tables = graph_tables(COMFYUI.folder)
    assert set(tables.samplers) == {*samplers(), "unknown"}
    assert set(tables.schedules) == {*schedules(), "unknown"} - {"automatic"}  # the plan says which that is
    assert set(tables.bases) == {
        "default",
        "sd1",
        "sdxl",
        "sd3",
        "flux",
        "chroma",
        "z-image",
        "qwen-image",
        "lumina2",
        "auraflow",
        "hidream",
        "flux2",
        "flux2-klein",
    }
    assert set(tables.words["latent_methods"]) == {name[7:] for name in upscalers() if name.startswith("latent:")}
    assert set(tables.words["image_methods"]) == {
        name.removeprefix("image:") for name in upscalers() if "latent" not in name
    }
    assert set(tables.words["devices"]) == set(tables.words["noise_modes"]) == {"cpu", "cuda", "philox"}
    assert set(tables.words["crops"]) == {"stretch", "crop", "pad"}
    assert set(tables.words["networks"]) == {"lora", "lyco", "hypernet"}
    inside = {"free_u", "self_attention_guidance", "perturbed_attention", "deep_shrink"}
    assert set(tables.words["patches"]) == {"hypernetwork", "token_merging", "hypertile", *inside}


def test_words_of_the_tables_are_words_of_the_server() -> None:
    tables = graph_tables(COMFYUI.folder)
    sampler, scheduler = (KNOWN["KSampler"].takes[name].words for name in ("sampler_name", "scheduler"))
    assert {row.name for row in tables.samplers.values()} <= set(sampler)
    assert {row.on_gpu for row in tables.samplers.values()} - {""} <= set(sampler)
    assert {row.name for row in tables.schedules.values()} <= set(scheduler)
    assert {row.own for row in tables.samplers.values()} - {""} <= set(tables.schedules)


def test_tables_name_nodes_that_exist() -> None:
    tables = graph_tables(COMFYUI.folder)
    named = {row.node for row in tables.samplers.values()} | {row.patch for row in tables.samplers.values()}
    named |= {name for row in tables.schedules.values() for name in (row.node, row.ranged, row.shaped)}
    named |= {name for row in tables.bases.values() for name in (row.latent, row.shift_node)}
    named |= {*tables.words["networks"].values(), *tables.words["patches"].values()}
    assert named - {""} <= set(tables.nodes)
