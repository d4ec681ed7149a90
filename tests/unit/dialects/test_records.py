"""Records of other programs: real ones are read in full, whatever is in them is kept, and none is taken for a prompt."""

import gzip
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.api import Loaded, load
from paramc.diagnostics.model import ReadError
from paramc.dialects.read_record import read_record
from paramc.dialects.registry import find_dialect
from paramc.ir.paths import value_at
from paramc.source.detect import open_text
from paramc.source.model import Carried, Source
from tests.unit.dialects.expected import differences

GOLDEN = Path(__file__).parents[2] / "golden" / "records" / "records.jsonl.gz"
RECORDS = [json.loads(line) for line in gzip.decompress(GOLDEN.read_bytes()).decode().splitlines()]


def source_of(record: dict) -> Source:
    others = tuple(Carried(f"png:tEXt:{key}", key, text, "utf-8") for key, text in record["others"].items())
    size = tuple(record["size"]) or None
    return Source(record["text"], record["file"], record["carrier"], "utf-8", size, others)


@pytest.fixture(params=RECORDS, ids=lambda record: record["file"])
def record(request: pytest.FixtureRequest) -> dict:
    return request.param


@pytest.fixture
def loaded(record: dict) -> Loaded:
    return load(source_of(record))


def test_a_record_is_recognised(record: dict, loaded: Loaded) -> None:
    assert loaded.job.producer.dialect == record["dialect"]


def test_a_record_says_what_is_expected_of_it(record: dict, loaded: Loaded) -> None:
    assert list(differences(loaded, record["expected"])) == []


def test_only_sources_with_a_fault_are_remarked(loaded: Loaded) -> None:
    assert {item.code for item in loaded.diagnostics} <= {"PC260", "PC269"}


def test_the_ledger_holds_every_member_where_it_stands(record: dict, loaded: Loaded) -> None:
    end = 0
    for stated in loaded.job.ledger:
        if stated.span is not None:
            assert stated.span.start >= end
            assert record["text"][stated.span.end - len(stated.raw) : stated.span.end] == stated.raw
            end = stated.span.end
    if record["text"][:1] == "{":
        whole = "".join(stated.raw for stated in loaded.job.ledger)
        assert all(
            json.dumps(key) in whole or key in {path.split(".")[0] for path in keys(loaded)} for key in top(record)
        )


def keys(loaded: Loaded) -> set[str]:
    return {stated.key for stated in loaded.job.ledger}


def top(record: dict) -> list[str]:
    """The outermost members that hold anything."""
    return [key for key, value in json.loads(record["text"]).items() if value not in ([], {})]


def read(dialect: str, text: str, **beside: str) -> paramc.Job:
    return read_record(text, find_dialect(dialect), beside=beside)[0]


@pytest.mark.parametrize(
    ("dialect", "text", "path", "value"),
    [
        ("invokeai", '{"scheduler": "dpmpp_2m_sde_k"}', "sampling.sampler", "dpmpp_2m_sde"),
        ("invokeai", '{"scheduler": "dpmpp_2m_sde_k"}', "sampling.schedule", "karras"),
        ("invokeai", '{"steps": 9, "clip_skip": 1}', "text.layer", -2),
        ("invokeai", '{"steps": 9, "clip_skip": 0}', "text.layer", -1),
        ("invokeai", '{"loras": [{"lora": {"model_name": "x"}, "weight": 0.5}]}', "patches.extra_network.unet", 0.5),
        ("invokeai", '{"model": {"name": "m", "hash": "blake3:0123456789"}}', "assets.checkpoint.hashes[0].hex", None),
        ("invokeai", '{"steps": 9, "strength": 0.6}', "task.strength", 0.6),
        ("invokeai", '{"steps": 9, "hrf_enabled": true, "hrf_strength": 0.4}', "stages.hires.strength", 0.4),
        ("dream", '"a cat" -s30 -S7 -Ak_euler_a -C 9', "sampling.sampler", "euler_ancestral"),
        ("dream", '"a cat" -s30 -S7 -Ak_euler_a -C 9', "noise.seed", 7),
        ("dream", "a cat on a mat -s 30 -S 7", "prompt.text", None),
        ("dream", '"a" -s 5 -V 12,0.2', "noise.variation.strength", 0.2),
        ("novelai", '{"steps": 28, "uc": "bad", "noise_schedule": "native"}', "sampling.schedule", "uniform"),
        ("fooocus", '{"resolution": "(768, 1280)"}', "size", (768, 1280)),
        ("fooocus", '{"steps": 3, "lora_combined_1": "x.safetensors : 0.5"}', "patches.extra_network.unet", 0.5),
        ("fooocus", '{"steps": 3, "refiner_model": "r", "refiner_switch": 0.5}', "stages.refiner.switch_at", 0.5),
        ("fooocus", '{"steps": 3, "refiner_model": "None", "refiner_switch": 0.5}', "stages.refiner.switch_at", None),
        ("ruinedfooocus", '{"loras": [["", "0.5 - a/b"]]}', "patches.extra_network.model.name", "a/b"),
        (
            "swarmui",
            '{"sui_image_params": {"loras": "a,b", "loraweights": "1,0.5"}}',
            "patches.extra_network[1].unet",
            0.5,
        ),
        ("dream", '"a [grey] cat [sad \\] day]" -s30 -S7', "prompt.text", "a cat"),
        ("dream", '"a [grey] cat [sad \\] day]" -s30 -S7', "negative.text", "grey sad \\] day"),
        ("dream", '"a [(grey" -s30 -S7', "prompt.text", "a [(grey"),
        ("invokeai_2", '{"image": {"prompt": [{"prompt": "a cat [grey]"}], "steps": 9}}', "negative.text", "grey"),
        ("invokeai", '{"invokeai_metadata": {"positive_prompt": "a", "steps": 9}}', "sampling.steps", 9),
        ("invokeai", '{"invokeai_metadata": "{\\"positive_prompt\\": \\"a\\", \\"steps\\": 9}"}', "sampling.steps", 9),
        ("civitai_meta", '{"meta": {"id": 4, "meta": {"prompt": "a", "cfgScale": 3}}}', "sampling.cfg_scale", 3),
        ("civitai_meta", '{"items": [{"meta": {"prompt": "a", "cfgScale": 3}}]}', "sampling.cfg_scale", 3),
        ("swarmui", '{"prompt": "a", "cfgscale": 3, "swarm_version": "0.9"}', "sampling.cfg_scale", 3),
        ("swarmui", '{"sui_image_params": {"clipstopatlayer": -2}}', "text.layer", -2),
        (
            "swarmui",
            '{"sui_image_params": {"loras": ["a"], "loraweights": ["0.5"]}}',
            "patches.extra_network.text_encoder",
            0.5,
        ),
        (
            "swarmui",
            '{"sui_image_params": {"loras": ["a"], "loraweights": ["0.5"], "loratencweights": ["0.2"]}}',
            "patches.extra_network.text_encoder",
            0.2,
        ),
        ("plain_json", '{"prompt": "a", "steps": 9, "scheduler": "K_EULER"}', "sampling.sampler", "euler"),
        ("plain_json", '{"prompt": "a", "steps": 9, "scheduler": "DPM++ 2M Karras"}', "sampling.schedule", "karras"),
        ("plain_json", '{"prompt": "a", "steps": 9, "scheduler": "karras"}', "sampling.schedule", "karras"),
        ("plain_json", '{"prompt": "a", "sampler": "euler", "scheduler": "ddpm"}', "sampling.sampler", "euler"),
        ("swarmui", '{"sui_image_params": {"refinerupscale": 1.5}}', "stages.hires.scale", 1.5),
        ("easydiffusion", '{"reqBody": {"sampler_name": "euler_a"}}', "sampling.sampler", "euler_ancestral"),
        ("easydiffusion", '{"seed": 1, "clip_skip": true}', "text.layer", -2),
        ("easydiffusion", '{"use_lora_model": "x", "lora_alpha": 0.5}', "patches.extra_network.unet", 0.5),
        (
            "easydiffusion",
            '{"use_lora_model": ["x", "y"], "lora_alpha": [1, 0.5]}',
            "patches.extra_network[1].unet",
            0.5,
        ),
        ("easydiffusion_text", "Prompt: a cat: red\non a mat\nSeed: 7\nSampler: euler_a\n", "noise.seed", 7),
        ("easydiffusion_text", "prompt: a cat\nnum_inference_steps: 9\n", "sampling.steps", 9),
        ("easydiffusion_text", "Prompt: a\nLoRA model: x\nLoRA Strength: 0.5", "patches.extra_network.unet", 0.5),
        ("drawthings", '{"c": "a cat", "sampler": "DPM++ 2M Karras"}', "sampling.schedule", "karras"),
        ("drawthings", '{"c": "a", "size": "512x768", "lora": [{"model": "x", "weight": 0.5}]}', "size", (512, 768)),
        ("civitai_meta", '{"prompt": "a", "cfgScale": 6, "Clip skip": "2"}', "text.layer", -2),
        ("civitai_meta", '{"prompt": "a", "Size": "512x768"}', "size", (512, 768)),
        ("civitai_meta", '{"prompt": "a", "ADetailer model": "face"}', "stages.detailer.model", "face"),
        ("civitai", '{"extraMetadata": "{\\"steps\\": 25}"}', "sampling.steps", 25),
        (
            "stabilitymatrix",
            '{"PositivePrompt": "a", "Sampler": "Euler Ancestral Karras"}',
            "sampling.schedule",
            "karras",
        ),
        ("promptbook", '{"positive": "a", "steps": 1}', "prompt.text", None),
        ("sdcpp_cli", "sd -m x.gguf -p 'it''s' --steps 9 -W 64 -H 32", "size", (64, 32)),
        ("sdcpp_cli", "sd -p a --rng cuda", "noise.generator", "philox"),
        ("sdcpp_cli", "sd -p a --hires --hires-scale 1.5", "stages.hires.scale", 1.5),
        ("imaginairy_line", '"a bluejay" 512x256px seed:1 prompt-strength:7.5', "size", (512, 256)),
        ("invokeai_2", '{"images": [{"prompt": "a", "steps": "9"}, {"steps": 7}]}', "sampling.steps", 9),
        ("invokeai_nodes", '{"session_id": "s", "node": {"steps": 9}}', "sampling.steps", 9),
        ("novelai", '{"Comment": "{\\"steps\\": 9}", "Source": "x"}', "sampling.steps", 9),
        ("novelai", '{"input": "a", "parameters": {"scale": 4}}', "sampling.cfg_scale", 4),
        ("swarmui", '{"sui_image_params": {"controlnettwomodel": "x"}}', "controls.controlnet.unit", 1),
        ("swarmui", '{"sui_image_params": {"controlnetmodel": "x"}}', "controls.controlnet.unit", 0),
        ("easydiffusion", '{"use_lora_model": "x"}', "patches.extra_network.unit", 1),
        ("easydiffusion", '{"use_controlnet_model": "x"}', "controls.controlnet.unit", 0),
        ("easydiffusion_2", "a\nWidth: 8\nSeed: 3\nPrompt Strength: 0.8", "task.kind", "text_to_image"),
        ("drawthings", '{"c": "a", "strength": 1}', "task.kind", "text_to_image"),
        ("drawthings", '{"c": "a", "strength": 0.5}', "task.strength", 0.5),
        ("drawthings", '{"c": "a", "sampler": 10}', "sampling.schedule", "sgm_uniform"),
        ("drawthings", '{"c": "a", "size": "512x768", "first_pass_size": "256x384"}', "size", (256, 384)),
        (
            "civitai",
            '{"resource-stack-1": {"inputs": {"lora_name": "urn:x", "strength_model": 0.5}}}',
            "patches.extra_network.unet",
            0.5,
        ),
        ("civitai_meta", '{"id": 1, "meta": {"cfgScale": 6}}', "sampling.cfg_scale", 6),
        ("midjourney", "a cat --no dogs --seed 7 --tile", "noise.seed", 7),
        ("midjourney", "a cat --no dogs --seed 7 --tile", "patches.tiling.kind", "tiling"),
        ("mochi", "Include in Image: a; b; Seed: 7; Size: 8x16", "size", (8, 16)),
    ],
)
def test_a_member_is_read(dialect: str, text: str, path: str, value: object) -> None:
    job = read(dialect, text)
    if path == "prompt.text":
        assert job.prompt.text in ("a cat on a mat", "a", value)
    elif path.endswith(".hex"):
        assert job.assets.checkpoint
        assert [(item.algorithm, item.hex) for item in job.assets.checkpoint.hashes] == [("blake3", "0123456789")]
    else:
        assert value_at(job, path) == value


def test_the_first_novelai_pictures_have_their_prompt_beside_the_record() -> None:
    job = read("novelai", '{"steps": 50, "uc": ""}', Description="a cat", Source="Stable Diffusion 1D44365E")
    assert (job.prompt.text, job.assets.checkpoint and job.assets.checkpoint.name) == (
        "a cat",
        "Stable Diffusion 1D44365E",
    )


@pytest.mark.parametrize(
    ("text", "prompt", "negative"),
    [
        ('{"prompt": "a", "uc": "b", "v4_prompt": {"caption": {"base_caption": "c"}}}', "a", "b"),
        (
            '{"v4_prompt": {"caption": {"base_caption": "c"}}, "v4_negative_prompt": {"caption": {"base_caption": "d"}}}',
            "c",
            "d",
        ),
        ('{"Description": "e", "Comment": "{\\"uc\\": \\"f\\"}"}', "e", "f"),
    ],
)
def test_a_caption_is_the_prompt_where_there_is_no_other(text: str, prompt: str, negative: str) -> None:
    job = read("novelai", text)
    assert (job.prompt.text, job.negative.text) == (prompt, negative)


def test_the_record_goes_before_the_text_beside_it() -> None:
    assert read("novelai", '{"prompt": "a dog", "uc": ""}', Description="a cat").prompt.text == "a dog"


def test_the_pictures_own_size_counts_where_the_record_has_none() -> None:
    job, _ = read_record('{"steps": 50, "uc": ""}', find_dialect("novelai"), size=(64, 96))
    assert (job.size, job.origin("size")) == ((64, 96), "implied: it is the size of the picture")


def test_units_are_numbered_from_nought() -> None:
    text = (
        '{"controlnets": [{"control_model": {"name": "a"}}, {"control_model": {"name": "b"}, "control_weight": 0.5}]}'
    )
    assert [(unit.unit, unit.weight) for unit in read("invokeai", text).controls] == [(0, 1.0), (1, 0.5)]


def test_unknown_members_are_kept_whole() -> None:
    job = read("invokeai", '{"steps": 9, "mine": {"deep": [1, 2]}, "x": null}')
    assert [(stated.key, stated.raw, stated.paths) for stated in job.ledger[1:]] == [
        ("mine", '{"deep": [1, 2]}', ()),
        ("x", "null", ()),
    ]


def test_an_unreadable_value_is_named_with_its_place() -> None:
    text = '{"steps": "many", "seed": 1}'
    _, (remark,) = read_record(text, find_dialect("invokeai"))
    assert (remark.code, remark.labels[0].span) == ("PC320", (10, 16))


def test_a_record_that_breaks_off_says_what_it_can() -> None:
    job, (remark,) = read_record('{"steps": 9, "seed": 7, "positive_prompt": "a c', find_dialect("invokeai"))
    assert (job.sampling.steps, job.noise.seed, remark.code) == (9, 7, "PC371")


def test_a_record_that_breaks_off_is_refused_in_strict_mode() -> None:
    with pytest.raises(paramc.ReadError, match="PC371"):
        read_record('{"steps": 9, "seed"', find_dialect("invokeai"), strict=True)


@pytest.mark.parametrize(
    "text", ['{"name": "x"}', "{}", '[{"a": 1}]', ' {"a":', '{"items": ["Steps: 20, Sampler: Euler"]}']
)
def test_json_of_no_known_program_is_no_prompt(text: str) -> None:
    with pytest.raises(paramc.ReadError, match="PC370"):
        paramc.parse(text)


@pytest.mark.parametrize("text", ["{red|blue} cat", '{"red"|"blue"} cat', "[cat|dog]", "{", '{"', "{{masterpiece}}"])
def test_brackets_do_not_make_json(text: str) -> None:
    assert paramc.parse(text).prompt.text == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        '{"seed": 1, "steps": ' + "[" * 200_000,
        '{"steps": 1, "loras": ' + '[{"model": ' * 50_000,
        '{"steps": ' + "9" * 100_000 + ', "seed": 1}',
        '{"positive_prompt": "' + "(" * 100_000 + '", "scheduler": "euler", "seed": 1}',
        '{"steps": 1, ' + '"a": 1, ' * 10_000,
        '{"scheduler": 1, "seed": ' + " " * 500_000,
    ],
    ids=["deep", "deep-known", "digits", "brackets", "many", "blanks"],
)
def test_hostile_records_are_read_in_time(text: str) -> None:
    begin = time.perf_counter()
    read_record(text, find_dialect("invokeai"))
    assert time.perf_counter() - begin < 6


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["dream", "imaginairy_line", "sdcpp_cli", "easydiffusion_text"])
def test_hostile_lines_are_read_in_time(dialect: str) -> None:
    begin = time.perf_counter()
    for text in ('"' * 50_000, "-s " * 5_000, "x" * 100_000, "seed:" * 20_000, "'\\" * 30_000, " " * 100_000):
        try:
            read_record(text, find_dialect(dialect))
        except paramc.ReadError as error:
            assert error.diagnostics[0].code == "PC370"
    assert time.perf_counter() - begin < 8


def test_the_other_texts_of_a_file_are_not_taken_for_the_record() -> None:
    source = open_text('{"sui_image_params": {"prompt": "a"}}')._replace(
        others=(Carried("x:prompt", "prompt", "b", "utf-8"),)
    )
    assert load(source).job.prompt.text == "a"


@pytest.mark.parametrize("dialect", ["dream", "imaginairy_line", "sdcpp_cli", "easydiffusion_text"])
@given(
    pieces=st.lists(
        st.sampled_from(
            [
                '"',
                "'",
                "\\",
                " ",
                "\n",
                "-",
                "--",
                "-s",
                "--steps",
                "a",
                "7",
                "px",
                "64x64",
                ":",
                "=",
                "seed:",
                "Prompt:",
            ]
        )
        | st.text(max_size=3),
        max_size=14,
    )
)
def test_any_line_is_read_or_holds_nothing(dialect: str, pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        job, _ = read_record(text, find_dialect(dialect))
    except paramc.ReadError as error:
        assert error.diagnostics[0].code == "PC370"
    else:
        assert all(
            text[stated.span.start : stated.span.end].endswith(stated.raw) for stated in job.ledger if stated.span
        )


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"prompt": "a", "seed": "7", "steps": 20}, {"noise.seed": 7, "sampling.steps": 20}),
        ({"positivePrompt": "a", "negativePrompt": "b", "cfgScale": 5}, {"sampling.cfg_scale": 5.0, "negative": "b"}),
        ({"input": {"prompt": "a", "num_inference_steps": 9}}, {"prompt": "a", "sampling.steps": 9}),
        ({"inputs": "a", "parameters": {"guidance_scale": 3}}, {"prompt": "a", "sampling.cfg_scale": 3.0}),
        ([{"prompt": "a", "sampler": "K_EULER_ANCESTRAL"}], {"sampling.sampler": "euler_ancestral"}),
        (
            {"prompt": "a", "sampler": "DPM++ 2M Karras"},
            {"sampling.sampler": "dpmpp_2m", "sampling.schedule": "karras"},
        ),
    ],
)
def test_the_usual_words_are_understood_whoever_wrote_them(document: object, said: dict[str, object]) -> None:
    loaded = load(open_text(json.dumps(document)))
    assert loaded.job.producer.dialect == "plain_json"
    found = {path: value_at(loaded.job, path) for path in said}
    assert {path: getattr(value, "text", value) for path, value in found.items()} == said


@pytest.mark.parametrize(
    "document",
    [
        {"prompt": "hello"},
        {"width": 3, "height": 4},
        {"prompt": "hello", "temperature": 1},
        {"seed": 1, "steps": 2},
        {},
    ],
)
def test_what_is_no_request_for_a_picture_has_no_settings(document: object) -> None:
    with pytest.raises(ReadError, match="PC370"):
        load(open_text(json.dumps(document)))


def test_a_request_to_the_web_interface_is_read_with_its_own_language_and_defaults() -> None:
    text = json.dumps(
        {"prompt": "a (cat:1.2)", "enable_hr": True, "hr_upscaler": "Latent (nearest)", "denoising_strength": 0.4}
    )
    job = paramc.parse(text)
    assert (job.producer.dialect, job.text.language, job.sampling.steps) == ("a1111_api", "a1111", 50)
    assert job.hires is not None
    assert (job.hires.upscaler, job.hires.strength) == ("latent:nearest", 0.4)


def test_a_request_names_its_checkpoint_with_the_hash() -> None:
    settings = {"sd_model_checkpoint": "dream.safetensors [6ce0161689]"}
    checkpoint = paramc.parse(json.dumps({"prompt": "a", "override_settings": settings})).assets.checkpoint
    assert checkpoint is not None
    assert (checkpoint.name, [item.hex for item in checkpoint.hashes]) == ("dream.safetensors", ["6ce0161689"])


@pytest.mark.parametrize("name", ["controlnet", "ControlNet"])
def test_control_units_of_a_request_are_read_and_those_switched_off_are_kept_as_they_are(name: str) -> None:
    off = {"enabled": False, "module": "canny", "model": "edges [abcdef01]", "weight": 0.8}
    on = {"module": "depth_midas", "model": "depth [12345678]", "guidance_end": 0.6, "control_mode": 1}
    job = paramc.parse(json.dumps({"prompt": "a", "alwayson_scripts": {name: {"args": [off, on]}}}))
    (unit,) = job.controls
    assert unit.model is not None
    assert (unit.model.name, unit.preprocessor, unit.end, unit.priority) == ("depth", "depth_midas", 0.6, "prompt")
    assert [entry.raw for entry in job.ledger if not entry.paths] == ["false", '"canny"', '"edges [abcdef01]"', "0.8"]


def test_a_detailer_of_a_request_is_read_behind_its_switches() -> None:
    face = {"ad_model": "face.pt", "ad_prompt": "", "ad_denoising_strength": 0.4, "ad_inpaint_only_masked_padding": 32}
    args = [True, False, face, {"ad_model": "None"}]
    job = paramc.parse(json.dumps({"prompt": "a", "alwayson_scripts": {"ADetailer": {"args": args}}}))
    (stage,) = job.stages
    assert stage.kind == "detailer"
    assert (stage.model, stage.strength, stage.padding) == ("face.pt", 0.4, 32)


@pytest.mark.parametrize(("more", "kind"), [({}, "image_to_image"), ({"mask": "AAAA", "mask_blur": 8}, "inpaint")])
def test_a_request_with_a_picture_begins_with_it_and_no_text_is_filled_with_it(
    more: dict[str, object], kind: str
) -> None:
    asked = {"prompt": "a", "sampler_index": "Euler", "init_images": ["iVBORw0KGgo"], "denoising_strength": 0.4}
    job = paramc.parse(json.dumps(asked | more))
    assert (job.task.kind, job.task.model_dump()["strength"]) == (kind, 0.4)
    assert "iVBORw0KGgo" not in paramc.compile(job, "a1111").text


def test_a_strength_alone_makes_no_picture_the_beginning() -> None:
    job = paramc.parse(json.dumps({"prompt": "a", "sampler_index": "Euler", "denoising_strength": 0.4}))
    assert job.task.kind == "text_to_image"
