"""Pictures that start from pictures: how scripts redraw and enlarge."""

import pytest

import paramc
from paramc.backends.lengths import fraction
from paramc.ir.assets import HUB, AssetRef, ImageRef
from paramc.ir.control import ControlNet, Reference
from paramc.ir.stages import PostUpscale
from tests.unit.backends.scripts import FLUX, HIRES, PLAIN, arguments, code, constants, lost, script, with_family


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


@pytest.mark.parametrize("style", ["plain", "exact"])
def test_a_second_pass_cuts_what_it_encoded_and_not_the_picture(style: str) -> None:
    more = ", Denoising strength: 0.7, Hires resize: 768x1024, Hires upscaler: Lanczos"
    source = script(PLAIN.replace("512x768", "512x512") + more, options=(("style", style),))
    assert "size = (1024, HIRES_HEIGHT)" in source
    assert source.index(".encode(pixels") < source.index("latents = latents[:, :, :, 16 : 16 + HIRES_WIDTH // 8]")
    assert ".crop(" not in source


def test_a_finished_picture_is_enlarged_without_a_model() -> None:
    job = (
        paramc.parse(PLAIN)
        .replace({"task": {"kind": "enlarge"}})
        .model_copy(update={"stages": (PostUpscale(upscaler="4x", scale=2.0),)})
    )
    source = paramc.compile(job, "diffusers").text
    assert "torch" not in source
    assert "scale = 2.0\nsize = (round(pictures[0].width * scale), round(pictures[0].height * scale))\n" in source


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


PROMPTS = {"prompt": "PROMPT", "negative_prompt": "NEGATIVE_PROMPT"}
SIZE = {"width": "WIDTH", "height": "HEIGHT"}
STEPS = {"num_inference_steps": "STEPS"}
IMAGE = {"image": "latents", "strength": "STRENGTH"}
MANY = {"num_images_per_prompt": "BATCH_SIZE", "generator": "generators", "output_type": "'np'"}
CFG = {"guidance_scale": "CFG_SCALE"}
DDIM = {"eta": "ETA"}
RESCALED = {"guidance_rescale": "CFG_RESCALE"}
LEVELS = "[1 - n * {table} // STEPS / {table} for n in range(STEPS)]"
SD3 = {"sigmas": LEVELS.format(table=1000), "max_sequence_length": "77"}
TWO_KINDS = {"guidance_scale": "DISTILLED_CFG_SCALE", "true_cfg_scale": "CFG_SCALE"}
FLUX_ONLY = {"sigmas": LEVELS.format(table=10000), "max_sequence_length": "256", **TWO_KINDS}


@pytest.mark.parametrize(
    ("base", "task", "told"),
    [
        ("sd1", "", PROMPTS | SIZE | STEPS | CFG | DDIM | RESCALED | MANY),
        ("sd2", "", PROMPTS | SIZE | STEPS | CFG | DDIM | RESCALED | MANY),
        ("sdxl", "", PROMPTS | SIZE | STEPS | CFG | DDIM | RESCALED | MANY),
        ("sd3", "", PROMPTS | SIZE | STEPS | CFG | SD3 | MANY),
        ("flux", "", PROMPTS | SIZE | STEPS | FLUX_ONLY | MANY),
        ("sd1", "image", PROMPTS | IMAGE | STEPS | CFG | DDIM | MANY),
        ("sd2", "image", PROMPTS | IMAGE | STEPS | CFG | DDIM | MANY),
        ("sdxl", "image", PROMPTS | IMAGE | STEPS | CFG | DDIM | RESCALED | MANY),
        ("sd3", "image", PROMPTS | IMAGE | SIZE | STEPS | CFG | SD3 | MANY),
        ("flux", "image", PROMPTS | IMAGE | SIZE | STEPS | FLUX_ONLY | MANY),
    ],
)
def test_a_pipeline_is_told_all_that_it_takes(base: str, task: str, told: dict[str, str]) -> None:
    text = PLAIN.replace("Size:", "Denoising strength: 0.5, Batch size: 2, Size:" if task else "Batch size: 2, Size:")
    sampler, schedule = ("euler", "simple") if base in ("sd3", "flux") else ("ddim", "automatic")
    job = with_family(text, base, base).replace(
        {
            "sampling.sampler": sampler,
            "sampling.schedule": schedule,
            "sampling.cfg_rescale": 0.7,
            "sampling.eta_ddim": 0.5,
        }
    )
    assert arguments(paramc.compile(job, "diffusers").text, "pipe") == told


@pytest.mark.parametrize(
    ("base", "pipeline", "told"),
    [
        ("sd1", "StableDiffusionImg2ImgPipeline", {"None": "pipe.components", "requires_safety_checker": "False"}),
        ("sd2", "StableDiffusionImg2ImgPipeline", {"None": "pipe.components", "requires_safety_checker": "False"}),
        ("sdxl", "StableDiffusionXLImg2ImgPipeline", {"None": "pipe.components", "add_watermarker": "False"}),
        ("sd3", "StableDiffusion3Img2ImgPipeline", {"None": "pipe.components"}),
        ("flux", "FluxImg2ImgPipeline", {"None": "pipe.components"}),
    ],
)
def test_a_second_pass_is_made_of_the_firsts_parts(base: str, pipeline: str, told: dict[str, str]) -> None:
    assert arguments(script(f"{PLAIN}, {HIRES}Latent", base, base), pipeline) == told


def test_the_vae_of_sdxl_encodes_in_full_precision() -> None:
    text = PLAIN.replace("Size:", "Denoising strength: 0.5, Size:")
    assert "vae = pipe.vae.to(torch.float32)" in script(text, "sdxl", "sdxl")
    assert "vae.to(torch.float32)" not in script(text)


def test_packed_latents_are_unpacked_before_they_are_enlarged() -> None:
    assert "latents.unflatten(" in script(f"{FLUX}, {HIRES}Latent", "flux-dev", "flux")
    assert "unflatten" not in script(f"{PLAIN}, {HIRES}Latent", "sd3", "sd3")


@pytest.mark.parametrize(("base", "value"), [("sd3", 0.06), ("flux", 0.06), ("sd1", 0.1)])
def test_pipelines_that_round_the_other_way_get_another_strength(base: str, value: float) -> None:
    text = PLAIN.replace("Steps: 20", "Steps: 15").replace("Size:", "Denoising strength: 0.05, Size:")
    assert constants(script(text, base, base))["STRENGTH"] == value


INPAINT = PLAIN.replace("Size:", "Denoising strength: 0.5, Mask blur: 4, Size:")


@pytest.mark.parametrize(
    ("base", "pipeline"), [("sd1", "StableDiffusionInpaintPipeline"), ("sdxl", "StableDiffusionXLInpaintPipeline")]
)
def test_a_mask_makes_it_a_pipeline_for_masks(base: str, pipeline: str) -> None:
    source = script(INPAINT, base, base)
    assert f"pipe = {pipeline}." in source
    told = arguments(source, "pipe")
    assert (told["image"], told["mask_image"]) == ("picture", "mask")
    found = constants(source)
    assert (found["MASK"], found["MASK_BLUR"], found["STRENGTH"]) == ("mask.png", 4.0, 0.55)


def test_a_mask_is_turned_round_where_the_settings_say_so() -> None:
    job = with_family(INPAINT, "sd1", "sd1")
    assert "ImageOps.invert(mask)" not in paramc.compile(job, "diffusers").text
    assert "ImageOps.invert(mask)" in paramc.compile(job.replace({"task.inverts_mask": True}), "diffusers").text


def test_a_mask_is_brought_to_size_like_its_picture() -> None:
    job = with_family(INPAINT, "sd1", "sd1").replace({"task.resize": "crop"})
    source = paramc.compile(job, "diffusers").text
    assert "picture = ImageOps.fit(picture, (WIDTH, HEIGHT)" in source
    assert "mask = ImageOps.fit(mask, (WIDTH, HEIGHT)" in source


@pytest.mark.parametrize(
    ("family", "base", "pipeline"),
    [
        ("sd35-medium", "sd3", "StableDiffusion3InpaintPipeline"),
        ("flux-dev", "flux", "FluxInpaintPipeline"),
        ("flux-fill", "flux", "FluxFillPipeline"),
        ("flux-kontext", "flux", "FluxKontextInpaintPipeline"),
    ],
)
def test_every_family_has_its_pipeline_for_masks(family: str, base: str, pipeline: str) -> None:
    assert f"pipe = {pipeline}." in script(INPAINT, family, base)


def test_a_model_that_edits_pictures_is_given_the_picture_itself() -> None:
    source = script(f"{PLAIN}, Denoising strength: 1", "flux-kontext", "flux")
    assert arguments(source, "pipe")["image"] == "picture"
    assert "vae.encode" not in source
    assert "resize" not in source


def test_a_model_that_edits_is_given_the_picture_that_it_is_shown() -> None:
    shown = (Reference(image=ImageRef(path="house.png")), Reference(unit=2, image=ImageRef(path="more.png")))
    job = with_family(PLAIN, "flux-kontext", "flux").model_copy(update={"patches": shown, "ledger": ()})
    made = paramc.compile(job, "diffusers")
    assert constants(made.text)["IMAGE"] == "house.png"
    assert arguments(made.text, "pipe")["image"] == "picture"
    grades = [fate.grade for fate in made.report.fates if fate.paths[0].endswith("image.path")]
    assert grades == ["approximate", "dropped"]


@pytest.mark.parametrize(
    ("path", "value", "base", "expected"),
    [
        ("task.mask_blur", 4.5, "sd1", "approximate"),
        ("task.mask_blur", 4.5, "sd3", "approximate"),
        ("task.fill", "latent_noise", "sd1", "dropped"),
        ("task.area", "masked", "sdxl", "dropped"),
    ],
)
def test_what_a_mask_loses_is_graded(path: str, value: object, base: str, expected: str) -> None:
    job = with_family(INPAINT, base, base).replace({path: value})
    report = paramc.compile(job, "diffusers").report
    assert [fate.grade for fate in report.fates if path in fate.paths] == [expected]


def controlled(base: str, *units: ControlNet, text: str = PLAIN) -> str:
    job = with_family(text, base, base).model_copy(update={"controls": units})
    return paramc.compile(job, "diffusers").text


@pytest.mark.parametrize(
    ("base", "pipeline", "ending"),
    [
        ("sd1", "StableDiffusionControlNetPipeline", ".safetensors"),
        ("sdxl", "StableDiffusionXLControlNetPipeline", ".safetensors"),
        ("sd3", "StableDiffusion3ControlNetPipeline", ".safetensors"),
        ("flux", "FluxControlNetPipeline", ""),  # whose nets are read from folders alone
        ("qwen-image", "QwenImageControlNetPipeline", ""),
    ],
)
def test_every_unit_has_its_file_and_its_numbers(base: str, pipeline: str, ending: str) -> None:
    first = ControlNet(model=AssetRef(name="canny"), weight=0.8, end=0.5)
    source = controlled(base, first, ControlNet(unit=1, start=0.2))
    found = constants(source)
    assert f"pipe = {pipeline}." in source
    assert found["CONTROLNETS"] == [f"canny{ending}", f"controlnet{ending}"]
    numbers = found["CONTROL_SCALES"], found["CONTROL_STARTS"], found["CONTROL_ENDS"]
    assert numbers == ([0.8, 1.0], [0.0, 0.2], [0.5, 1.0])
    assert (
        arguments(source, "pipe")["image" if base.startswith("sd") and base != "sd3" else "control_image"] == "controls"
    )


@pytest.mark.parametrize(
    ("base", "more", "pipeline"),
    [
        ("sd1", "", "StableDiffusionControlNetImg2ImgPipeline"),
        ("sdxl", "Mask blur: 4", "StableDiffusionXLControlNetInpaintPipeline"),
        ("flux", "", "FluxControlNetImg2ImgPipeline"),
        ("flux", "Mask blur: 4", "FluxControlNetInpaintPipeline"),
    ],
)
def test_a_picture_steers_beside_the_one_to_start_from(base: str, more: str, pipeline: str) -> None:
    source = controlled(base, ControlNet(), text=f"{PLAIN}, Denoising strength: 0.5, {more}".rstrip(", "))
    told = arguments(source, "pipe")
    assert f"pipe = {pipeline}." in source
    assert (told["control_image"], told["image"]) == ("controls", "picture" if more or base == "flux" else "latents")


def test_nets_of_the_hub_are_loaded_from_there() -> None:
    net = AssetRef(name="b", urn=f"{HUB}a/b")
    source = controlled("sd1", ControlNet(model=net))
    assert constants(source)["CONTROLNETS"] == ["a/b"]
    assert "ControlNetModel.from_pretrained(file" in source


@pytest.mark.parametrize(("priority", "guesses"), [("balanced", False), ("prompt", False), ("control", True)])
def test_a_control_that_goes_first_guesses(priority: str, guesses: bool) -> None:
    unit = ControlNet().model_copy(update={"priority": priority})
    assert ("guess_mode" in arguments(controlled("sd1", unit), "pipe")) == guesses


@pytest.mark.parametrize(("base", "text"), [("sd3", INPAINT), ("sd1", f"{PLAIN}, {HIRES}Latent")])
def test_where_nothing_can_steer_no_net_is_loaded(base: str, text: str) -> None:
    job = with_family(text, base, base).model_copy(update={"controls": (ControlNet(),)})
    made = paramc.compile(job, "diffusers")
    assert "ControlNet" not in code(made.text).partition("import torch")[2]
    assert {fate.grade for fate in made.report.fates if fate.key == "controls.controlnet.kind"} == {"dropped"}


REFINED = f"{PLAIN}, Refiner: second, Refiner switch at: 0.8"


def test_a_refiner_goes_on_with_the_latents() -> None:
    source = script(REFINED, "sdxl", "sdxl")
    found = constants(source)
    assert (found["REFINER"], found["SWITCH_AT"]) == ("second.safetensors", 0.8)
    first, second = arguments(source, "pipe"), arguments(source, "refiner")
    assert (first["denoising_end"], first["output_type"]) == ("SWITCH_AT", "'latent'")
    assert (second["denoising_start"], second["image"], second["output_type"]) == ("SWITCH_AT", "latents", "'np'")


@pytest.mark.parametrize(
    ("text", "base", "prompts"),
    [(REFINED, "sd1", "plain"), (REFINED, "sdxl", "exact"), (f"{REFINED}, {HIRES}Latent", "sdxl", "plain")],
)
def test_where_no_refiner_fits_one_model_runs_all_steps(text: str, base: str, prompts: str) -> None:
    made = paramc.compile(with_family(text, base, base), "diffusers", options={"prompts": prompts})
    assert "REFINER" not in made.text
    assert {fate.grade for fate in made.report.fates if fate.key == "Refiner"} == {"dropped"}


@pytest.mark.parametrize(
    ("base", "pipeline", "image"),
    [
        ("chroma", "ChromaImg2ImgPipeline", "latents"),
        ("z-image", "ZImageImg2ImgPipeline", "latents"),
        ("kolors", "KolorsImg2ImgPipeline", "latents"),
        ("qwen-image", "QwenImageImg2ImgPipeline", "picture"),
    ],
)
def test_newer_families_start_from_pictures_where_the_library_does(base: str, pipeline: str, image: str) -> None:
    text = PLAIN.replace(", Version", ", Denoising strength: 0.5, Version")
    source = script(text, base, base)
    assert f"pipe = {pipeline}." in source
    assert arguments(source, "pipe")["image"] == image
    tells = "register_to_config(vae_latent_channels=16)" in source
    assert tells == (base in ("chroma", "z-image"))  # their processors of pictures take latents for pixels


@pytest.mark.parametrize("base", ["flux2", "flux2-klein", "lumina2", "auraflow", "hidream"])
def test_families_without_such_a_pipeline_paint_from_the_text(base: str) -> None:
    text = PLAIN.replace(", Version", ", Denoising strength: 0.5, Version")
    report = paramc.compile(with_family(text, base, base), "diffusers").report
    assert {fate.grade for fate in report.fates if "task.strength" in fate.features} == {"dropped"}
