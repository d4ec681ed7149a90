"""Nodes of packs: what they mean, and that whatever a Job has no words for is named."""

import json
from typing import Any

import pytest

from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.sampling import Variation
from paramc.ir.stages import Detailer, Hires
from tests.unit.dialects.graph.drawings import Drawing, drawing, graph_of, job_of, named, node, plain, sampler


def networks(job: Job) -> list[tuple[str, float, float]]:
    return [
        (patch.model.name or "", patch.unet, patch.text_encoder)
        for patch in job.patches
        if patch.kind == "extra_network"
    ]


VALUES = {
    "String Literal (Image Saver)": {"string": "a dog"},
    "CR Prompt Text": {"prompt": "a dog"},
    "Text Multiline": {"text": "a dog"},
    "Primitive string [Crystools]": {"string": "a dog"},
    "easy positive": {"positive": "a dog"},
    "ImpactWildcardProcessor": {"wildcard_text": "a {dog|cat}", "populated_text": "a dog"},
    "StringReplace": {"string": "a cat", "find": "cat", "replace": "dog"},
    "CR Text Concatenate": {"text1": "a", "text2": "dog", "separator": " "},
    "ConcatStringSingle": {"string_a": "a ", "string_b": "dog"},
    "CR Text Input Switch": {"Input": 2, "text1": "a cat", "text2": "a dog"},
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_text_is_taken_from_the_node_that_holds_it(kind: str) -> None:
    more = {
        "words": node(kind, **VALUES[kind]),
        "good": node("CLIPTextEncode", text=("words", 0), clip=("file", 1)),
    }
    job = job_of(drawing(**more))
    assert (job.prompt.text, named(job)) == ("a dog", [])


def test_outputs_that_hand_values_on_are_told_apart() -> None:
    settings = {"seed": 8, "steps": 28, "cfg": 6, "sampler": "euler_ancestral", "scheduler": "normal", "denoise": 1}
    names = ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise")
    links = {name: ("told", slot) for slot, name in enumerate(names)}
    more = {"told": node("Input Parameters (Image Saver)", **settings), "pass": sampler(**links)}
    job = job_of(drawing(**more))
    assert (job.noise.seed, job.sampling.steps, job.sampling.cfg_scale) == (8, 28, 6.0)
    assert (job.sampling.sampler, job.sampling.schedule) == ("euler_ancestral", "normal")
    assert named(job) == []


def test_the_sides_of_a_size_in_one_text_are_values() -> None:
    size = node("SDXL Empty Latent Image (rgthree)", dimensions=" 832 x 1216 (portrait)", clip_scale=2.0, batch_size=1)
    empty = node("EmptySD3LatentImage", width=("size", 1), height=("size", 2), batch_size=1)
    assert job_of(drawing(size=size, empty=empty)).size == Size(832, 1216)


@pytest.mark.parametrize(("select", "name"), [(1, "one"), (2, "two")])
def test_a_switch_hands_on_the_input_of_its_number(select: int, name: str) -> None:
    more = {
        "one": node("CheckpointLoaderSimple", ckpt_name="one.safetensors"),
        "two": node("CheckpointLoaderSimple", ckpt_name="two.safetensors"),
        "switch": node("ImpactSwitch", select=select, input1=("one", 0), input2=("two", 0)),
        "pass": sampler(model=("switch", 0)),
    }
    job = job_of(drawing(**more))
    assert job.assets.checkpoint is not None
    assert (job.assets.checkpoint.name, named(job)) == (name, [])


@pytest.mark.parametrize(
    ("loader", "found"),
    [
        (node("CR Load LoRA", switch="On", lora_name="a", strength_model=0.5, strength_clip=0.4), [("a", 0.5, 0.4)]),
        (node("CR Load LoRA", switch="Off", lora_name="a", strength_model=0.5, strength_clip=0.4), []),
        (node("Lora Loader Stack (rgthree)", lora_01="a", strength_01=0.5, lora_02="None", lora_03="b", strength_03=0.3),
         [("a", 0.5, 0.5), ("b", 0.3, 0.3)]),
        (node("PCLazyLoraLoader", text="<lora:a:0.5> <lora:b:0.3:0.2>"), [("a", 0.5, 0.5), ("b", 0.3, 0.2)]),
        (node("Power Lora Loader (rgthree)", lora_1={"on": True, "lora": "a", "strength": 0.5, "strengthTwo": None},
              lora_2={"on": False, "lora": "b", "strength": 1}), [("a", 0.5, 0.5)]),
    ],
)  # fmt: skip
def test_networks_are_found_in_the_loaders_of_packs(
    loader: dict[str, Any], found: list[tuple[str, float, float]]
) -> None:
    loader["inputs"] |= {"model": ["file", 0], "clip": ["file", 1]}
    good = node("CLIPTextEncode", text="a cat", clip=("lora", 1))
    job = job_of(drawing(lora=loader, good=good, **{"pass": sampler(model=("lora", 0))}))
    assert networks(job) == found


def test_what_only_makes_a_model_faster_is_not_named() -> None:
    fast = node("TorchCompileModel", model=("file", 0), backend="inductor")
    assert named(job_of(drawing(fast=fast, **{"pass": sampler(model=("fast", 0))}))) == []


def efficient(**script: object) -> Drawing:
    """A sampler that runs a second pass by itself."""
    usual = {
        "upscale_type": "latent", "latent_upscaler": "bicubic", "pixel_upscaler": "4x.pth", "upscale_by": 1.5,
        "use_same_seed": True, "seed": 9, "hires_steps": 12, "denoise": 0.5,
    }  # fmt: skip
    made = sampler()
    made["inputs"]["script"] = ["script", 0]
    made["class_type"] = "KSampler (Efficient)"
    return drawing(script=node("HighRes-Fix Script", **(usual | script)), **{"pass": made}) | {
        "result": node("SaveImage", images=("pass", 5), filename_prefix="x")
    }


def test_a_script_of_a_sampler_is_its_second_pass() -> None:
    assert job_of(efficient()).stages == (Hires(upscaler="latent:bicubic", scale=1.5, steps=12, strength=0.5),)


def test_a_script_may_work_on_the_picture_with_a_seed_of_its_own() -> None:
    (hires,) = job_of(efficient(upscale_type="pixel", use_same_seed=False)).stages
    assert isinstance(hires, Hires)
    assert (hires.upscaler, hires.seed) == ("model:4x", 9)


def test_an_upscale_in_tiles_is_a_second_pass_and_named() -> None:
    tiled = sampler(steps=8, denoise=0.2, seed=5)
    tiled["class_type"] = "UltimateSDUpscale"
    tiled["inputs"] |= {"image": ["picture", 0], "upscale_by": 2.0, "upscale_model": ["net", 0], "tile_width": 512}
    more = {"net": node("UpscaleModelLoader", model_name="4x.pth"), "tiled": tiled}
    job = job_of(drawing(**more) | {"result": node("SaveImage", images=("tiled", 0), filename_prefix="x")})
    assert job.stages == (Hires(upscaler="model:4x", scale=2.0, steps=8, strength=0.2),)
    assert named(job) == ["UltimateSDUpscale"]


SETTINGS: dict[str, object] = {
    "seed": 4, "steps": 14, "cfg": 5.0, "sampler_name": "heun", "scheduler": "karras", "denoise": 0.3,
    "positive": ("good", 0), "negative": ("bad", 0), "model": ("file", 0), "image": ("picture", 0),
}  # fmt: skip
DETECTOR = node("UltralyticsDetectorProvider", model_name="bbox/face_yolov8m.pt")


def detailed(detailer: dict[str, Any], **more: dict[str, Any]) -> Job:
    result = node("SaveImage", images=("mend", 0), filename_prefix="x")
    return job_of(drawing(mend=detailer, detector=DETECTOR, **more) | {"result": result})


def test_faces_that_are_painted_anew_are_a_detailer() -> None:
    face = node(
        "FaceDetailer", **SETTINGS, bbox_detector=("detector", 0), bbox_threshold=0.4, bbox_dilation=8, wildcard=""
    )
    job = detailed(face)
    (stage,) = job.stages
    assert stage == Detailer(
        model="bbox/face_yolov8m.pt", confidence=0.4, dilation=8, strength=0.3, steps=14, cfg_scale=5.0,
        sampler="heun", schedule="karras",
    )  # fmt: skip
    assert (job.noise.seed, named(job)) == (5, ["FaceDetailer"])


def test_regions_and_texts_of_a_detailer_may_come_from_a_pipe() -> None:
    pipe = node("ToDetailerPipe", bbox_detector=("detector", 0), wildcard="[CONCAT] smile", model=("file", 0),
                positive=("good", 0), negative=("bad", 0))  # fmt: skip
    settings = {name: value for name, value in SETTINGS.items() if name not in ("model", "positive", "negative")}
    (stage,) = detailed(node("FaceDetailerPipe", **settings, detailer_pipe=("pipe", 0)), pipe=pipe).stages
    assert isinstance(stage, Detailer)
    assert (stage.model, stage.prompt, stage.negative) == ("bbox/face_yolov8m.pt", "[PROMPT] smile", "")


def test_a_picture_from_a_file_is_mended_with_the_model_of_the_detailer() -> None:
    more = {
        "picture": node("LoadImage", image="cat.png"),
        "found": node(
            "BboxDetectorSEGS", bbox_detector=("detector", 0), image=("picture", 0), threshold=0.35, dilation=12
        ),
    }
    job = detailed(node("DetailerForEach", **SETTINGS, segs=("found", 0)), **more)
    (stage,) = job.stages
    assert isinstance(stage, Detailer)
    assert (stage.model, stage.confidence, stage.dilation) == ("bbox/face_yolov8m.pt", 0.35, 12)
    assert (stage.prompt, stage.negative, job.noise.seed, job.task.kind) == ("a cat", "blurry", 4, "enlarge")
    assert stage.checkpoint is not None
    assert stage.checkpoint.name == "dream"


def test_a_net_that_steers_one_pass_alone_says_which() -> None:
    steered = node("ControlNetApply", conditioning=("good", 0), control_net=("net", 0), image=("hint", 0), strength=0.7)
    more = {
        "net": node("ControlNetLoader", control_net_name="tile.safetensors"),
        "hint": node("LoadImage", image="hint.png"),
        "steered": steered,
        "large": node("LatentUpscaleBy", samples=("pass", 0), upscale_method="bicubic", scale_by=1.5),
        "more": sampler(latent_image=("large", 0), denoise=0.5, positive=("steered", 0)),
        "picture": node("VAEDecode", samples=("more", 0), vae=("file", 2)),
    }
    (unit,) = job_of(drawing(**more)).controls
    assert (unit.model and unit.model.name, unit.weight, unit.passes) == ("tile", 0.7, "second")


def test_what_feeds_a_node_that_is_not_understood_is_named_with_it() -> None:
    more = {
        "vision": node("CLIPVisionLoader", clip_name="eyes.safetensors"),
        "style": node("Magic Style", conditioning=("good", 0), clip_vision=("vision", 0)),
        "pass": sampler(positive=("style", 0)),
    }
    assert named(job_of(drawing(**more))) == ["Magic Style", "CLIPVisionLoader"]


def test_what_a_saving_node_is_told_beside_the_picture_is_not_named() -> None:
    result = node("Image Saver", images=("picture", 0), prompt=("words", 0))
    more = {"words": node("Dice Words", low=1, high=2), "result": result}
    assert named(job_of(drawing(**more))) == []


def test_encoders_beside_a_whole_checkpoint_are_modules() -> None:
    encoders = node("DualCLIPLoader", clip_name1="l.safetensors", clip_name2="g.safetensors", type="sdxl")
    texts = {name: node("CLIPTextEncode", text=name, clip=("encoders", 0)) for name in ("good", "bad")}
    job = job_of(drawing(encoders=encoders, **texts))
    assert [module.name for module in job.assets.modules or ()] == ["l", "g"]


def test_a_second_noise_is_a_variation() -> None:
    varied = sampler(variation_seed=9, variation_strength=0.25, noise_mode="GPU(=A1111)", batch_seed_mode="incremental")
    job = job_of(drawing(**{"pass": varied | {"class_type": "KSampler //Inspire"}}))
    assert (job.noise.variation, job.noise.generator) == (Variation(seed=9, strength=0.25), "cuda")
    assert named(job) == []


def test_a_share_of_nothing_is_no_variation() -> None:
    varied = sampler(variation_seed=9, variation_strength=0.0, noise_mode="CPU")
    job = job_of(drawing(**{"pass": varied | {"class_type": "KSampler //Inspire"}}))
    assert (job.noise.variation, job.noise.generator) == (None, "cpu")


def by_two(**changed: object) -> dict[str, Any]:
    """A pass that is guided by two texts."""
    usual = {
        "cond1": ("good", 0),
        "cond2": ("middle", 0),
        "cfg_conds": 8.0,
        "cfg_cond2_negative": 2.0,
        "style": "regular",
    }
    return drawing(
        middle=node("CLIPTextEncode", text="a dog", clip=("file", 1)),
        told=node("InstructPixToPixConditioning", positive=("good", 0), negative=("bad", 0), vae=("file", 2), pixels=("init", 0)),
        init=node("LoadImage", image="in.png"),
        guider=node("DualCFGGuider", model=("file", 0), negative=("bad", 0), **(usual | changed)),
        noise=node("RandomNoise", noise_seed=5),
        chooser=node("KSamplerSelect", sampler_name="euler"),
        sigmas=node("BasicScheduler", model=("file", 0), scheduler="karras", steps=20, denoise=1.0),
        **{"pass": node("SamplerCustomAdvanced", noise=("noise", 0), guider=("guider", 0), sampler=("chooser", 0), sigmas=("sigmas", 0), latent_image=("empty", 0))},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "both", "prompt", "cfg"),
    [
        (8.0, 2.0, "a cat AND a dog :-0.75", 8.0),
        (4.0, 10.0, "a cat AND a dog :1.5", 4.0),
        (8.0, 0.0, "a cat AND a dog :-1", 8.0),
    ],
)
def test_two_texts_that_guide_are_joined_by_and(first: float, both: float, prompt: str, cfg: float) -> None:
    """neg + both·(mid − neg) + first·(pos − mid) is what A1111 adds up."""
    job = job_of(by_two(cfg_conds=first, cfg_cond2_negative=both))
    assert (job.prompt.text, job.sampling.cfg_scale, job.sampling.image_cfg_scale) == (prompt, cfg, None)
    assert named(job) == []


def test_a_text_in_the_middle_that_is_scaled_with_the_first_is_named() -> None:
    job = job_of(by_two(style="nested"))
    assert (job.prompt.text, named(job)) == ("a cat", ["CLIPTextEncode"])


def test_guidance_towards_a_picture_is_no_second_text() -> None:
    job = job_of(by_two(cond1=("told", 0), cond2=("told", 1)))
    assert (job.prompt.text, job.sampling.cfg_scale, job.sampling.image_cfg_scale) == ("a cat", 8.0, 2.0)
    assert "CLIPTextEncode" not in named(job)


def drawn(kind: str, values: list[object], widgets: tuple[str, ...] = ()) -> dict[str, object]:
    """The values of the one node of a saved workflow, by the names that they are given."""
    slots = [{"name": name, "type": "*", "link": None, "widget": {"name": name}} for name in widgets]
    workflow = {
        "nodes": [{"id": 1, "type": kind, "widgets_values": values, "inputs": slots}],
        "links": [],
        "version": 0.4,
    }
    return plain(graph_of(json.loads(json.dumps(workflow))))["1"]["inputs"]


def test_values_of_a_pack_have_the_names_of_its_row() -> None:
    found = drawn("HighRes-Fix Script", ["latent", "(use same)", "bicubic", "4x.pth", 1.25, True, -1, None, 12, 0.5, 1])
    assert (found["latent_upscaler"], found["upscale_by"], found["hires_steps"], found["denoise"]) == (
        "bicubic",
        1.25,
        12,
        0.5,
    )


def test_values_of_another_version_of_a_pack_are_not_given_wrong_names() -> None:
    found = drawn("FaceDetailer", [256, True, 3, "randomize", 20, 8, "euler", "normal"])
    assert "seed" not in found
    assert found["UNKNOWN"] == 256


@pytest.mark.parametrize(
    ("widgets", "names"),
    [(("seed", "size"), {"seed", "size"}), (("size",), {"UNKNOWN", "UNKNOWN_1", "UNKNOWN_2"})],
)
def test_sockets_name_the_values_of_an_unknown_class_when_all_are_listed(
    widgets: tuple[str, ...], names: set[str]
) -> None:
    assert set(drawn("Dice Roller", [7, "fixed", 512], widgets)) == names


@pytest.mark.parametrize(
    ("formula", "number"),
    [
        ("a * 2", 512), ("ceil(a*1.01) // 8 * 8", 256), ("max(a, b, 300) - -1", 301), ("-(a)**2 + a*a", 0), ("round(a / b, 1) * 10", 36),
        ("int(sqrt(a)) % 10", 6), ("2**3**2 - a", 256),
    ],
)  # fmt: skip
def test_a_sum_is_worked_out(formula: str, number: int) -> None:
    total = node("SimpleMath+", value=formula, a=("first", 0), b=71)
    more = {"first": node("PrimitiveInt", value=256), "total": total, "pass": sampler(seed=("total", 0))}
    job = job_of(drawing(**more))
    assert (job.noise.seed, named(job)) == (number, [])


@pytest.mark.parametrize(
    "formula", ["a +", "a / 0", "9**9**9", "c", "launch(a)", "(" * 5000, "2 ** 0.5 ** -999", "min()", ""]
)
def test_what_is_no_sum_has_no_value(formula: str) -> None:
    more = {"total": node("SimpleMath+", value=formula, a=1), "pass": sampler(seed=("total", 0))}
    job = job_of(drawing(**more))
    assert (job.noise.seed, named(job)) == (None, ["SimpleMath+"])


def test_a_side_that_is_computed_is_a_size() -> None:
    more = {
        "wide": node("CR Integer Multiple", integer=512, multiple=1.5),
        "empty": node("EmptyLatentImage", width=("wide", 0), height=512, batch_size=1),
    }
    assert job_of(drawing(**more)).size == Size(768, 512)


@pytest.mark.parametrize(
    ("kind", "names"), [("linear", ["CLIPVisionLoader"]), ("style transfer", ["CLIPVisionLoader", "IPAdapterAdvanced"])]
)
def test_a_picture_that_changes_the_model_is_a_unit(kind: str, names: list[str]) -> None:
    more = {
        "net": node("IPAdapterModelLoader", ipadapter_file="plus.safetensors"),
        "eyes": node("CLIPVisionLoader", clip_name="vit.safetensors"),
        "face": node("LoadImage", image="face.png"),
        "adapted": node("IPAdapterAdvanced", model=("file", 0), ipadapter=("net", 0), image=("face", 0), clip_vision=("eyes", 0), weight=0.8, weight_type=kind, start_at=0.0, end_at=0.6),
        "pass": sampler(model=("adapted", 0)),
    }  # fmt: skip
    job = job_of(drawing(**more))
    (unit,) = job.controls
    assert (unit.model and unit.model.name, unit.image.path, unit.preprocessor) == (
        "plus",
        "face.png",
        "ip-adapter-auto",
    )
    assert (unit.weight, unit.start, unit.end, sorted(named(job))) == (0.8, 0.0, 0.6, names)


def test_what_a_pipe_brings_to_a_node_that_is_not_understood_is_named() -> None:
    more = {
        "other": node("CheckpointLoaderSimple", ckpt_name="other.safetensors"),
        "pipe": node("ToBasicPipe", model=("other", 0), positive=("good", 0)),
        "dice": node("Dice Sampler", basic_pipe=("pipe", 0)),
        "odd": node("Odd Model", model=("file", 0), dice=("dice", 0)),
        "pass": sampler(model=("odd", 0)),
    }
    assert sorted(named(job_of(drawing(**more)))) == ["CheckpointLoaderSimple", "Dice Sampler", "Odd Model"]


def steering(maker: dict[str, Any]) -> Job:
    """A picture that is made ready by a node before it steers."""
    maker["inputs"]["image"] = ["hint", 0]
    more = {
        "net": node("ControlNetLoader", control_net_name="canny.safetensors"),
        "hint": node("LoadImage", image="hint.png"),
        "edges": maker,
        "steered": node("ControlNetApply", conditioning=("good", 0), control_net=("net", 0), image=("edges", 0), strength=0.7),
        "pass": sampler(positive=("steered", 0)),
    }  # fmt: skip
    return job_of(drawing(**more))


def test_a_preprocessor_is_named_as_a1111_calls_it_with_its_numbers() -> None:
    job = steering(node("CannyEdgePreprocessor", low_threshold=100, high_threshold=200, resolution=768))
    (unit,) = job.controls
    assert (unit.preprocessor, unit.threshold_a, unit.threshold_b, unit.resolution) == ("canny", 100, 200, 768)
    assert (unit.image.path, named(job)) == ("hint.png", [])


def test_a_preprocessor_whose_numbers_mean_something_else_is_named_too() -> None:
    job = steering(node("Canny", low_threshold=0.4, high_threshold=0.8))
    assert ([unit.preprocessor for unit in job.controls], named(job)) == (["canny"], ["Canny"])
