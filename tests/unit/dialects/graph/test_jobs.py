"""What a graph says, as a Job."""

import json
from math import exp
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import paramc
from paramc.dialects.graph.load import load_graph
from paramc.dialects.graph.read import readings
from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.stages import Further, Hires, ImageToImage, Inpaint, Refiner
from tests.unit.dialects.graph.drawings import (
    COMFYUI,
    Drawing,
    codes,
    drawing,
    job_of,
    loaded,
    named,
    node,
    records,
    sampler,
)

WORKFLOWS = {record["name"]: record["api"] for record in records("workflows")}


def second(**changed: object) -> dict[str, Any]:
    """A second pass over the first, enlarged."""
    return sampler(**({"latent_image": ("large", 0), "denoise": 0.5, "steps": 12} | changed))


def twice(**changed: object) -> Drawing:
    return drawing(
        large=node("LatentUpscaleBy", samples=("pass", 0), upscale_method="bicubic", scale_by=1.5),
        more=second(**changed),
        picture=node("VAEDecode", samples=("more", 0), vae=("file", 2)),
    )


def split_pass(**changed: object) -> Drawing:
    """A pass of which another node runs the last steps."""
    both = {
        "model": ("file", 0), "positive": ("good", 0), "negative": ("bad", 0), "noise_seed": 5, "steps": 20, "cfg": 7.0,
        "sampler_name": "euler", "scheduler": "karras",
    }  # fmt: skip
    first = {"add_noise": "enable", "start_at_step": 0, "end_at_step": 12, "return_with_leftover_noise": "enable"}
    rest = {"add_noise": "disable", "start_at_step": 12, "end_at_step": 99, "return_with_leftover_noise": "disable"}
    return drawing(
        other=node("CheckpointLoaderSimple", ckpt_name="other.safetensors"),
        **{"pass": node("KSamplerAdvanced", latent_image=("empty", 0), **both, **first)},
        rest=node("KSamplerAdvanced", latent_image=("pass", 0), **(both | rest | changed)),
        picture=node("VAEDecode", samples=("rest", 0), vae=("file", 2)),
    )


def test_a_picture_from_a_text_is_read() -> None:
    job = job_of(drawing())
    assert (job.prompt.text, job.negative.text, job.size) == ("a cat", "blurry", Size(640, 512))
    assert (job.sampling.sampler, job.sampling.schedule, job.sampling.steps) == ("euler", "karras", 20)
    assert (job.sampling.cfg_scale, job.noise.seed, job.noise.generator) == (7.0, 5, "cpu")
    assert job.assets.checkpoint is not None
    assert job.assets.checkpoint.name == "dream"
    assert (job.text.language, job.text.emphasis, job.producer.dialect) == ("comfyui", "comfy", "comfyui")


def test_nothing_is_said_of_a_graph_that_is_understood() -> None:
    assert codes(drawing()) == []
    assert named(job_of(drawing())) == []


def test_every_value_has_its_place_in_the_ledger() -> None:
    job = job_of(drawing())
    stated = {item.paths: (item.key, item.raw) for item in job.ledger}
    assert stated["sampling.cfg_scale",] == ("KSampler pass cfg", "7.0")
    assert stated["prompt",] == ("CLIPTextEncode good text", "a cat")
    assert json.loads(stated["producer.dialect",][1]).keys() == drawing().keys()


def test_a_pass_over_the_enlarged_first_is_a_second_pass() -> None:
    job = job_of(twice(seed=9, cfg=5.0, sampler_name="heun"))
    assert job.stages == (
        Hires(upscaler="latent:bicubic", scale=1.5, steps=12, strength=0.5, seed=9, cfg_scale=5.0, sampler="heun"),
    )
    assert (job.noise.seed, job.sampling.sampler, job.sampling.steps) == (5, "euler", 20)


@pytest.mark.parametrize(("width", "height", "scale"), [(960, 768, 1.5), (664, 536, None)])
def test_a_size_is_a_factor_only_where_all_ways_of_rounding_agree(width: int, height: int, scale: float | None) -> None:
    large = node(
        "LatentUpscale", samples=("pass", 0), upscale_method="bicubic", width=width, height=height, crop="disabled"
    )
    (hires,) = job_of(twice() | {"large": large}).stages
    assert isinstance(hires, Hires)
    assert (hires.scale, hires.size) == (scale, None if scale else Size(width, height))


def test_what_both_passes_share_is_said_once() -> None:
    assert job_of(twice(steps=20)).stages == (Hires(upscaler="latent:bicubic", scale=1.5, strength=0.5),)


def test_an_upscaler_between_two_passes_is_found_by_its_file() -> None:
    (hires,) = job_of(WORKFLOWS["04_sd15_hires_upscaler"]).stages
    assert isinstance(hires, Hires)
    assert (hires.upscaler, hires.scale, hires.strength) == ("model:4x-UltraSharp", 2.0, 0.35)


def test_another_model_that_goes_on_is_a_refiner() -> None:
    job = job_of(WORKFLOWS["17_sdxl_base_refiner"])
    (refiner,) = job.stages
    assert isinstance(refiner, Refiner)
    assert (refiner.checkpoint.name, refiner.switch_at, refiner.counts_steps) == ("sd_xl_refiner_1.0", 0.8, True)
    assert job.sampling.steps == 25


def test_a_refiner_may_have_a_seed_of_its_own() -> None:
    (refiner,) = job_of(split_pass(model=("other", 0), noise_seed=8)).stages
    assert isinstance(refiner, Refiner)
    assert (refiner.seed, refiner.switch_at) == (8, 0.6)


def test_a_rest_of_the_steps_with_other_guidance_is_one_more_pass() -> None:
    job = job_of(split_pass(cfg=3.0))
    assert job.stages == (Further(adds_noise=False, first_step=12, cfg_scale=3.0),)
    assert (job.sampling.steps, job.sampling.last_step, job.sampling.leaves_noise) == (20, 12, True)
    assert named(job) == []


def test_a_third_pass_is_said_as_it_stands() -> None:
    third = sampler(latent_image=("larger", 0), denoise=0.3, seed=9, positive=("bad", 0), model=("other", 0))
    job = job_of(
        drawing(
            large=node("LatentUpscaleBy", samples=("pass", 0), upscale_method="bicubic", scale_by=1.5),
            more=second(),
            larger=node("LatentUpscaleBy", samples=("more", 0), upscale_method="bislerp", scale_by=2.0),
            other=node("CheckpointLoaderSimple", ckpt_name="other.safetensors"),
            third=third,
            picture=node("VAEDecode", samples=("third", 0), vae=("file", 2)),
        )
    )
    hires, further = job.stages
    assert isinstance(hires, Hires)
    assert further == Further(
        upscaler="latent:bislerp",
        scale=2.0,
        strength=0.3,
        seed=9,
        prompt=job.negative,
        checkpoint=AssetRef(name="other"),
    )
    assert named(job) == []


def test_a_model_that_is_steered_by_the_latent_of_another_is_one_more_pass() -> None:
    """Stable Cascade: what the first stage makes is told to the second one, which starts from noise."""
    job = job_of(
        drawing(
            empty=node("StableCascade_EmptyLatentImage", width=1024, height=1024, compression=42, batch_size=1),
            told=node("StableCascade_StageB_Conditioning", conditioning=("good", 0), stage_c=("pass", 0)),
            other=node("CheckpointLoaderSimple", ckpt_name="stage_b.safetensors"),
            more=sampler(model=("other", 0), positive=("told", 0), latent_image=("empty", 1), steps=10, cfg=1.1),
            picture=node("VAEDecode", samples=("more", 0), vae=("other", 2)),
        )
    )
    assert job.stages == (Further(steered=True, steps=10, cfg_scale=1.1, checkpoint=AssetRef(name="stage_b")),)


def test_a_pass_over_a_picture_is_image_to_image() -> None:
    task = job_of(WORKFLOWS["05_sd15_img2img"]).task
    assert isinstance(task, ImageToImage)
    assert (task.init.path, task.strength) == ("example.png", 0.75)


def test_a_mask_makes_it_inpainting() -> None:
    task = job_of(WORKFLOWS["06_sd15_inpaint_mask_paste"]).task
    assert isinstance(task, Inpaint)
    assert (task.init.path, task.mask.path, task.strength) == ("example.png", "example.png", 0.8)


def test_networks_are_in_the_order_in_which_they_are_laid() -> None:
    job = job_of(WORKFLOWS["02_sd15_loras_clipskip_vae"])
    laid = [
        (patch.unit, patch.model.name, patch.unet, patch.text_encoder)
        for patch in job.patches
        if patch.kind == "extra_network"
    ]
    assert laid == [(1, "detail", 0.6, 0.6), (2, "style/ink", 1.25, 0.5)]
    assert job.text.layer == -2
    assert job.assets.vae is not None


def test_a_network_that_the_texts_do_not_pass_leaves_the_encoder_alone() -> None:
    lora = node(
        "LoraLoader",
        model=("file", 0),
        clip=("file", 1),
        lora_name="x.safetensors",
        strength_model=0.5,
        strength_clip=0.7,
    )
    (patch,) = job_of(drawing(lora=lora, **{"pass": sampler(model=("lora", 0))})).patches
    assert patch.kind == "extra_network"
    assert (patch.unet, patch.text_encoder) == (0.5, 0.0)


def test_parts_with_strengths_are_joined_by_and() -> None:
    job = job_of(WORKFLOWS["11_sd15_and"])
    assert job.prompt.text == "a castle AND dense fog :0.6"
    assert (job.text.language, job.text.emphasis) == ("a1111", "comfy")
    assert job.sampling.cfg_scale == pytest.approx(7 / 1.6)


def test_texts_put_end_to_end_are_joined_by_a_break() -> None:
    assert job_of(WORKFLOWS["12_sd15_break"]).prompt.text == "a red cube BREAK a blue ball"


def test_texts_that_follow_each_other_are_an_edit() -> None:
    job = job_of(WORKFLOWS["10_sd15_prompt_editing"])
    assert job.prompt.text == "a forest in [summer:winter:7]"
    assert named(job) == []


EDITS = [
    "a [cat:dog:0.5] on a mat",
    "[a:b:5] c [d:e:10]",
    "(a:1.2) [x::7] z",
    "[wide shot:close-up of (eyes:1.3):4], rain",
]


@pytest.mark.parametrize("schedule", ["Karras", "Normal", "SGM Uniform", "Exponential", "Simple"])
@pytest.mark.parametrize("text", EDITS)
def test_an_edit_comes_back_from_its_ranges_with_every_step(text: str, schedule: str) -> None:
    source = f"{text}\nSteps: 20, Sampler: Euler, Schedule type: {schedule}, Seed: 7, Size: 512x512, Model: dream"
    back = paramc.parse(paramc.convert(source, "comfyui").files[0].text).prompt.text
    assert paramc.prompt(back).schedule(20) == paramc.prompt(text).schedule(20)


def test_ranges_with_a_gap_are_named() -> None:
    api = json.loads(json.dumps(WORKFLOWS["10_sd15_prompt_editing"]))
    api["5"]["inputs"]["start"] = 0.6
    job = job_of(api)
    assert job.prompt.text == "a forest in summer"
    assert named(job) == ["CLIPTextEncode"]


@pytest.mark.parametrize(
    "text", ["a BREAK b", "a cat AND a (dog:1.2) :0.5", "a cat AND a dog :-0.5", "a cat AND a dog :-0.9"]
)
def test_composed_prompts_come_back_from_their_graph(text: str) -> None:
    source = f"{text}\nSteps: 20, Sampler: Euler, Seed: 7, CFG scale: 7, Size: 512x512, Model: dream"
    job, back = paramc.parse(source), paramc.parse(paramc.convert(source, "comfyui").files[0].text)
    ours, theirs = (
        [(weight, paramc.prompt(part.strip()).runs()) for part, weight in paramc.prompt(one.prompt.text).branches()]
        for one in (job, back)
    )
    assert ours == theirs
    assert back.sampling.cfg_scale == pytest.approx(7)


def test_a_text_is_rewritten_only_where_it_means_something_else() -> None:
    joined = node("ConditioningConcat", conditioning_to=("good", 0), conditioning_from=("also", 0))
    texts = {
        "good": node("CLIPTextEncode", text="(a:1.2) b", clip=("file", 1)),
        "also": node("CLIPTextEncode", text="(c (d:0.5):1.5) [e] f AND g", clip=("file", 1)),
    }
    job = job_of(drawing(joined=joined, **texts, **{"pass": sampler(positive=("joined", 0))}))
    assert job.prompt.text == r"(a:1.2) b BREAK (c :1.5)(d:0.5) \[e\] f AND g"


def test_a_text_that_is_zeroed_is_no_negative() -> None:
    zero = node("ConditioningZeroOut", conditioning=("bad", 0))
    assert job_of(drawing(zero=zero, **{"pass": sampler(negative=("zero", 0))})).negative.text == ""


def test_a_chain_of_nodes_says_what_one_says() -> None:
    chained = {
        "noise": node("RandomNoise", noise_seed=5),
        "guider": node("CFGGuider", model=("file", 0), positive=("good", 0), negative=("bad", 0), cfg=7.0),
        "chooser": node("KSamplerSelect", sampler_name="euler"),
        "sigmas": node("BasicScheduler", model=("file", 0), scheduler="karras", steps=20, denoise=1.0),
        "pass": node("SamplerCustomAdvanced", noise=("noise", 0), guider=("guider", 0), sampler=("chooser", 0), sigmas=("sigmas", 0), latent_image=("empty", 0)),
    }  # fmt: skip
    assert job_of(drawing(**chained)) == job_of(drawing())


def test_guidance_shift_and_encoders_of_flow_models_are_read() -> None:
    job = job_of(WORKFLOWS["19_flux_dev"])
    assert (job.sampling.distilled_cfg_scale, job.sampling.cfg_scale, job.sampling.shift) == (3.5, 1.0, exp(1.15))
    assert job.assets.checkpoint is not None
    assert [job.assets.checkpoint.name, *(file.name for file in job.assets.modules)] == [
        "flux1-dev", "t5xxl_fp16", "clip_l", "ae",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "seed"),
    [
        (node("PrimitiveInt", value=77), 77),
        (node("Seed (rgthree)", seed=78), 78),
        (node("ComfySwitchNode", switch=True, on_true=("other", 0), on_false=3), 79),
        (node("Any Switch (rgthree)", any_02=("other", 0)), 79),
    ],
)
def test_a_value_is_followed_to_where_it_comes_from(value: dict[str, Any], seed: int) -> None:
    more = {"value": value, "other": node("PrimitiveInt", value=79), "pass": sampler(seed=("value", 0))}
    assert job_of(drawing(**more)).noise.seed == seed


def test_texts_are_put_together_as_their_nodes_do() -> None:
    joined = node("StringConcatenate", string_a="a", string_b=("b", 0), delimiter=", ")
    more = {
        "joined": joined,
        "b": node("PrimitiveString", value="b"),
        "good": node("CLIPTextEncode", text=("joined", 0), clip=("file", 1)),
    }
    assert job_of(drawing(**more)).prompt.text == "a, b"


def test_the_only_value_of_an_unknown_node_is_taken_and_said() -> None:
    value = {"dice": node("Dice Roller", number=6), "pass": sampler(seed=("dice", 0))}
    assert (job_of(drawing(**value)).noise.seed, codes(drawing(**value))) == (6, ["PC338"])


def test_a_value_that_cannot_be_followed_is_left_unsaid() -> None:
    value = {"dice": node("Dice Roller", low=1, high=6), "pass": sampler(seed=("dice", 0))}
    job = job_of(drawing(**value))
    assert (job.noise.seed, codes(drawing(**value)), named(job)) == (None, ["PC337"], ["Dice Roller"])


def test_a_node_that_is_not_known_is_passed_and_named() -> None:
    magic = node("Magic Model", model=("file", 0), strength=0.3)
    job = job_of(drawing(magic=magic, **{"pass": sampler(model=("magic", 0))}))
    (patch,) = job.patches
    assert patch.kind == "opaque"
    assert (patch.name, patch.fields) == ("Magic Model", (("node", "magic"), ("strength", "0.3")))
    assert job.assets.checkpoint is not None
    (entry,) = [item for item in job.ledger if item.problem]
    assert (entry.key, entry.paths) == ("Magic Model magic", ("patches.opaque.name", "patches.opaque.fields"))


def test_noise_from_the_card_is_told() -> None:
    graph = drawing(**{"pass": sampler(sampler_name="dpmpp_sde_gpu")})
    assert (job_of(graph).sampling.sampler, codes(graph)) == ("dpmpp_sde", ["PC344"])


def test_of_several_pictures_the_first_is_read_and_the_others_are_told_of() -> None:
    graph = WORKFLOWS["28_two_jobs_one_graph"]
    found = [loaded(graph, pick=number) for number in (1, 2)]
    assert [item.job.prompt.text for item in found] == ["job one", "job two"]
    assert [item.code for item in found[0].diagnostics] == ["PC339"]


def test_a_picture_on_the_way_is_no_result_of_its_own() -> None:
    assert codes(WORKFLOWS["04_sd15_hires_upscaler"]) == []


def test_a_graph_without_a_sampler_mends_a_picture() -> None:
    job = job_of(WORKFLOWS["29_extras_upscale"])
    assert job.task.kind == "enlarge"
    assert [stage.kind for stage in job.stages] == ["post_upscale", "post_upscale"]


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_the_frontends_form_says_the_same(name: str) -> None:
    record = next(record for record in records("workflows") if record["name"] == name)
    assert job_of(record["ui"]) == job_of(record.get("after_ui", record["api"]))


class Said(NamedTuple):
    """What is asked of one pass; `ran` are its steps, of perhaps more that were planned."""

    seed: int | None
    ran: int | None
    cfg: float | None
    sampler: str | None
    schedule: str | None
    prompt: str
    negative: str
    model: str | None


def _passes(job: Job) -> list[Said]:
    own = job.sampling
    file = job.assets.checkpoint.name if job.assets.checkpoint else None
    first = Said(
        job.noise.seed, own.steps, own.cfg_scale, own.sampler, own.schedule, job.prompt.text, job.negative.text, file
    )
    found = [first]
    for stage in job.stages:
        if isinstance(stage, Refiner):
            found.append(first._replace(model=stage.checkpoint.name, **_own(seed=stage.seed)))
        elif isinstance(stage, Hires | Further):
            asked = _own(
                seed=stage.seed, ran=stage.steps, cfg=stage.cfg_scale, sampler=stage.sampler, schedule=stage.schedule,
                prompt=stage.prompt and stage.prompt.text, negative=stage.negative and stage.negative.text,
                model=stage.checkpoint and stage.checkpoint.name,
            )  # fmt: skip
            found.append(first._replace(**asked))
    return found


def _own(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _fits(traced: dict[str, Any], said: Said) -> bool:
    """Whether a pass is the one that was traced; what the trace does not tell counts as told right."""
    sampler = SAMPLERS.get(traced["sampler"], traced["sampler"])
    schedule = SCHEDULES.get(traced["scheduler"], traced["scheduler"])
    model = traced.get("model", "").removesuffix(".safetensors")
    texts = [part.strip() for part in said.prompt.split("BREAK")]
    return all(
        (
            traced.get("seed", said.seed) == said.seed,
            traced["steps"] in (said.ran, (said.ran or 0) + traced.get("start_at_step", 0)),
            traced.get("cfg", said.cfg) == said.cfg,
            (sampler, schedule) == (said.sampler, str(said.schedule).removeprefix("unknown:")),
            said.prompt in traced["positive"] or texts == [text.strip() for text in traced["positive"]],
            not any(traced["negative"]) or said.negative in traced["negative"],
            not model or model == said.model,
        )
    )


SAMPLERS = {"dpmpp_2m_sde_gpu": "dpmpp_2m_sde", "dpmpp_3m_sde_gpu": "dpmpp_3m_sde", "dpmpp_sde_gpu": "dpmpp_sde"}
SCHEDULES = {"beta": "beta_timesteps", "ddim_uniform": "ddim", "kl_optimal": "kl_optimal_zero"}


def test_every_pass_of_the_traced_graphs_of_the_corpus_is_said(corpus: Path) -> None:
    folder = corpus / "comfyui_wild"
    rows = [json.loads(line) for line in (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()]
    missing: list[tuple[str, str]] = []
    for row in rows:
        if row.get("trace") != "complete":
            continue
        graph = load_graph((folder / row["files"]["api"]).read_text(encoding="utf-8"), COMFYUI)
        passes = [said for reading in readings(graph, COMFYUI) for said in _passes(reading.job)]
        missing += [
            (row["id"], traced["node"]) for traced in row["samplers"] if not any(_fits(traced, said) for said in passes)
        ]
    assert missing == []


def test_no_graph_of_the_corpus_stops_the_reader(corpus: Path) -> None:
    files = [*(corpus / "comfyui_wild").glob("*.json"), *(corpus / "comfyui").glob("*/*.json")]
    read = [paramc.parse(path.read_text(encoding="utf-8")) for path in files if path.name != "manifest.json"]
    assert len(read) == 300
    assert {job.producer.dialect for job in read} == {"comfyui"}


@pytest.mark.parametrize("first", [0, 1, 4])
def test_the_sides_of_an_unknown_node_are_told_by_their_order(first: int) -> None:
    steered = node("Something Between", model=("file", 0), positive=("good", 0), negative=("bad", 0))
    passing = sampler(positive=("both", first), negative=("both", first + 1))
    job = job_of(drawing(both=steered, **{"pass": passing}))
    assert (job.prompt.text, job.negative.text) == ("a cat", "blurry")
