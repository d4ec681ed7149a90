"""What scripts say they lost, and that nothing in them is out of place."""

import ast
from pathlib import Path

import pytest

import paramc
from paramc.backends.report import File
from paramc.backends.template import verify
from paramc.ir.assets import AssetRef
from paramc.ir.control import ControlNet
from tests.unit.backends.scripts import (
    FLUX,
    HIRES,
    PLAIN,
    TAIL,
    TARGET,
    constants,
    lost,
    ruff,
    script,
    with_family,
)


def test_a_plain_picture_loses_nothing_but_the_table_of_old_versions() -> None:
    assert lost(PLAIN) == set()


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


def test_a_model_without_a_pipeline_is_refused_by_name() -> None:
    with pytest.raises(paramc.Unsupported, match="PC640 the target has no pipeline for `kandinsky` models"):
        paramc.compile(with_family(PLAIN, "kandinsky", "kandinsky"), "diffusers")


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


EXACT = (("prompts", "exact"),)
WEIGHTED = f"a (cat:1.3), {'word, ' * 60} BREAK [dog]\nNegative prompt: bad\n{TAIL}"
CASES: dict[str, tuple[str, str, str] | tuple[str, str, str, tuple[tuple[str, str], ...]]] = {
    "plain": (PLAIN, "sd1", "sd1"),
    "batch": (PLAIN.replace("Size:", "Batch size: 2, Size:"), "sdxl", "sdxl"),
    "loras": (PLAIN.replace("a cat", "a cat <lora:x:0.5:1>").replace("Size:", "Clip skip: 2, Size:"), "sd1", "sd1"),
    "latent hires": (f"{PLAIN}, {HIRES}Latent", "sd1", "sd1"),
    "picture hires": (f"{PLAIN}, {HIRES}Lanczos", "sdxl", "sdxl"),
    "cut": (PLAIN + ", Denoising strength: 0.7, Hires resize: 768x1024, Hires upscaler: Lanczos", "sd1", "sd1"),
    "cut latents": (PLAIN + ", Denoising strength: 0.7, Hires resize: 768x512, Hires upscaler: Latent", "sd1", "sd1"),
    "image to image": (PLAIN.replace("Size:", "Denoising strength: 0.5, Size:"), "sd1", "sd1"),
    "inpaint": (PLAIN.replace("Size:", "Denoising strength: 0.5, Mask blur: 4, Size:"), "sd1", "sd1"),
    "flux": (FLUX, "flux-dev", "flux"),
    "flux hires": (f"{FLUX}, {HIRES}Latent", "flux-dev", "flux"),
    "sd3": (PLAIN, "sd35-large", "sd3"),
    "embeddings": (PLAIN.replace("Size:", 'TI hashes: "bad: 0123456789ab", Size:'), "sd1", "sd1"),
    "refiner": (f"{PLAIN}, Refiner: second, Refiner switch at: 0.8", "sdxl", "sdxl"),
    "weights": (WEIGHTED, "sd1", "sd1", EXACT),
    "weights, skipped layers": (f"{WEIGHTED}, Clip skip: 2", "sd2", "sd2", EXACT),
    "weights, two encoders": (f"{WEIGHTED}, {HIRES}Latent, Hires prompt: a (dog:1.2)", "sdxl", "sdxl", EXACT),
    "weights that nothing reads": (FLUX.replace("a cat", "a (cat:1.2)"), "flux-dev", "flux", EXACT),
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


def test_a_formatter_leaves_controls_alone(tmp_path: Path) -> None:
    units = tuple(ControlNet(unit=number, model=AssetRef(name="x" * 40 * number)) for number in range(4))
    job = with_family(PLAIN, "sd1", "sd1").model_copy(update={"controls": units})
    for number in range(1, 5):
        made = job.model_copy(update={"controls": units[:number]})
        for local in ("true", "false"):
            text = paramc.compile(made, "diffusers", options={"local_files_only": local}).text
            (tmp_path / f"{number}{local}.py").write_text(text, encoding="utf-8")
    assert ruff("format", "--diff", folder=tmp_path) == ""


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
