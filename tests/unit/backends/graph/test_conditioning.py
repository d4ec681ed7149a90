"""Texts in a graph: chunks, layers, prompts at once, texts that change while sampling."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.backends.legalise import legalise
from paramc.backends.registry import choices
from paramc.dialects.graph.levels import limits, sigmas, variance_preserving
from paramc.ir.assets import AssetRef, Assets
from paramc.ir.control import ControlNet
from paramc.ir.job import Job
from paramc.ir.plan import ApplyControl, Combine, Encode, Run, Sigmas, Slice
from tests.unit.backends.graph.plans import COMFYUI, classes, encode, every, graph_of, only, picture, sample, weighted
from tests.unit.backends.graph.server import refusals

BREAK = Run(text="", breaks=True)
PREDICTIONS = {"fog": 0.25, "a castle": 1.0, "dense fog": -2.0, "a moat": 3.5}  # what the network says to each text


def entries(graph: dict[str, Any], socket: list[Any], strength: float = 1.0) -> list[tuple[str, float, float, float]]:
    """(text, strength, start, end) of everything behind a conditioning."""
    node = graph[socket[0]]
    inputs = node["inputs"]
    match node["class_type"]:
        case "CLIPTextEncode":
            return [(inputs["text"], strength, 0.0, 1.0)]
        case "ConditioningCombine":
            both = (inputs["conditioning_1"], inputs["conditioning_2"])
            return [entry for side in both for entry in entries(graph, side, strength)]
        case "ConditioningSetAreaStrength":
            return entries(graph, inputs["conditioning"], inputs["strength"])
        case "ConditioningSetTimestepRange":
            below = entries(graph, inputs["conditioning"], strength)
            return [(text, weight, inputs["start"], inputs["end"]) for text, weight, _, _ in below]
        case "ConditioningConcat":
            first, second = (entries(graph, inputs[name])[0][0] for name in ("conditioning_to", "conditioning_from"))
            return [(f"{first}|{second}", strength, 0.0, 1.0)]
        case _:
            return [(node["class_type"], strength, 0.0, 1.0)]


def predicted(graph: dict[str, Any], socket: list[Any]) -> float:
    """The server's average over several conditionings."""
    active = [(PREDICTIONS[text], strength) for text, strength, _, _ in entries(graph, socket)]
    return sum(value * strength for value, strength in active) / sum(strength for _, strength in active)


def guided(graph: dict[str, Any]) -> float:
    """The server's guided prediction."""
    two = every(graph, "DualCFGGuider")
    if two:
        pos, mid, own = (predicted(graph, two[0][name]) for name in ("cond1", "cond2", "negative"))
        return own + two[0]["cfg_cond2_negative"] * (mid - own) + two[0]["cfg_conds"] * (pos - mid)
    node = only(graph, "KSampler")
    negative = predicted(graph, node["negative"])
    return negative + node["cfg"] * (predicted(graph, node["positive"]) - negative)


def composed(*parts: tuple[str, float], cfg: float = 7.0) -> dict[str, Any]:
    ops: list[Any] = [encode(f"part{index}", (20, text)) for index, (text, _) in enumerate(parts)]
    names = tuple(op.id for op in ops)
    ops.append(Combine(id="positive_and", inputs=names, weights=tuple(weight for _, weight in parts)))
    graph = graph_of(picture(*ops, sample("sample", positive="positive_and", cfg_scale=cfg)))
    assert refusals(graph) == []
    return graph


def added_up(*parts: tuple[str, float], cfg: float = 7.0) -> float:
    """A1111's guided prediction: every part draws by itself."""
    own = PREDICTIONS["fog"]
    return own + cfg * sum(weight * (PREDICTIONS[text] - own) for text, weight in parts)


@pytest.mark.parametrize(
    "parts",
    [
        (("a castle", 1.2), ("dense fog", 0.7)),
        (("a castle", 0.5),),
        (("a castle", 1.0), ("dense fog", 0.3), ("a moat", 0.1)),
        (("a castle", 1.0), ("dense fog", 0.0)),
        (("a castle", 1.0), ("dense fog", -0.5)),
        (("dense fog", -0.9), ("a castle", 1.0)),
        (("a castle", 1.0), ("dense fog", -1.5)),
        (("a castle", 0.05), ("dense fog", 0.02)),
        (("a castle", 2.0), ("dense fog", -0.5), ("a moat", -0.25)),
        (("a castle", 13.0), ("dense fog", 0.5)),
    ],
)
def test_prompts_at_once_guide_as_much_as_in_a1111(parts: tuple[tuple[str, float], ...]) -> None:
    assert guided(composed(*parts)) == pytest.approx(added_up(*parts), rel=1e-9)


strengths = st.floats(0.01, 3)


@given(
    st.lists(strengths, min_size=1, max_size=3),
    st.lists(strengths.map(lambda weight: -weight), max_size=2),
    st.floats(1.5, 30),
)
def test_any_weights_guide_as_much_where_their_sum_allows(towards: list[float], away: list[float], cfg: float) -> None:
    weights = [*towards, *away]
    parts = tuple(zip(["a castle", "dense fog", "a moat", "a castle", "a moat"], weights, strict=False))
    total = cfg * sum(towards)
    if cfg * sum(weights) >= 1 and 1.01 < total <= 100:
        assert guided(composed(*parts, cfg=cfg)) == pytest.approx(added_up(*parts, cfg=cfg), rel=1e-6, abs=1e-6)


def test_a_break_starts_a_text_node_of_its_own() -> None:
    graph = graph_of(picture(weighted("positive", Run(text="a red cube"), BREAK, Run(text="a ball", weight=1.2))))
    assert refusals(graph) == []
    assert entries(graph, only(graph, "KSampler")["positive"]) == [("a red cube|(a ball:1.2)", 1.0, 0.0, 1.0)]


@pytest.mark.parametrize(
    ("base", "layer", "node"),
    [("sd1", -2, -2), ("sd1", -99, -24), ("sd1", -1, None), ("sdxl", -2, None), ("sd2", -2, None)],
)
def test_clip_skip_is_for_sd1_alone(base: str, layer: int, node: int | None) -> None:
    plan = picture(encode("positive", (20, "a"), layer=layer), encode("negative", (20, "b"), layer=layer), family=base)
    found = every(graph_of(plan), "CLIPSetLastLayer")
    assert [inputs["stop_at_clip_layer"] for inputs in found] == ([] if node is None else [node])


@pytest.mark.parametrize(
    ("base", "text", "emphasis", "zero"),
    [
        ("sdxl", "", "original", True),
        ("sdxl", " ", "original", False),
        ("sdxl", "", "comfy", False),
        ("sd1", "", "original", False),
    ],
)
def test_an_empty_negative_of_sdxl_is_zeros(base: str, text: str, emphasis: str, zero: bool) -> None:
    graph = graph_of(picture(encode("negative", (20, text), emphasis=emphasis), family=base))
    assert ("ConditioningZeroOut" in classes(graph)) == zero


def test_an_empty_positive_of_sdxl_is_a_text() -> None:
    assert "ConditioningZeroOut" not in classes(graph_of(picture(encode("positive", (20, "")), family="sdxl")))


@pytest.mark.parametrize(("emphasis", "text"), [("original", "(cat:1.2)"), ("ignore", "cat"), ("none", "cat")])
def test_weights_are_written_where_they_are_used(emphasis: str, text: str) -> None:
    graph = graph_of(picture(weighted("positive", Run(text="cat", weight=1.2), emphasis=emphasis)))
    assert every(graph, "CLIPTextEncode")[0]["text"] == text


def test_known_embeddings_are_references() -> None:
    job = Job(assets=Assets(embeddings=(AssetRef(name="EasyNegative"),)))
    graph = graph_of(picture(weighted("negative", Run(text="easynegative", weight=0.8), Run(text=", ugly"))), job)
    assert every(graph, "CLIPTextEncode")[1]["text"] == "(embedding:EasyNegative:0.8), ugly"


def spans(*texts: tuple[int, str], **changes: Any) -> list[tuple[str, float, float]]:
    """(text, start, end) of a positive prompt whose text changes."""
    ops: list[Any] = [encode("positive", *texts)]
    ops += changes.pop("levels", ())
    graph = graph_of(picture(*ops, sample("sample", **changes)))
    assert refusals(graph) == []
    node = next(node["inputs"] for node in graph.values() if "positive" in node["inputs"])
    return [(text, start, end) for text, _, start, end in entries(graph, node["positive"])]


def even(schedule: str, steps: int) -> Sigmas:
    return Sigmas(id="sigmas", model="checkpoint.model", schedule=schedule, steps=steps)


def calls_within(span: tuple[str, float, float], levels: list[float]) -> list[int]:
    """The calls at which a piece is active: both ends count."""
    model = variance_preserving()
    start = float("inf") if span[1] <= 0 else model.sigma(1 - span[1])
    end = 0.0 if span[2] >= 1 else model.sigma(1 - span[2])
    return [call for call, level in enumerate(levels) if end <= level <= start]


@pytest.mark.parametrize("schedule", ["uniform", "karras", "simple", "sgm_uniform", "exponential", "kl_optimal_zero"])
def test_each_call_has_the_text_that_a1111_gives_it(schedule: str) -> None:
    spacing = {"uniform": "time", "simple": "table", "sgm_uniform": "time_open", "kl_optimal_zero": "arctangent"}
    model = variance_preserving()
    begins = sigmas(spacing.get(schedule, schedule), 12, model, limits(model, 0, 0, 7.0))
    assert begins is not None
    found = spans((3, "a"), (4, "b"), (12, "c"), levels=(even(schedule, 12),))
    assert [calls_within(span, list(begins)) for span in found] == [[0, 1, 2, 3], [4], [5, 6, 7, 8, 9, 10, 11]]


def test_borders_of_an_even_schedule_are_short_numbers() -> None:
    assert spans((4, "a"), (11, "b"), levels=(even("uniform", 11),)) == [("a", 0.0, 0.45), ("b", 0.45, 1.0)]


def test_a_dropped_sigma_is_no_call() -> None:
    dropping = (even("uniform", 10).model_copy(update={"drops_penultimate": True}),)
    assert spans((3, "a"), (10, "b"), levels=dropping, sampler="dpmpp_3m_sde")[0] == ("a", 0.0, 0.35)
    assert spans((9, "a"), (10, "b"), levels=dropping, sampler="dpmpp_3m_sde") == [("a", 0.0, 1.0)]


def test_a_text_that_is_never_reached_is_left_out() -> None:
    assert spans((20, "a"), (30, "b")) == [("a", 0.0, 1.0)]


def test_alternating_texts_share_their_nodes() -> None:
    plan = picture(encode("positive", *((call, "ab"[call % 2]) for call in range(21))))
    graph = graph_of(plan)
    assert sorted(inputs["text"] for inputs in every(graph, "CLIPTextEncode")) == ["a", "b", "fog"]
    assert len(every(graph, "ConditioningSetTimestepRange")) == 20


def depth(graph: dict[str, Any], key: str) -> int:
    links = (value[0] for value in graph[key]["inputs"].values() if isinstance(value, list))
    return 1 + max((depth(graph, link) for link in links), default=0)


def test_hundreds_of_texts_do_not_make_a_deep_graph() -> None:
    texts = (encode("positive", *((call, "ab"[call % 2]) for call in range(500))), even("karras", 500))
    graph = graph_of(picture(*texts))
    assert depth(graph, only(graph, "KSampler")["positive"][0]) < 15
    pieces = entries(graph, only(graph, "KSampler")["positive"])
    assert [text for text, *_ in pieces] == ["a", "b"] * 250
    assert all(end == start for (*_, end), (_, _, start, _) in pairwise(pieces))


def test_a_pass_on_a_picture_counts_calls_from_its_own_start() -> None:
    whole = Sigmas(id="whole", model="checkpoint.model", schedule="uniform", steps=11)
    tail = Slice(id="sigmas", sigmas="whole", start=5, strength=0.5)
    assert spans((2, "a"), (11, "b"), levels=(tail, whole)) == [("a", 0.0, 0.75), ("b", 0.75, 1.0)]


def test_two_calls_a_step_have_a_border_between_them() -> None:
    levels = (Sigmas(id="sigmas", model="checkpoint.model", schedule="karras", steps=10, drops_penultimate=True),)
    (first, second) = spans((0, "a"), (20, "b"), levels=levels, sampler="dpm_2")
    assert 0 < first[2] < spans((1, "a"), (20, "b"), levels=levels, sampler="dpm_2")[0][2]
    assert first[2] == second[1]


def test_a_composed_prompt_may_change_too() -> None:
    ops: list[Encode | Combine] = [
        encode("part0", (9, "a"), (20, "b")),
        encode("part1", (20, "c")),
        Combine(id="positive_and", inputs=("part0", "part1"), weights=(1.0, 0.5)),
    ]
    graph = graph_of(picture(*ops, sample("sample", positive="positive_and")))
    found = entries(graph, only(graph, "KSampler")["positive"])
    assert [(text, strength) for text, strength, _, _ in found] == [("a", 1.0), ("b", 1.0), ("c", 0.5)]
    assert only(graph, "KSampler")["cfg"] == 10.5


STEERED = (
    "a cat\nNegative prompt: fog\nSteps: 20, Sampler: Euler, Schedule type: Normal, Seed: 7, Size: 512x512, "
    'ControlNet 0: "Module: none, Model: depth, Weight: 0.8, Guidance Start: 0.2, Guidance End: 0.7", '
    'ControlNet 1: "Module: none, Model: pose, Weight: 1, Guidance Start: 0, Guidance End: 1"'
)


def test_units_steer_both_sides_one_after_the_other() -> None:
    graph = json.loads(paramc.convert(STEERED, "comfyui").files[0].text)
    first, second = [name for name, node in graph.items() if node["class_type"] == "ControlNetApplyAdvanced"]
    sampler = next(node["inputs"] for node in graph.values() if node["class_type"] == "KSampler")
    assert (sampler["positive"], sampler["negative"]) == ([second, 0], [second, 1])
    assert (graph[second]["inputs"]["positive"], graph[second]["inputs"]["negative"]) == ([first, 0], [first, 1])
    files = [node["inputs"]["image"] for node in graph.values() if node["class_type"] == "LoadImage"]
    assert files == ["control_1.png", "control_2.png"]


def test_shares_of_steps_become_shares_of_time_between_two_calls() -> None:
    graph = json.loads(paramc.convert(STEERED, "comfyui").files[0].text)
    spans = [
        (node["inputs"]["start_percent"], node["inputs"]["end_percent"])
        for node in graph.values()
        if node["class_type"] == "ControlNetApplyAdvanced"
    ]
    # 20 even steps call the model at 0/19, 1/19, …: the fifth is the first within, the sixteenth the first beyond
    assert 3 / 19 < spans[0][0] < 4 / 19
    assert 14 / 19 < spans[0][1] < 15 / 19
    assert spans[1] == (0.0, 1.0)


def test_nodes_of_a_pack_read_weights_and_breaks_as_they_are_spelt_in_a1111() -> None:
    runs = (Run(text="a "), Run(text="cat", weight=1.2), BREAK, Run(text="bird"))
    graph = graph_of(picture(weighted("positive", *runs)), nodes="smz")
    texts = every(graph, "smZ CLIPTextEncode")
    assert [text["text"] for text in texts] == ["a (cat:1.2) BREAK bird", "fog"]
    assert {(text["parser"], text["mean_normalization"]) for text in texts} == {("A1111", True)}
    assert "ConditioningConcat" not in classes(graph)


@pytest.mark.parametrize(("emphasis", "text", "mean"), [("no_norm", "(cat:1.2)", False), ("ignore", "cat", False)])
def test_nodes_of_a_pack_are_told_how_weights_count(emphasis: str, text: str, mean: bool) -> None:
    plan = picture(weighted("positive", Run(text="cat", weight=1.2), emphasis=emphasis))
    found = every(graph_of(plan, nodes="smz"), "smZ CLIPTextEncode")[0]
    assert (found["text"], found["mean_normalization"]) == (text, mean)


@pytest.mark.parametrize(("emphasis", "style"), [("original", "STYLE(A1111, mean) "), ("no_norm", "STYLE(A1111) ")])
def test_prompt_control_is_told_the_style_of_the_weights(emphasis: str, style: str) -> None:
    plan = picture(weighted("positive", Run(text="cat", weight=1.2), emphasis=emphasis))
    found = every(graph_of(plan, nodes="promptcontrol"), "PCTextEncode")[0]
    assert found["text"] == f"{style}(cat:1.2)"


def test_texts_of_comfyui_stay_in_its_own_nodes() -> None:
    texts = [weighted(name, Run(text="cat", weight=1.2), emphasis="comfy") for name in ("positive", "negative")]
    assert "smZ CLIPTextEncode" not in classes(graph_of(picture(*texts), nodes="smz"))


def steered(preprocessor: str, **options: str) -> dict[str, Any]:
    unit = ControlNet(model=AssetRef(name="ip-adapter_sd15"), preprocessor=preprocessor, weight=0.7, start=0.1, end=0.8)
    control = ApplyControl(id="control", positive="positive", negative="negative", unit=unit)
    passing = sample("sample", positive="control.positive", negative="control.negative")
    plan = legalise(picture(control, passing), COMFYUI, choices(COMFYUI, options))
    return graph_of(plan, **options)


def test_an_adapter_is_no_controlnet() -> None:
    graph = steered("ip-adapter_clip_sd15")
    assert not {"ControlNetLoader", "IPAdapterAdvanced"} & set(classes(graph))


def test_an_adapter_changes_the_model_where_the_user_has_its_nodes() -> None:
    graph = steered("ip-adapter_clip_sd15", ip_adapter="true")
    node = only(graph, "IPAdapterAdvanced")
    assert (node["weight"], node["start_at"], node["end_at"]) == (0.7, 0.1, 0.8)
    assert graph[only(graph, "KSampler")["model"][0]]["class_type"] == "IPAdapterAdvanced"
    assert only(graph, "IPAdapterModelLoader") == {"ipadapter_file": "ip-adapter_sd15.safetensors"}
    assert "ControlNetApplyAdvanced" not in classes(graph)


def test_a_pack_that_is_needed_is_told() -> None:
    said = paramc.convert("a (cat:1.2)\nSteps: 20, Sampler: Euler", "comfyui", options={"nodes": "smz"}).diagnostics
    assert [item.message for item in said if item.code == "PC857"] == [
        "the graph has nodes of the pack `ComfyUI_smZNodes`, which is no part of ComfyUI"
    ]


def test_a_long_prompt_is_cut_where_a1111_cuts_it() -> None:
    text = ", ".join(["a red cat"] * 18) + ", on and on and on and on\nSteps: 20, Sampler: Euler, Model: sd15"
    graph = json.loads(paramc.convert(text, "comfyui").text)
    first, second, *_ = every(graph, "CLIPTextEncode")
    assert (first["text"].count("a red cat"), first["text"][-1]) == (18, ",")
    assert second["text"] == "on and on and on and on"
    assert only(graph, "ConditioningConcat")
