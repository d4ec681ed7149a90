"""Scripts read back: ordinary tutorials, what is computed at run time, and hostile input."""

import ast
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.dialects.read_script import read_script
from paramc.dialects.registry import find_dialect
from paramc.dialects.script.amounts import asked_strength, hires_strength, run_steps
from paramc.dialects.script.lines import Lines
from paramc.dialects.script.loaded import MOST_UNITS
from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.control import ControlNet, FreeU, Tiling
from paramc.ir.family import Family
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.paths import leaves, value_at
from paramc.ir.prompt import Prompt
from paramc.tables import read_table, rows

DIALECT = find_dialect("diffusers")


class WildScript(NamedTuple):
    """A script, what is read of it line by line, and the codes of what is said."""

    name: str
    codes: tuple[str, ...]
    read: str
    script: str


HEAD = "import torch\nfrom diffusers import StableDiffusionPipeline\n"
LOADED = HEAD + 'pipe = StableDiffusionPipeline.from_pretrained("a/b")\n'

TUTORIALS: dict[str, tuple[str, Mapping[str, object]]] = {
    "sdxl": (
        """
import torch
from diffusers import DiffusionPipeline

pipe = DiffusionPipeline.from_pretrained(
    "stabilityai/stable-diffusion-xl-base-1.0", torch_dtype=torch.float16, variant="fp16", use_safetensors=True
)
pipe.to("cuda")
prompt = "An astronaut riding a green horse"
images = pipe(prompt=prompt).images[0]
""",
        {"prompt.text": "An astronaut riding a green horse", "assets.checkpoint.name": "stable-diffusion-xl-base-1.0"},
    ),
    "flux": (
        """
import torch
from diffusers import FluxPipeline

pipe = FluxPipeline.from_pretrained("black-forest-labs/FLUX.1-dev", torch_dtype=torch.bfloat16)
pipe.enable_model_cpu_offload()
image = pipe(
    "A cat holding a sign that says hello world",
    height=1024, width=768, guidance_scale=3.0, num_inference_steps=40, max_sequence_length=512,
    generator=torch.Generator("cpu").manual_seed(0),
).images[0]
image.save("flux-dev.png")
""",
        {
            "sampling.distilled_cfg_scale": 3.0, "sampling.cfg_scale": 1.0, "sampling.steps": 40, "size": (768, 1024),
            "sampling.sampler": "euler", "sampling.schedule": "simple", "noise.seed": 0, "noise.generator": "cpu",
        },
    ),
    "turbo": (
        """
from diffusers import AutoPipelineForText2Image
import torch
pipe = AutoPipelineForText2Image.from_pretrained("stabilityai/sdxl-turbo", torch_dtype=torch.float16, variant="fp16")
pipe.to("cuda")
image = pipe(prompt="a raccoon priest", num_inference_steps=1, guidance_scale=0.0).images[0]
""",
        {"sampling.steps": 1, "sampling.cfg_scale": 1.0, "sampling.sampler": "euler_ancestral"},
    ),
    "lcm with a network": (
        """
import torch
from diffusers import LCMScheduler, AutoPipelineForText2Image
model_id, adapter_id = "Lykon/dreamshaper-7", "latent-consistency/lcm-lora-sdv1-5"
pipe = AutoPipelineForText2Image.from_pretrained(model_id, torch_dtype=torch.float16, variant="fp16")
pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
pipe.to("cuda")
pipe.load_lora_weights(adapter_id)
pipe.fuse_lora()
image = pipe(prompt="Self-portrait oil painting", num_inference_steps=4, guidance_scale=0).images[0]
""",
        {"sampling.sampler": "lcm", "sampling.steps": 4, "patches.extra_network.model.name": "lcm-lora-sdv1-5"},
    ),
    "image to image": (
        """
import torch
from PIL import Image
from diffusers import StableDiffusionImg2ImgPipeline
pipe = StableDiffusionImg2ImgPipeline.from_pretrained("CompVis/stable-diffusion-v1-4").to("cuda")
init_image = Image.open("sketch.jpg").convert("RGB")
init_image = init_image.resize((768, 512))
images = pipe(prompt="A fantasy landscape", image=init_image, strength=0.75, guidance_scale=7.5).images
""",
        {"task.kind": "image_to_image", "task.init.path": "sketch.jpg", "size": (768, 512), "task.strength": 0.72},
    ),
    "weights by compel": (
        """
from compel import Compel
from diffusers import StableDiffusionPipeline
pipeline = StableDiffusionPipeline.from_pretrained("CompVis/stable-diffusion-v1-4")
compel = Compel(tokenizer=pipeline.tokenizer, text_encoder=pipeline.text_encoder)
prompt = "a red cat playing with a (ball)1.5"
prompt_embeds = compel(prompt)
image = pipeline(prompt_embeds=prompt_embeds, num_inference_steps=20).images[0]
""",
        {"prompt.text": "a red cat playing with a (ball)1.5", "text.language": "compel", "text.emphasis": "compel"},
    ),
    "two networks": (
        """
from diffusers import DiffusionPipeline
import torch
pipe = DiffusionPipeline.from_pretrained("stabilityai/stable-diffusion-xl-base-1.0", torch_dtype=torch.float16).to("cuda")
pipe.load_lora_weights("CiroN2022/toy-face", weight_name="toy_face_sdxl.safetensors", adapter_name="toy")
pipe.load_lora_weights("nerijs/pixel-art-xl", weight_name="pixel-art-xl.safetensors", adapter_name="pixel")
pipe.set_adapters(["pixel", "toy"], adapter_weights=[0.5, 1.0])
image = pipe("toy_face of a hacker, pixel art", num_inference_steps=30, generator=torch.manual_seed(0)).images[0]
""",
        {
            "patches.extra_network.model.name": "toy_face_sdxl", "patches.extra_network.unet": 1.0,
            "patches.extra_network[1].unet": 0.5, "noise.seed": 0,
        },
    ),
    "controlnet": (
        """
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, UniPCMultistepScheduler
from diffusers.utils import load_image
canny = load_image("canny.png")
controlnet = ControlNetModel.from_pretrained("lllyasviel/sd-controlnet-canny")
pipe = StableDiffusionControlNetPipeline.from_pretrained("runwayml/stable-diffusion-v1-5", controlnet=controlnet)
pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config)
output = pipe("disco dancer", image=canny, num_inference_steps=20, controlnet_conditioning_scale=0.6)
""",
        {
            "controls.controlnet.model.name": "sd-controlnet-canny", "controls.controlnet.weight": 0.6,
            "controls.controlnet.image.path": "canny.png", "sampling.sampler": "unipc", "task.kind": "text_to_image",
        },
    ),
    "sweep": (
        """
import itertools
import torch
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_single_file("models/dreamlike.safetensors")
for seed, cfg in itertools.product(range(3, 6), (4.0, 8.0)):
    generator = torch.Generator("cuda").manual_seed(seed)
    pipe("a fox", guidance_scale=cfg, generator=generator).images[0].save(f"{seed}_{cfg}.png")
""",
        {"noise.seed": 3, "noise.generator": "cuda", "sampling.cfg_scale": 4.0, "assets.checkpoint.name": "dreamlike"},
    ),
    "scheduler swap": (
        """
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained("a/b")
pipe.scheduler = DPMSolverMultistepScheduler.from_config(
    pipe.scheduler.config, algorithm_type="sde-dpmsolver++", use_karras_sigmas=True
)
pipe("a fox", num_inference_steps=25, width=640, height=512)
""",
        {"sampling.sampler": "dpmpp_2m_sde", "sampling.schedule": "karras", "sampling.steps": 25, "size": (640, 512)},
    ),
    "refiner": (
        """
from diffusers import DiffusionPipeline
base = DiffusionPipeline.from_pretrained("stabilityai/stable-diffusion-xl-base-1.0").to("cuda")
refiner = DiffusionPipeline.from_pretrained(
    "stabilityai/stable-diffusion-xl-refiner-1.0", text_encoder_2=base.text_encoder_2, vae=base.vae
).to("cuda")
n_steps, high_noise_frac = 40, 0.8
prompt = "A majestic lion"
image = base(prompt=prompt, num_inference_steps=n_steps, denoising_end=high_noise_frac, output_type="latent").images
image = refiner(prompt=prompt, num_inference_steps=n_steps, denoising_start=high_noise_frac, image=image).images[0]
""",
        {
            "sampling.steps": 40, "stages.refiner.switch_at": 0.8,
            "stages.refiner.checkpoint.name": "stable-diffusion-xl-refiner-1.0",
        },
    ),
}  # fmt: skip


WILD = rows(read_table(Path(__file__).with_name("tutorials.toml")), "scripts", WildScript, "tutorials.toml")


def job_of(script: str) -> Job:
    return read_script(script, DIALECT)[0]


def codes_of(script: str) -> list[str]:
    return [item.code for item in read_script(script, DIALECT)[1]]


@pytest.mark.parametrize("name", TUTORIALS)
def test_an_ordinary_tutorial_is_read(name: str) -> None:
    script, expected = TUTORIALS[name]
    job = job_of(script)
    assert {path: value_at(job, path) for path in expected} == dict(expected)


def shown(job: Job) -> Iterator[str]:
    """Every value that the script decides, a line for each."""
    for path, value in leaves(job):
        if path.startswith("producer") or value in ("diffusers", "none") or path == "noise.per_batch":
            continue
        plain = value.text if isinstance(value, Prompt) else tuple(value) if isinstance(value, Size) else value
        names = [asset.name for asset in job.assets.embeddings] if path == "assets.embeddings" else plain
        yield f"{path} = {names!r}"


@pytest.mark.parametrize("wild", WILD, ids=lambda wild: wild.name)
def test_a_script_of_the_wild_is_read(wild: WildScript) -> None:
    job, said = read_script(wild.script, DIALECT)
    assert (list(shown(job)), [item.code for item in said]) == (wild.read.strip().split("\n"), list(wild.codes))


CELLS = (
    ("markdown", "# a fox\npipe('no')"),
    ("code", "!pip install diffusers\n%matplotlib inline\nfrom diffusers import FluxPipeline"),
    ("code", '%%time\nfiles = !ls\npipe = FluxPipeline.from_pretrained("a/b")\npipe("a \\"fox\\" ☃")'),
)


@pytest.mark.parametrize("as_lines", [True, False])
def test_a_notebook_is_its_code(as_lines: bool) -> None:
    cells: list[dict[str, object]] = [
        {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True) if as_lines else text}
        for kind, text in CELLS
    ]
    assert paramc.parse(json.dumps({"cells": cells, "nbformat": 4})).prompt.text == 'a "fox" ☃'


def test_a_page_of_markdown_is_its_code() -> None:
    code = [text for kind, text in CELLS if kind == "code"]
    page = f"# It's a page\n\n```bash\nls\n```\n\n```python\n{code[0]}\n```\nthen (\n\n```py\n{code[1]}\n```\n"
    job = paramc.parse(page)
    entry = next(item for item in job.ledger if item.key == "prompt")
    assert job.prompt.text == 'a "fox" ☃'
    assert entry.span is not None
    assert page[slice(*entry.span)] == '"a \\"fox\\" ☃"'


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_is_known_for_a_script(name: str) -> None:
    assert paramc.parse(TUTORIALS[name][0]).producer.dialect == "diffusers"


def test_a_sweep_says_how_many_pictures_it_makes() -> None:
    said = read_script(TUTORIALS["sweep"][0], DIALECT)[1]
    assert [(item.code, "6 pictures" in item.message) for item in said] == [("PC703", True)]


def test_the_family_follows_from_the_pipeline() -> None:
    script = 'from diffusers import StableDiffusionXLPipeline\nStableDiffusionXLPipeline.from_single_file("x.safetensors")("a")'
    family = paramc.parse(script).family
    assert family is not None
    assert family.name == "sdxl"


def test_a_session_of_the_interpreter_is_read() -> None:
    session = '>>> from diffusers import FluxPipeline\n>>> pipe = FluxPipeline.from_pretrained("a/b")\n>>> pipe(\n...     "a fox",\n... )\n<output>\n'
    assert job_of(session).prompt.text == "a fox"


def test_lines_of_a_notebook_and_an_indented_piece_are_read() -> None:
    piece = '    !pip install diffusers\n    from diffusers import FluxPipeline\n    FluxPipeline.from_pretrained("a/b")("a fox")\n'
    assert job_of(piece).prompt.text == "a fox"


def test_backslashes_of_prompts_warn_of_nothing() -> None:
    assert job_of(LOADED + 'pipe("fox \\(animal\\)")\n').prompt.text == "fox \\(animal\\)"


@pytest.mark.parametrize(
    "body",
    [
        "class A:\n    def __init__(self):\n        A()\nA()\n",
        "class A:\n    @property\n    def x(self):\n        return self.x\nA().x\n",
        "class A:\n    pass\n" + "class A(A):\n    pass\n" * 300 + "A().x\n",
        "class A:\n    pass\n" + "class A(A, A):\n    x: int = 1\n" * 300 + "A().y\nA(x=1).x\n",
        "f'{1:>999999999}' + '{:>999999999}'.format(1) + '%999999999d' % 1\n",
        "a, *b, c = 1\n*a, *b = [1]\n",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument()\np.add_argument(*[1])\np.parse_args().x.y\n",
        "9 ** 9 ** 9 ** 9\n'a' * 10**9\n[0] * 10**9\n",
        "global x\n",
        "match 1:\n    case {**x}: pass\n    case [*_]: pass\n",
    ],
)
def test_code_that_goes_nowhere_is_passed_over(body: str) -> None:
    assert job_of(body + LOADED + 'pipe("a fox")\n').prompt.text == "a fox"


@pytest.mark.parametrize("told", ["", "1", "**x", '**{"a[0].b": 1, "": 2}'])
@pytest.mark.parametrize("method", ["load_textual_inversion", "load_lora_weights", "load_ip_adapter", "enable_freeu"])
def test_methods_that_are_told_nothing_sensible_leave_the_rest_readable(method: str, told: str) -> None:
    assert job_of(LOADED + f'pipe.{method}({told})\npipe("a fox")\n').prompt.text == "a fox"


def test_an_embedding_that_is_named_by_keyword_is_read() -> None:
    script = LOADED + 'pipe.load_textual_inversion(pretrained_model_name_or_path="owl.safetensors")\npipe("a")\n'
    assert [asset.name for asset in job_of(script).assets.embeddings] == ["owl"]


def test_a_name_of_a_class_is_that_of_the_nearest_above_it() -> None:
    classes = 'class A:\n    x = "an owl"\nclass B(A):\n    x = "a fox"\nclass C(B):\n    pass\n'
    assert job_of(classes + LOADED + "pipe(C().x)\n").prompt.text == "a fox"


@pytest.mark.parametrize(("taken", "codes"), [("other(first)", []), ("other(1)", ["PC703"])])
def test_a_picture_that_is_taken_up_over_other_calls_is_no_further_one(taken: str, codes: list[str]) -> None:
    script = LOADED + f'first = pipe("a fox").images[0]\nthen = [{taken}]\npipe("a fox", image=then)\n'
    assert [item.code for item in read_script(script, DIALECT)[1]] == codes


def test_functions_of_the_script_and_defaults_are_followed() -> None:
    script = (
        LOADED
        + 'def paint(prompt, *, steps=12):\n    return pipe(prompt, num_inference_steps=steps)\nif __name__ == "__main__":\n    paint("a fox")\n'
    )
    job = job_of(script)
    assert (job.prompt.text, job.sampling.steps) == ("a fox", 12)


def test_entries_of_the_ledger_are_where_they_say() -> None:
    script = "# ☃ 😀\n" + LOADED + 'text = "😀"; pipe("a", num_inference_steps=2 * 6)\n'
    job = job_of(script)
    entry = next(item for item in job.ledger if item.key == "num_inference_steps")
    assert entry.span is not None
    assert (script[slice(*entry.span)], entry.raw, job.sampling.steps) == ("2 * 6", "2 * 6", 12)


def test_what_only_a_run_would_tell_is_named_with_its_line() -> None:
    script = (
        LOADED + 'import random\npipe("a", num_inference_steps=random.randint(1, 9), guidance_scale=open("x").read())\n'
    )
    said = read_script(script, DIALECT)[1]
    assert [(item.code, "line 5" in item.message) for item in said] == [("PC706", True), ("PC706", True)]


@pytest.mark.parametrize("call", ["enable_teacache(0.1)", "whatever()"])
def test_methods_that_are_not_understood_are_named(call: str) -> None:
    assert "PC704" in codes_of(LOADED + f'pipe.{call}\npipe("a")\n')


@pytest.mark.parametrize(
    "script",
    [
        LOADED,
        "x = (",
        "\x00",
        "(" * 5000 + ")" * 5000,
        "x = " + "-" * 100_000 + "1",
        "x = " + "+".join("1" * 20_000),
        "a" * 2_000_000,
        "from diffusers import x\n" + "x" + ".a" * 50_000,
    ],
)
def test_what_cannot_be_read_is_refused_with_a_code(script: str) -> None:
    with pytest.raises(paramc.ReadError):
        read_script(script, DIALECT)


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "while True:\n    x = 1\n",
        "for i in range(10**12):\n    pass\n",
        "x = 'a'\nfor i in range(1000):\n    x = x + x\n",
        "x = [1]\nfor i in range(1000):\n    x = [x, x]\ny = x == x\n",
        "x = 9\nfor i in range(1000):\n    x = x * x\n",
        "def f(x):\n    return f(x) + f(x)\nf(1)\n",
        "x = '%s' % ('a' * 99999999)\ny = 'a' * 10**15\n",
        "x = ','.join(['a' * 99999] * 99999)\n",
        "x = f'" + "{y}" * 2000 + "'\n",
    ],
)
def test_work_is_bounded_whatever_the_script_says(body: str) -> None:
    start = time.process_time()
    assert job_of(LOADED + 'pipe("a fox")\n' + body).prompt.text == "a fox"
    assert time.process_time() - start < 5  # an endless one would take for ever


@pytest.mark.parametrize(
    "line",
    [
        'pipe.load_ip_adapter("a", subfolder="b", weight_name=["c.bin"] * 100000)\npipe("a fox")',
        'pipe("a fox", control_image=["c.png"] * 100000, controlnet_conditioning_scale=0.5)',
    ],
)
def test_more_units_than_any_program_has_are_no_work(line: str) -> None:
    assert len(job_of(f"{LOADED}{line}").controls) <= MOST_UNITS


def test_nothing_of_a_script_is_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    script = (
        LOADED
        + f'import os\nos.system("touch {witness}")\nopen({str(witness)!r}, "w").write("x")\nexec("open({str(witness)!r}, \'w\')")\npipe("a")\n'
    )
    job_of(script)
    assert not witness.exists()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60), st.integers(1, 150))
def test_a_prompt_comes_back_whatever_it_says(prompt: str, steps: int) -> None:
    job = job_of(LOADED + f"pipe({prompt!a}, num_inference_steps={steps})\n")
    assert (job.prompt.text, job.sampling.steps) == (prompt, steps)


@given(st.integers(2, 150), st.integers(1, 100), st.booleans())
def test_a_strength_runs_as_many_steps_in_a_ui(steps: int, percent: int, rounds_down: bool) -> None:
    run = run_steps(percent / 100, steps, rounds_down=rounds_down)
    asked = asked_strength(percent / 100, steps, rounds_down=rounds_down)
    assert int(min(asked, 0.999) * steps) + 1 == run


@given(st.integers(1, 150), st.integers(1, 150))
def test_a_second_pass_plans_as_many_steps_in_a_ui(run: int, more: int) -> None:
    planned = run + more
    assert int(run / min(hires_strength(run, planned), 0.999)) == planned


@given(
    st.lists(st.sampled_from(["a = 1", "é = '☃'", "# 😀", ""]), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"])
)
def test_spans_are_code_points_of_the_text(lines: list[str], end: str) -> None:
    text = end.join(lines)
    places = Lines(text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant):
            assert ast.literal_eval(text[slice(*places.span(node))]) == node.value


def emitted(text: str) -> str:
    return paramc.convert(text, "diffusers").files[0].text


def code_of(script: str) -> str:
    """The script without its comments and docstring."""
    tree = ast.parse(script)
    tree.body = tree.body[1:]
    return ast.unparse(tree)


@pytest.mark.parametrize(
    "text",
    [
        "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 512x768, Model: x",
        "a cat <lora:style:0.7>\nSteps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 2847593016, Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Denoising strength: 0.45, Clip skip: 2, Hires upscale: 1.5, Hires steps: 12, Hires upscaler: Latent, Version: v1.10.1",
        "tea\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 88214, Size: 1024x768, Model: flux1-dev, Version: f2.0.1v1.10.1-previous-669-gdfdcbab6",
        "shop\nSteps: 30, Sampler: DPM++ 2M SDE, Schedule type: Exponential, CFG scale: 5.5, Seed: 771, Size: 1024x1024, Model: sd_xl_base_1.0, Batch size: 3, Batch pos: 0, Version: v1.10.1",
        "sea\nSteps: 20, Sampler: DDIM, CFG scale: 7, Seed: 1, Size: 512x512, Model: x, Denoising strength: 0.6, Mask blur: 4, Version: v1.10.1",
    ],
)  # fmt: skip
def test_an_emitted_script_reads_back_as_the_same_script(text: str) -> None:
    script = emitted(text)
    again = paramc.compile(paramc.parse(script), "diffusers").files[0].text
    assert code_of(again) == code_of(script)


def test_scripts_of_the_corpus_read_back_as_the_same_scripts(corpus_texts: list[dict[str, object]]) -> None:
    """Left over: enlargements of finished pictures, and noise levels that two schedules share."""
    same = total = 0
    for record in corpus_texts[::7]:
        try:
            script = emitted(str(record["text"]))
        except paramc.Unsupported:
            continue
        total += 1
        again = paramc.compile(paramc.parse(script), "diffusers").files[0].text
        same += code_of(again) == code_of(script)
    assert same / total >= 0.94


EXACT = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x768, RNG: CPU, Model: x, Version: v1.10.1"


@pytest.mark.parametrize(
    "prompt",
    [
        "a (cat:1.3) with [a hat], (red \\(or so\\):1.1) BREAK night\nNegative prompt: (bad:1.2)",
        "a cat",
        "a (cat:1.3) " + "on a mat, under a tree, " * 12,
    ],
)
@pytest.mark.parametrize(
    "more",
    [
        "",
        ", Clip skip: 3",
        ", Emphasis: No norm",
        ", Hires upscale: 2, Hires upscaler: Latent, Denoising strength: 0.5, Hires prompt: a (dog:1.2)",
    ],
)
def test_a_script_with_weights_of_its_own_reads_back_as_the_same_script(prompt: str, more: str) -> None:
    """Weights, breaks and emphasis come back as text that says them."""
    options = {"prompts": "exact"}
    script = paramc.convert(f"{prompt}\n{EXACT}{more}", "diffusers", options=options).files[0].text
    again = paramc.compile(paramc.parse(script), "diffusers", options=options).files[0].text
    assert code_of(again) == code_of(script)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_a_script_with_pictures_that_steer_reads_back_as_the_same_script(resize: str) -> None:
    units = ControlNet(weight=0.8, end=0.5), ControlNet(unit=1, priority="control")
    steered = tuple(unit.model_copy(update={"resize": resize}) for unit in units)
    job = paramc.parse(f"a cat\n{EXACT}").model_copy(update={"controls": steered})
    script = paramc.compile(job, "diffusers").files[0].text
    assert code_of(paramc.compile(paramc.parse(script), "diffusers").files[0].text) == code_of(script)


@pytest.mark.parametrize("values", [{}, {"task.inverts_mask": True}, {"task.mask_blur": 0.0}, {"task.resize": "pad"}])
def test_a_script_with_a_mask_reads_back_as_the_same_script(values: dict[str, object]) -> None:
    job = paramc.parse(f"a cat\n{EXACT}, Denoising strength: 0.6, Mask blur: 6").replace(values)
    script = paramc.compile(job, "diffusers").files[0].text
    assert code_of(paramc.compile(paramc.parse(script), "diffusers").files[0].text) == code_of(script)


def test_a_script_with_learned_words_reads_back_as_the_same_script() -> None:
    script = emitted(f'a cat\nNegative prompt: bad\n{EXACT}, TI hashes: "bad: 0123456789ab"')
    assert "load_textual_inversion" in script
    assert code_of(paramc.compile(paramc.parse(script), "diffusers").files[0].text) == code_of(script)


def test_a_script_with_a_refiner_reads_back_as_the_same_script() -> None:
    script = emitted(f"a cat\n{EXACT.replace('Model: x', 'Model: sd_xl_base_1.0')}, Refiner: z, Refiner switch at: 0.8")
    assert "denoising_start" in script
    assert code_of(paramc.compile(paramc.parse(script), "diffusers").files[0].text) == code_of(script)


@pytest.mark.parametrize(
    ("family", "base", "more"),
    [
        ("sd35-medium", "sd3", "Denoising strength: 0.5, Mask blur: 4"),
        ("flux-dev", "flux", "Denoising strength: 0.5, Mask blur: 4"),
        ("flux-fill", "flux", "Denoising strength: 0.5, Mask blur: 4"),
        ("flux-kontext", "flux", "Denoising strength: 1"),
        ("sdxl", "sdxl", "Denoising strength: 0.5"),
    ],
)
def test_further_pipelines_with_changes_and_units_read_back_as_the_same_script(
    family: str, base: str, more: str
) -> None:
    text = f"a\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 5, Seed: 1, Size: 512x512, {more}"
    unit = ControlNet(model=AssetRef(name="b", urn="hf://a/b"), image=ImageRef(path="c.png"), weight=0.7)
    made = paramc.parse(text).model_copy(
        update={
            "family": Family(name=family, base=base),
            "controls": (unit,),
            "patches": (FreeU(b1=1.5), Tiling()),
        }
    )
    source = paramc.compile(made, "diffusers").text
    back = paramc.parse(source).model_copy(update={"family": made.family})
    assert code_of(paramc.compile(back, "diffusers").text) == code_of(source)


def test_a_value_that_no_settings_can_hold_is_left_out_alone() -> None:
    script = """
from diffusers import StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained("a/b")
pipe.enable_freeu(s1="strong", s2=0.2, b1=1.2, b2=1.4)
pipe("a cat", num_inference_steps=30)
"""
    job, said = read_script(script, find_dialect("diffusers"))
    assert [item.code for item in said] == ["PC709"]
    assert (job.sampling.steps, job.patches[0]) == (30, FreeU(s2=0.2, b1=1.2, b2=1.4))
