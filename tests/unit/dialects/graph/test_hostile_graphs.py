"""Graphs that are broken, endless or huge: read in linear time, and never an exception."""

import json
import random
import time
from collections import Counter
from typing import Any

import pytest

import paramc
from paramc.api import load
from paramc.diagnostics.model import ReadError
from paramc.dialects.graph.conditionings import DEEPEST
from paramc.dialects.graph.load import load_graph
from paramc.source.detect import open_text
from tests.unit.dialects.graph.drawings import (
    COMFYUI,
    Drawing,
    codes,
    drawing,
    graph_of,
    job_of,
    loaded,
    named,
    node,
    plain,
    records,
    sampler,
)

NODES = 5000
SECONDS = 4  # on a machine that does other things; alone it takes a quarter


def chained(count: int, link: tuple[str, int], make: Any, mark: str = "n") -> tuple[Drawing, tuple[str, int]]:
    """So many nodes, each made on the one before, and the last one's output."""
    nodes: Drawing = {}
    for number in range(count):
        nodes[f"{mark}{number}"] = make(link, number)
        link = (f"{mark}{number}", 0)
    return nodes, link


def laid(link: tuple[str, int], number: int) -> dict[str, Any]:
    """What is combined with itself to hundreds of entries, then placed again and again."""
    if number < 9:
        return node("ConditioningCombine", conditioning_1=link, conditioning_2=link)
    if number % 2:
        return node("ConditioningSetArea", conditioning=link, width=64, height=64, x=0, y=0, strength=1.0)
    return node("ConditioningSetMask", conditioning=link, mask=(f"n{number}", 0), set_cond_area="default")


def with_chain(count: int, name: str) -> Drawing:
    match name:
        case "networks":
            nodes, end = chained(
                count,
                ("file", 0),
                lambda link, n: node(
                    "LoraLoaderModelOnly", model=link, lora_name=f"{n}.safetensors", strength_model=1.0
                ),
            )
            return drawing(**nodes, **{"pass": sampler(model=end)})
        case "combined":
            nodes, end = chained(
                count,
                ("good", 0),
                lambda link, n: node("ConditioningCombine", conditioning_1=link, conditioning_2=("bad", 0)),
            )
            return drawing(**nodes, **{"pass": sampler(positive=end)})
        case "doubled":
            nodes, end = chained(
                count,
                ("good", 0),
                lambda link, n: node("ConditioningCombine", conditioning_1=link, conditioning_2=link),
            )
            return drawing(**nodes, **{"pass": sampler(positive=end)})
        case "branched":
            nodes, end = chained(
                count,
                ("good", 0),
                lambda link, n: node("ConditioningCombine", conditioning_1=("bad", 0), conditioning_2=link),
            )
            return drawing(**nodes, **{"pass": sampler(positive=end)})
        case "passes":
            nodes, end = chained(count, ("pass", 0), lambda link, n: sampler(latent_image=link))
            return drawing(**nodes, picture=node("VAEDecode", samples=end, vae=("file", 2)))
        case "texts":
            nodes, end = chained(
                count, ("t", 0), lambda link, n: node("StringConcatenate", string_a=link, string_b=link, delimiter="")
            )
            return drawing(
                t=node("PrimitiveString", value="t"), **nodes, good=node("CLIPTextEncode", text=end, clip=("file", 1))
            )
        case "relays":
            nodes, end = chained(count, ("good", 0), lambda link, n: node("Reroute", value=link))
            return drawing(**nodes, **{"pass": sampler(positive=end)})
        case "pipes":
            nodes, end = chained(
                count,
                ("p", 0),
                lambda link, n: (
                    node("FromBasicPipe", basic_pipe=link)
                    if n % 2 == 0
                    else node("ToBasicPipe", model=link, positive=(link[0], 3), negative=(link[0], 4))
                ),
            )
            pipe = node("ToBasicPipe", model=("file", 0), positive=("good", 0), negative=("bad", 0))
            read = node("FromBasicPipe", basic_pipe=end)
            return drawing(p=pipe, **nodes, read=read, **{"pass": sampler(positive=("read", 3))})
        case "steered":
            hints, hint = chained(count // 2, ("hint", 0), lambda link, n: node("Unknown Filter", image=link))
            nodes, end = chained(
                count // 2,
                ("good", 0),
                lambda link, n: node(
                    "ControlNetApply", conditioning=link, control_net=("net", 0), image=hint, strength=1.0
                ),
                "h",
            )
            return drawing(**hints, **nodes, **{"pass": sampler(positive=end)})
        case "placed":
            masks, _ = chained(count // 2, ("hint", 0), lambda link, n: node("InvertMask", mask=link))
            nodes, end = chained(count // 2, ("good", 0), laid, "a")
            hint = node("LoadImageMask", image="m.png", channel="red")
            return drawing(hint=hint, **masks, **nodes, **{"pass": sampler(positive=end)})
        case "sides":
            nodes, end = chained(
                count,
                ("good", 0),
                lambda link, n: node("Unknown Guide", positive=(link[0], 10**9), negative=("bad", 0)),
            )
            return drawing(**nodes, **{"pass": sampler(positive=(end[0], 10**9))})
        case _:
            nodes, end = chained(count, ("picture", 0), lambda link, n: node("Unknown Filter", image=link))
            return drawing(**nodes, result=node("SaveImage", images=end))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "networks", "combined", "doubled", "branched", "passes", "texts", "filters",
        "relays", "pipes", "steered", "placed", "sides",
    ],
)  # fmt: skip
def test_five_thousand_nodes_are_read_in_a_moment(name: str) -> None:
    text = json.dumps(with_chain(NODES, name))
    started = time.process_time()
    job = paramc.parse(text)
    assert time.process_time() - started < SECONDS
    assert job.producer.dialect == "comfyui"


@pytest.mark.parametrize("name", ["relays", "pipes"])
def test_what_is_handed_on_a_thousand_times_arrives(name: str) -> None:
    job = job_of(with_chain(1000, name))
    assert (job.prompt.text, job.sampling.steps) == ("a cat", 20)


@pytest.mark.slow
def test_many_pictures_of_one_long_chain_are_read_in_a_moment() -> None:
    graph = with_chain(NODES, "networks") | {
        f"s{number}": node("PreviewImage", images=("picture", 0)) for number in range(500)
    }
    started = time.process_time()
    paramc.parse(json.dumps(graph))
    assert time.process_time() - started < SECONDS


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mode"), [("Reroute", 0), ("TomePatchModel", 4)])
def test_many_users_of_one_long_way_are_found_in_a_moment(kind: str, mode: int) -> None:
    half = NODES // 2
    out = [{"name": "MODEL", "type": "MODEL"}]
    way = [
        {"id": n, "type": kind, "mode": mode, "outputs": out, "inputs": [{"name": "model", "type": "MODEL", "link": n}]}
        for n in range(1, half)
    ]
    users = [
        {"id": half + n, "type": "TomePatchModel", "outputs": out, "widgets_values": [0.3],
         "inputs": [{"name": "model", "type": "MODEL", "link": half + n}]}
        for n in range(half)
    ]  # fmt: skip
    file = {"id": 0, "type": "CheckpointLoaderSimple", "outputs": out, "widgets_values": ["dream.safetensors"]}
    links = [[n, min(n, half) - 1, 0, n, 0, "MODEL"] for n in range(1, NODES)]
    started = time.process_time()
    graph = plain(graph_of({"nodes": [file, *way, *users], "links": links, "version": 0.4}))
    assert time.process_time() - started < SECONDS
    assert {str(graph[str(half + n)]["inputs"]["model"]) for n in range(half)} == {"['0', 0]"}


CIRCLES: dict[str, Drawing] = {
    "latent": {"empty": node("LatentUpscaleBy", samples=("empty", 0), upscale_method="area", scale_by=2.0)},
    "model": {"pass": sampler(model=("a", 0)), "a": node("TomePatchModel", model=("b", 0), ratio=0.3), "b": node("TomePatchModel", model=("a", 0), ratio=0.3)},
    "text": {"good": node("CLIPTextEncode", text=("a", 0), clip=("file", 1)), "a": node("StringConcatenate", string_a=("a", 0), string_b="b", delimiter="")},
    "conditioning": {"good": node("ConditioningCombine", conditioning_1=("good", 0), conditioning_2=("bad", 0))},
    "pass": {"pass": sampler(latent_image=("pass", 0))},
    "value": {"pass": sampler(seed=("a", 0)), "a": node("Reroute", value=("a", 0))},
}  # fmt: skip


@pytest.mark.parametrize("name", CIRCLES)
def test_a_circle_is_cut_and_said(name: str) -> None:
    found = loaded(drawing(**CIRCLES[name]))
    assert "PC336" in {item.code for item in found.diagnostics} or name == "text"
    assert found.job.sampling.steps == 20


@pytest.mark.parametrize("name", ["model", "positive", "latent_image", "seed"])
def test_a_link_to_no_node_is_said(name: str) -> None:
    assert codes(drawing(**{"pass": sampler(**{name: ("gone", 0)})})) == ["PC333"]


@pytest.mark.parametrize(
    "text",
    [
        '{"1": {"class_type": "KSampler", ',
        '{"class_type": 1, "nodes": ' + "[" * 100_000,
        '{"1": {"class_type": "A", "inputs": {"n": ' + "9" * 10_000 + "}}}",
        '{"class_type": []}',
    ],
    ids=["cut", "deep", "long number", "no node"],
)  # fmt: skip
def test_what_is_no_graph_is_an_empty_job_with_a_reason(text: str) -> None:
    found = load(open_text(text), dialect="comfyui")
    assert "PC331" in {item.code for item in found.diagnostics}
    assert found.job.ledger[0].raw == text
    with pytest.raises(ReadError):
        load(open_text(text), dialect="comfyui", strict=True)


def test_a_number_that_is_none_is_taken() -> None:
    text = json.dumps(drawing(**{"pass": {**sampler(), "is_changed": ["NAN"]}})).replace('"NAN"', "NaN")
    assert paramc.parse(text).noise.seed == 5


def test_a_graph_beyond_the_limit_is_refused_until_the_limit_is_raised() -> None:
    text = json.dumps(drawing(big=node("Note", text="x" * (50 * 2**20))))
    with pytest.raises(ReadError) as refused:
        paramc.parse(text)
    assert [item.code for item in refused.value.diagnostics] == ["PC330"]
    assert load(open_text(text), limit=len(text)).job.noise.seed == 5


def test_a_graph_that_leads_to_no_picture_says_so() -> None:
    graph = drawing()
    del graph["result"], graph["picture"], graph["pass"]
    assert codes(graph) == ["PC342"]


JUNK = [
    None,
    True,
    -1,
    2**70,
    float("inf"),
    "",
    "-10",
    "\ud800",
    [],
    {},
    ["1", 0],
    ["3", 99],
    {"a": 1},
    "{a|b}",
    "1e999",
]


def spoilt(value: object, draw: random.Random) -> object:
    """A graph with some of its values taken out or replaced by others."""
    spots: list[tuple[Any, Any]] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict | list):
            keys = [*item] if isinstance(item, dict) else range(len(item))
            spots += [(item, key) for key in keys]
            waiting += [item[key] for key in keys]
    for owner, key in draw.sample(spots, min(len(spots), draw.choice([1, 3, 12]))):
        if isinstance(owner, dict) and draw.random() < 0.3:
            owner.pop(key, None)
        elif isinstance(owner, dict) or key < len(owner):
            owner[key] = draw.choice(JUNK)
    return value


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_graph_is_read_all_the_same(seed: int) -> None:
    draw = random.Random(seed)
    for record in [*records("workflows"), *records("ui2api")]:
        for form in ("ui", "api"):
            text = json.dumps(spoilt(json.loads(json.dumps(record[form])), draw))
            job = paramc.parse(text, dialect="comfyui")
            assert job.producer.dialect == "comfyui"
            paramc.check(job)


def test_a_deep_branch_is_named() -> None:
    left = {"ConditioningCombine": 100 - DEEPEST - 1, "CLIPTextEncode": 1}
    assert Counter(named(job_of(with_chain(100, "branched")))) == left


@pytest.mark.parametrize("width", [10**19, 10**400, "9" * 5000])
def test_a_size_that_no_float_holds_leaves_a_shift_open(width: int | str) -> None:
    graph = drawing(
        bent=node("ModelSamplingFlux", model=("file", 0), max_shift=10**400, base_shift=0.5, width=width, height=width),
        **{"pass": sampler(model=("bent", 0))},
    )
    assert job_of(graph).sampling.shift is None


@pytest.mark.parametrize("scale", [10**400, 1e308, "inf", 0, -1.5])
@pytest.mark.parametrize("width", [10**400, 2**64, 0, -8])
def test_sides_that_no_picture_has_are_no_reason_to_stop(width: int, scale: float | str) -> None:
    empty = node("EmptyLatentImage", width=width, height=64, batch_size=1)
    enlarged = node("LatentUpscaleBy", samples=("first", 0), upscale_method="nearest-exact", scale_by=scale)
    resized = node("ImageScale", image=("seen", 0), width=99, height=99, upscale_method="lanczos", crop="center")
    graph = drawing(
        empty=empty,
        first=sampler(),
        enlarged=enlarged,
        resized=resized,
        **{"pass": sampler(latent_image=("enlarged", 0), denoise=0.5)},
        seen=node("VAEDecode", samples=("pass", 0), vae=("file", 2)),
        saved=node("SaveImage", images=("resized", 0), filename_prefix="x"),
    )
    assert job_of(graph).sampling.steps == 20


@pytest.mark.parametrize("steps", [10**400, "1" * 4000])
def test_steps_beyond_all_seeds_are_none(steps: int | str) -> None:
    assert job_of(drawing(**{"pass": sampler(steps=steps)})).sampling.steps is None


WRAPPED = {
    "a request": {"prompt": drawing(), "extra_data": {"extra_pnginfo": {"workflow": {"nodes": [], "links": []}}}},
    "an entry of the queue": [12, "4f0c", drawing(), {"client_id": "x"}, ["result"]],
    "the queue": {"queue_running": [[12, "4f0c", drawing(), {}, ["result"]]], "queue_pending": []},
    "the history": {"4f0c": {"prompt": [12, "4f0c", drawing(), {}, ["result"]], "outputs": {}, "status": {}}},
    "the fields of a picture": {"prompt": json.dumps(drawing()), "workflow": json.dumps({"nodes": [], "links": []})},
    "a list of pictures": [{"SourceFile": "x.png", "Prompt": json.dumps(drawing())}],
    "a job of another server": {"input": {"payload": {"workflow": drawing()}}},
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_a_graph_is_found_in_what_it_is_wrapped_in(wrapping: str) -> None:
    assert job_of(WRAPPED[wrapping]) == job_of(drawing())


def test_a_mark_of_the_byte_order_is_no_part_of_the_graph() -> None:
    assert paramc.parse("\ufeff" + json.dumps(drawing())) == job_of(drawing())


WHOLE = json.dumps(drawing())


@pytest.mark.parametrize(
    "text", [WHOLE[:-1] + ",}", WHOLE[:-40], WHOLE + " and more", WHOLE[: WHOLE.index('"result"') + 30]]
)
def test_a_graph_that_breaks_off_is_read_up_to_there(text: str) -> None:
    found = load(open_text(text))
    assert (found.job.noise.seed, found.job.prompt.text) == (5, "a cat")
    assert "PC282" in {item.code for item in found.diagnostics}


def test_strict_reading_refuses_a_graph_that_breaks_off() -> None:
    with pytest.raises(ReadError):
        load(open_text(WHOLE[:-40]), strict=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ['{"a":[' * 200_000, '{"a": [' + "[]," * 500_000, '{"1": ' + '{"a": {}},' * 100_000, '["' * 500_000]
)
def test_what_breaks_off_is_cut_in_linear_time(text: str) -> None:
    started = time.process_time()
    load(open_text(text), dialect="comfyui")
    assert time.process_time() - started < SECONDS


def test_a_pipe_that_holds_what_comes_out_of_itself_is_no_endless_work() -> None:
    more = {
        "packed": node("ToBasicPipe", model=("read", 0), positive=("good", 0)),
        "read": node("FromBasicPipe", basic_pipe=("packed", 0)),
        "pass": sampler(model=("read", 0), positive=("read", 3)),
    }
    job = job_of(drawing(**more))
    assert (job.prompt.text, job.assets.checkpoint) == ("a cat", None)


def test_what_is_sent_through_what_it_is_sent_to_is_no_endless_work() -> None:
    slots = {"inputs": [{"name": "vae", "type": "VAE", "link": None}], "outputs": [{"name": "VAE", "type": "VAE"}]}
    through = {
        "id": "inner", "inputs": [{"name": "vae", "type": "VAE", "linkIds": [1]}], "nodes": [],
        "links": [{"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "VAE"}],
    }  # fmt: skip
    workflow = {
        "nodes": [
            {"id": 1, "type": "inner", **slots},
            {"id": 2, "type": "Anything Everywhere", "inputs": [{"name": "anything", "type": "*", "link": 9}]},
            {"id": 3, "type": "VAEDecode", **slots},
        ],
        "links": [[9, 1, 0, 2, 0, "VAE"]],
        "version": 0.4,
        "definitions": {"subgraphs": [through]},
    }
    assert plain(graph_of(workflow))["3"]["inputs"] == {}


def test_subgraphs_that_multiply_are_laid_out_up_to_a_limit() -> None:
    instances = [[{"id": n, "type": f"level {level + 1}"} for n in range(10)] for level in range(12)]
    sheets = [{"id": f"level {level}", "nodes": nodes, "links": []} for level, nodes in enumerate(instances)]
    whole = {"nodes": [{"id": 1, "type": "level 0"}], "links": [], "definitions": {"subgraphs": sheets}}
    graph = graph_of(whole)
    assert [item.code for item in graph.diagnostics] == ["PC335"]
    assert len(graph.nodes) < 20_000


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_fault_is_shown_where_it_is_behind_a_mark_of_byte_order(mark: str) -> None:
    text = mark + '{"1": {"class_type": ?}}'
    (problem,) = load_graph(text, COMFYUI).diagnostics
    (label,) = problem.labels
    assert text[label.span.start : label.span.end] == "?"
