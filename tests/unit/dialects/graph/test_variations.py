"""One meaning drawn in many ways: relays, switches, values from elsewhere, and classes that nobody knows."""

import json
from typing import Any

import pytest

from paramc.dialects.graph.roles import roles_of
from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.ir.job import Job
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
    sampler,
)

LINKS = {"model": ("file", 0), "latent_image": ("empty", 0), "positive": ("good", 0)}
ROLES = COMFYUI.table("roles.toml")["nodes"]


def bare(job: Job) -> Job:
    return job.model_copy(update={"ledger": (), "patches": [patch for patch in job.patches if patch.kind != "opaque"]})


USUAL = bare(job_of(drawing()))


def classes(*roles: str) -> list[str]:
    """The classes that mean one of these, and no more than is read of them."""
    assert isinstance(ROLES, dict)
    rows = {name: row for name, row in ROLES.items() if isinstance(row, dict)}
    return sorted(
        name
        for name, row in rows.items()
        if row["role"] in roles
        and not {"partly", "gives", "usual"} & row.keys()
        and row.get("takes", {}) != {"input": ""}
    )


def relay(kind: str, value: object) -> dict[str, Any]:
    """A node that hands a value on."""
    role = roles_of(COMFYUI).of(graph_of({"1": node(kind)}).nodes["1"])
    match role.role:
        case "any":
            return node(kind, **{role.texts[1]: value})
        case "switch":
            return node(kind, **{role.takes["condition"]: True, role.takes["on"]: value, role.takes["off"]: None})
        case "pick":
            return node(kind, **{role.takes["number"]: 2, role.texts[0].replace("#", "2"): value})
        case _:
            return node(kind, **{role.takes["input" if role.role == "through" else "value"]: value})


@pytest.mark.parametrize("kind", classes("through", "any", "switch", "pick"))
def test_what_a_relay_is_given_comes_out_of_it(kind: str) -> None:
    relays = {name: relay(kind, link) for name, link in LINKS.items()}
    job = job_of(drawing(**relays, **{"pass": sampler(**{name: (name, 0) for name in relays})}))
    assert (bare(job), named(job)) == (USUAL, [])


@pytest.mark.parametrize("kind", classes("value", "through", "any", "switch", "pick"))
def test_a_value_from_a_node_is_the_value(kind: str) -> None:
    job = job_of(drawing(told=relay(kind, 5), **{"pass": sampler(seed=("told", 0))}))
    assert (bare(job), named(job)) == (USUAL, [])


def test_a_relay_at_every_link_of_a_chain_of_parts_changes_nothing() -> None:
    parts = {
        "noise": node("RandomNoise", noise_seed=5),
        "chooser": node("KSamplerSelect", sampler_name="euler"),
        "levels": node("BasicScheduler", model=("file", 0), scheduler="karras", steps=20, denoise=1.0),
        "guide": node("CFGGuider", model=("file", 0), positive=("good", 0), negative=("bad", 0), cfg=7.0),
    }
    relays = {f"r {name}": relay("ImpactSwitch", (name, 0)) for name in parts}
    names = {"noise": "noise", "sampler": "chooser", "sigmas": "levels", "guider": "guide"}
    links = {ours: (f"r {name}", 0) for ours, name in names.items()}
    job = job_of(
        drawing(**parts, **relays, **{"pass": node("SamplerCustomAdvanced", latent_image=("empty", 0), **links)})
    )
    assert (bare(job), named(job)) == (USUAL, [])


def test_a_circle_of_relays_is_told() -> None:
    more = {"a": node("Any Switch (rgthree)", any_01=("b", 0)), "b": node("Any Switch (rgthree)", any_01=("a", 0))}
    assert "PC336" in codes(drawing(**more, **{"pass": sampler(model=("a", 0))}))


def test_looks_at_what_goes_into_a_picture_are_no_results() -> None:
    more = {
        "photo": node("LoadImage", image="a.png"),
        "small": node("ImageScale", image=("photo", 0), upscale_method="area", width=64, height=64, crop="disabled"),
        "latent": node("VAEEncode", pixels=("small", 0), vae=("file", 2)),
        "pass": sampler(latent_image=("latent", 0), denoise=0.5),
        **{f"look {name}": node("PreviewImage", images=(name, 0)) for name in ("photo", "small", "picture")},
    }
    assert "PC339" not in codes(drawing(**more))


def test_a_picture_that_is_saved_goes_before_one_that_is_shown() -> None:
    more = {
        "other": sampler(seed=9),
        "shown": node("VAEDecode", samples=("other", 0), vae=("file", 2)),
        "a look": node("PreviewImage", images=("shown", 0)),
        "result": node("Save It All", images=("picture", 0), quality=90),
    }
    graph = drawing()
    del graph["result"]
    assert job_of({"a look": more.pop("a look"), **graph, **more}).noise.seed == 5


NUMBERS = {"steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0}
UNKNOWN: dict[str, Drawing] = {
    "Great Sampler": {
        "pass": node(
            "Great Sampler", seed=5, magic=1, model=("file", 0), positive=("good", 0), negative=("bad", 0),
            latent_image=("empty", 0), **NUMBERS,
        )
    },
    "Great Loader": {"file": node("Great Loader", ckpt_name="dream.safetensors", device="cuda:1")},
    "Great Latent": {"empty": node("Great Latent", width=640, height=512, batch_size=1, color="none")},
    "Great Encoder": {"good": node("Great Encoder", text="a cat", clip=("file", 1), mode="x")},
    "Great Patch": {
        "patch": node("Great Patch", model=("file", 0), amount=3),
        "pass": sampler(model=("patch", 0)),
    },
    "Great Pair": {
        "pair": node("Great Pair", positive=("good", 0), negative=("bad", 0), image="x"),
        "pass": sampler(positive=("pair", 0), negative=("pair", 1)),
    },
    "Great Base Pair": {
        "pair": node("Great Base Pair", base_positive=("good", 0), base_negative=("bad", 0), image="x"),
        "pass": sampler(positive=("pair", 0), negative=("pair", 1)),
    },
    "Great Settings": {
        "told": node("Great Settings", seed=5, **NUMBERS),
        "pass": sampler(**{name: ("told", slot) for slot, name in enumerate(("seed", *NUMBERS))}),
    },
    "Great Decoder": {"picture": node("Great Decoder", samples=("pass", 0), vae=("file", 2), tile=3)},
}  # fmt: skip


@pytest.mark.parametrize("kind", [name for name in UNKNOWN if name != "Great Latent"])
def test_a_class_that_nobody_knows_is_taken_by_its_inputs_and_named(kind: str) -> None:
    job = job_of(drawing(**UNKNOWN[kind]))
    assert (bare(job), named(job)) == (USUAL, [kind])


def test_what_has_another_meaning_is_not_taken_by_its_inputs() -> None:
    assert job_of(drawing(**UNKNOWN["Great Latent"])).size is None


@pytest.mark.parametrize(
    ("kind", "widgets", "size"),
    [
        ("EmptyLatentImagePresets", {"dimensions": "768 x 512 (3:2)", "invert": True}, Size(512, 768)),
        ("EmptyLatentImagePresets", {"dimensions": "768 x 512 (3:2)", "invert": False}, Size(768, 512)),
        ("SDXLEmptyLatentSizePicker+", {"resolution": "704x1408 (0.5)", "width_override": 0, "height_override": 720}, Size(704, 720)),
        ("CR SDXL Aspect Ratio", {"aspect_ratio": "3:4 portrait 896x1152", "swap_dimensions": "On", "width": 8, "height": 8}, Size(1152, 896)),
        ("CR SDXL Aspect Ratio", {"aspect_ratio": "custom", "swap_dimensions": "Off", "width": 640, "height": 512}, Size(640, 512)),
    ],
)  # fmt: skip
def test_a_size_in_words_goes_before_its_sides(kind: str, widgets: dict[str, object], size: Size) -> None:
    assert job_of(drawing(empty=node(kind, batch_size=1, **widgets))).size == size


@pytest.mark.parametrize(("word", "number"), [("Add", 12), ("Sub", 8), ("Mul", 20), ("FloorDiv", 5), ("Pow", 100)])
def test_an_operation_in_words_is_worked_out(word: str, number: int) -> None:
    total = node("CM_IntBinaryOperation", op=word, a=10, b=2)
    assert job_of(drawing(total=total, **{"pass": sampler(seed=("total", 0))})).noise.seed == number


def test_a_preprocessor_that_is_named_is_the_one_of_that_name_and_stays_so_behind_a_resize() -> None:
    more = {
        "photo": node("LoadImage", image="a.png"),
        "lines": node("AIO_Preprocessor", image=("photo", 0), preprocessor="LineArtPreprocessor", resolution=768),
        "small": node("ImageScale", image=("lines", 0), upscale_method="area", width=64, height=64, crop="disabled"),
        "net": node("ControlNetLoader", control_net_name="lines.pth"),
        "led": node(
            "ControlNetApplyAdvanced", positive=("good", 0), negative=("bad", 0), control_net=("net", 0), image=("small", 0),
            strength=0.8, start_percent=0.0, end_percent=1.0,
        ),
        "pass": sampler(positive=("led", 0), negative=("led", 1)),
    }  # fmt: skip
    (control,) = job_of(drawing(**more)).controls
    assert isinstance(control, ControlNet)
    assert (control.preprocessor, control.resolution, control.image) == ("lineart_realistic", 768, control.image)


def test_a_node_that_nobody_knows_on_the_way_of_a_pipe_is_named() -> None:
    settings = {"steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0, "seed": 5}
    more = {
        "file": node(
            "easy comfyLoader",
            ckpt_name="dream.safetensors",
            vae_name="Baked VAE",
            lora_name="None",
            positive="a cat",
            negative="blurry",
            resolution="width x height (custom)",
            empty_latent_width=640,
            empty_latent_height=512,
            batch_size=1,
        ),
        "changed": node("Great Pipe", pipe=("file", 0), amount=2),
        "settings": node("easy preSampling", pipe=("changed", 0), **settings),
        "pass": node("easy kSampler", pipe=("settings", 0), image_output="Preview"),
        "result": node("SaveImage", images=("pass", 1), filename_prefix="x"),
    }
    job = job_of(more)
    assert (bare(job), named(job)) == (USUAL, ["Great Pipe"])


def test_a_relay_that_a_picture_goes_through_is_no_result() -> None:
    more = {
        "own": node("VAELoader", vae_name="own.safetensors"),
        "on": node("Any Switch (rgthree)", any_01=("pass", 0)),
        "picture": node("VAEDecode", samples=("on", 0), vae=("own", 0)),
        "result": node("PreviewImage", images=("picture", 0)),
    }
    vae = job_of(drawing(**more)).assets.vae
    assert vae
    assert vae.name == "own"


def test_a_range_of_the_whole_time_is_none() -> None:
    more = {
        "always": node("ConditioningSetTimestepRange", conditioning=("good", 0), start=0.0, end=1.0),
        "pass": sampler(positive=("always", 0)),
    }
    assert bare(job_of(drawing(**more))) == USUAL


def test_an_output_for_one_side_is_a_conditioning_to_a_class_that_nobody_knows() -> None:
    more = {
        "net": node("ControlNetLoader", control_net_name="lines.pth"),
        "photo": node("LoadImage", image="a.png"),
        "led": node(
            "ControlNetApplyAdvanced", positive=("good", 0), negative=("bad", 0), control_net=("net", 0), image=("photo", 0),
            strength=0.8, start_percent=0.0, end_percent=1.0,
        ),
        "mixed": node("Great Mix", a=("file", 0), b=("led", 0)),
        "pass": sampler(positive=("mixed", 0)),
    }  # fmt: skip
    assert job_of(drawing(**more)).prompt.text == "a cat"


def workflow(nodes: list[dict[str, Any]], links: list[list[object]]) -> dict[str, Any]:
    return {"nodes": nodes, "links": links, "last_node_id": 99, "last_link_id": 99, "version": 0.4}


def slot(name: str, kind: str, link: int | None = None) -> dict[str, object]:
    return {"name": name, "type": kind, "link": link}


def test_what_is_sent_to_everybody_reaches_whom_nothing_is_linked_to() -> None:
    nodes = [
        {"id": 1, "type": "CheckpointLoaderSimple", "widgets_values": ["a.pt"], "outputs": [slot("VAE", kind) for kind in ("MODEL", "CLIP", "VAE")]},
        {"id": 2, "type": "Anything Everywhere", "inputs": [slot("anything", "*", 1)]},
        {"id": 3, "type": "VAEDecode", "inputs": [slot("samples", "LATENT"), slot("vae", "VAE")], "outputs": [slot("IMAGE", "IMAGE")]},
    ]  # fmt: skip
    found = plain(graph_of(workflow(nodes, [[1, 1, 2, 2, 0, "VAE"]])))
    assert found["3"]["inputs"] == {"vae": ["1", 2]}


@pytest.mark.parametrize(
    ("mode", "reached"), [(0, {"text": "", "clip": ["1", 0]}), (2, {"text": ""}), (4, {"text": ""})]
)
def test_a_sender_that_is_off_sends_nothing(mode: int, reached: dict[str, object]) -> None:
    nodes = [
        {"id": 1, "type": "CLIPLoader", "widgets_values": ["a", "sd3", "default"], "outputs": [slot("CLIP", "CLIP")]},
        {"id": 2, "type": "Anything Everywhere", "mode": mode, "inputs": [slot("anything", "CLIP", 1)]},
        {"id": 3, "type": "CLIPTextEncode", "widgets_values": [""], "inputs": [slot("clip", "CLIP")]},
    ]
    assert plain(graph_of(workflow(nodes, [[1, 1, 0, 2, 0, "CLIP"]])))["3"]["inputs"] == reached


def test_prompts_that_are_sent_go_to_the_inputs_of_their_side() -> None:
    nodes = [
        {"id": 1, "type": "CLIPTextEncode", "widgets_values": ["a"], "outputs": [slot("CONDITIONING", "CONDITIONING")]},
        {"id": 2, "type": "CLIPTextEncode", "widgets_values": ["b"], "outputs": [slot("CONDITIONING", "CONDITIONING")]},
        {"id": 3, "type": "Prompts Everywhere", "inputs": [slot("positive", "*", 1), slot("negative", "*", 2)]},
        {"id": 4, "type": "ControlNetApplyAdvanced", "widgets_values": [1, 0, 1], "inputs": [slot("positive", "CONDITIONING"), slot("negative", "CONDITIONING")]},
    ]  # fmt: skip
    found = plain(graph_of(workflow(nodes, [[1, 1, 0, 3, 0, "*"], [2, 2, 0, 3, 1, "*"]])))["4"]["inputs"]
    assert (found["positive"], found["negative"]) == (["1", 0], ["2", 0])


@pytest.mark.parametrize(("kind", "text"), [("Prompts Everywhere", ["1", 0]), ("Anything Everywhere", "stale")])
def test_what_is_sent_goes_into_a_widget_by_its_name_alone(kind: str, text: object) -> None:
    socket = {**slot("positive", "STRING"), "widget": {"name": "positive"}}
    nodes = [
        {"id": 1, "type": "easy positive", "widgets_values": ["a cat"], "outputs": [slot("positive", "STRING")]},
        {"id": 2, "type": kind, "inputs": [slot("STRING", "*", 1)]},
        {"id": 3, "type": "Great Loader", "widgets_values": ["stale"], "inputs": [socket]},
    ]
    assert plain(graph_of(workflow(nodes, [[1, 1, 0, 2, 0, "*"]])))["3"]["inputs"] == {"positive": text}


def test_a_widget_that_keeps_what_a_pipe_holds_is_passed_over() -> None:
    more = {
        "told": node("Make Image Saver Metadata Config", positive="a cat", negative="blurry", seed_value=5, steps=20),
        "made": node("Make Image Saver Pipe", metadata_config=("told", 0)),
        "changed": node(
            "Edit Image Saver Pipe", pipe=("made", 0), positive="[original]", negative="[original]", seed=6
        ),
        "read": node("Read Image Saver Pipe", pipe=("changed", 0)),
        "good": node("CLIPTextEncode", text=("read", 5), clip=("file", 1)),
        "pass": sampler(seed=("read", 9), steps=("read", 10)),
    }
    job = job_of(drawing(**more))
    assert (job.prompt.text, job.noise.seed, job.sampling.steps, named(job)) == ("a cat", 6, 20, [])


def test_inputs_of_a_group_that_have_one_name_are_told_apart() -> None:
    inner = [
        {"type": kind, "inputs": [slot("model", "MODEL")], "outputs": [slot("MODEL", "MODEL")], "widgets_values": [1.0]}
        for kind in ("RescaleCFG", "TomePatchModel")
    ]
    nodes = [
        {"id": number, "type": "UNETLoader", "widgets_values": [f"{number}", "default"], "outputs": [slot("MODEL", "MODEL")]}
        for number in (1, 2)
    ]  # fmt: skip
    twice = [slot("model", "MODEL", 1), slot("TomePatchModel model", "MODEL", 2)]
    nodes.append({"id": 3, "type": "workflow>pair", "inputs": twice, "outputs": [], "widgets_values": [1.0, 1.0]})
    whole = workflow(nodes, [[1, 1, 0, 3, 0, "MODEL"], [2, 2, 0, 3, 1, "MODEL"]])
    whole["extra"] = {"groupNodes": {"pair": {"nodes": inner, "links": [], "external": []}}}
    found = plain(graph_of(whole))
    assert [found[name]["inputs"]["model"] for name in ("3:0", "3:1")] == [["1", 0], ["2", 0]]


def test_types_of_outputs_lead_through_a_class_that_nobody_knows() -> None:
    nodes = [
        {"id": 1, "type": "UNETLoader", "widgets_values": ["a", "default"], "outputs": [slot("MODEL", "MODEL")]},
        {"id": 2, "type": "Great Splitter", "inputs": [slot("x", "MODEL", 1)], "outputs": [slot("y", "INT"), slot("z", "MODEL")]},
        {"id": 3, "type": "Great Patch", "inputs": [slot("w", "MODEL", 2)], "outputs": [slot("v", "MODEL")]},
        {"id": 4, "type": "KSampler", "widgets_values": [5, "fixed", 20, 7, "euler", "karras", 1], "inputs": [slot("model", "MODEL", 3)]},
    ]  # fmt: skip
    links = [[1, 1, 0, 2, 0, "MODEL"], [2, 2, 1, 3, 0, "MODEL"], [3, 3, 0, 4, 0, "MODEL"]]
    checkpoint = loaded(json.loads(json.dumps(workflow(nodes, links)))).job.assets.checkpoint
    assert checkpoint
    assert checkpoint.name == "a"
