"""The extract of the library's signatures holds what scripts use, all of it and nothing else."""

import ast
from collections.abc import Iterator

import pytest

import paramc
from paramc.backends.callcheck import read_interface
from paramc.backends.registry import find_target
from paramc.ir.assets import HUB, AssetRef, Assets
from paramc.ir.control import ControlNet, FreeU, Tiling
from paramc.ir.family import Family
from paramc.ir.job import Batch, Job, Text
from paramc.ir.names import samplers, schedules
from paramc.ir.prompt import NetworkTag, Prompt
from paramc.ir.sampling import Sampling
from paramc.ir.stages import Hires, ImageToImage, Inpaint, Refiner, TextToImage

TARGET = find_target("diffusers")
INTERFACE = read_interface(TARGET.folder / "interface.toml")
FAMILIES = (
    ("sd1", "sd1"),
    ("sd2", "sd2"),
    ("sd2-v", "sd2"),
    ("sdxl", "sdxl"),
    ("sd35-medium", "sd3"),
    ("flux-dev", "flux"),
    ("flux-fill", "flux"),
    ("flux-kontext", "flux"),
    ("chroma", "chroma"),
    ("z-image", "z-image"),
    ("qwen-image", "qwen-image"),
    ("flux2", "flux2"),
    ("flux2-klein", "flux2-klein"),
    ("kolors", "kolors"),
    ("lumina2", "lumina2"),
    ("auraflow", "auraflow"),
    ("sana", "sana"),
    ("pixart-sigma", "pixart"),
    ("pixart-alpha", "pixart"),
    ("hidream", "hidream"),
)
EVERYTHING = Sampling(
    sampler="ddim",
    schedule="automatic",
    steps=20,
    cfg_scale=5.0,
    cfg_rescale=0.7,
    distilled_cfg_scale=3.0,
    eta_ddim=0.5,
)
SCHEDULED = ("euler", "euler_ancestral", "heun", "lms", "dpm_2", "dpm_2_ancestral", "dpmpp_sde", "dpmpp_2m")
WAYS: tuple[dict[str, str], ...] = (
    {},
    {"loader": "pretrained", "quantization": "bitsandbytes_4bit"},
    {"prompts": "exact"},
    {"style": "exact"},
    {"offload": "model", "attention": "slicing", "progress": "false", "quantization": "bitsandbytes_4bit"},
    {"offload": "sequential", "attention": "xformers", "quantization": "bitsandbytes_8bit"},
    {"loader": "pretrained", "quantization": "torchao_int8"},
)
TAG = NetworkTag(kind="lora", name="x", text_encoder=0.5, unet=1.0)


def jobs() -> Iterator[Job]:
    """A job of every family for every way to start, and for every sampler and schedule."""
    for name, base in FAMILIES:
        job = Job(
            family=Family(name=name, base=base),
            prompt=paramc.parse("a cat\nSteps: 20").prompt.model_copy(update={"networks": (TAG,)}),
            negative=Prompt(text="bad"),
            text=Text(layer=-2),
            sampling=EVERYTHING,
            batch=Batch(size=2),
            assets=Assets(checkpoint=AssetRef(name="x"), vae=AssetRef(name="y"), embeddings=(AssetRef(name="cat"),)),
        )
        yield job
        yield job.replace({"text.layer": -1})
        yield job.model_copy(update={"assets": Assets(vae=AssetRef(name="vae", urn=f"{HUB}a/vae"))})
        yield job.model_copy(update={"task": ImageToImage()})
        yield job.model_copy(update={"task": ImageToImage(), "text": Text()})
        yield job.model_copy(update={"stages": (Refiner(checkpoint=AssetRef(name="z"), switch_at=0.8),)})
        yield job.model_copy(update={"task": Inpaint()})
        yield job.model_copy(update={"controls": (ControlNet(priority="control"),)})
        yield job.model_copy(update={"controls": (ControlNet(),), "text": Text()})
        yield job.model_copy(update={"task": Inpaint(), "text": Text()})
        for task in (ImageToImage(), Inpaint()):
            for text in (job.text, Text()):
                yield job.model_copy(update={"task": task, "text": text, "controls": (ControlNet(priority="control"),)})
        yield job.model_copy(update={"controls": (ControlNet(model=AssetRef(name="b", urn=f"{HUB}a/b")),)})
        if base in ("sd1", "sdxl", "flux"):
            yield from (each.model_copy(update={"text": text}) for each in shown(job) for text in (job.text, Text()))
        yield job.model_copy(update={"assets": Assets(checkpoint=AssetRef(name="x", path="x.gguf"))})
        for task in (TextToImage(), ImageToImage(), Inpaint()):
            for units in ((), (ControlNet(),)):
                yield job.model_copy(update={"task": task, "controls": units, "patches": (FreeU(), Tiling())})
        yield job.model_copy(update={"stages": (Hires(upscaler="latent:bilinear", scale=2.0),)})
        yield job.model_copy(update={"stages": (Hires(upscaler="image:lanczos", scale=2.0),)})
        if name in ("sd1", "sd2-v", "kolors"):
            yield from (
                job.replace({"sampling.sampler": sampler, "sampling.zero_terminal_snr": True}) for sampler in samplers()
            )
        for sampler in SCHEDULED if name == "sd1" else ("euler",) if base in ("sd3", "flux") else ():
            yield from (
                job.replace({"sampling.sampler": sampler, "sampling.schedule": schedule}) for schedule in schedules()
            )


def shown(job: Job) -> Iterator[Job]:
    """Pictures that are prompts, beside all else that a pipeline takes, and pictures that steer through adapters."""
    prompt, adapter = (ControlNet(model=AssetRef(name=name)) for name in ("ip-adapter_sd15", "t2iadapter_canny_sd15v2"))
    for task in (TextToImage(), ImageToImage(), Inpaint()):
        for units in ((), (ControlNet(priority="control"),)):
            yield job.model_copy(update={"task": task, "controls": (prompt, *units)})
    hires = (Hires(upscaler="latent:bilinear", scale=2.0),)
    yield job.model_copy(update={"stages": hires, "controls": (prompt, prompt.model_copy(update={"passes": "second"}))})
    yield from (job.model_copy(update={"controls": (prompt, *[adapter] * count)}) for count in (1, 2))


@pytest.fixture(scope="module")
def used() -> set[tuple[str, str, str]]:
    """(class, method, keyword) of every call in the scripts of all jobs; keyword "" for the call itself."""
    found: set[tuple[str, str, str]] = set()
    for job in jobs():
        for way in WAYS if job.sampling == EVERYTHING else WAYS[:1]:
            options = {**way, "local_files_only": "true"}
            tree = ast.parse(paramc.compile(job, "diffusers", options=options).text)
            made: dict[str, str] = {}
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Assign)
                    and isinstance(node.value, ast.Call)
                    and isinstance(node.targets[0], ast.Name)
                ):
                    owner = ast.unparse(node.value.func).split(".")[0]
                    if owner in INTERFACE.calls:
                        made[node.targets[0].id] = owner
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    found.update(_calls(node, made))
    return found


def _calls(node: ast.Call, made: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    name, _, method = ast.unparse(node.func).partition(".")
    owner = made.get(name, name)
    if owner in INTERFACE.calls and "." not in method:
        how = method or ("__call__" if name in made else "()")
        yield owner, how, ""
        yield from ((owner, how, keyword.arg) for keyword in node.keywords if keyword.arg)


def test_it_lists_nothing_that_no_script_uses(used: set[tuple[str, str, str]]) -> None:
    listed = {
        (owner, method, keyword)
        for owner, methods in INTERFACE.calls.items()
        for method, keywords in methods.items()
        for keyword in (*keywords, "")
    }
    assert listed - used == set()


def test_it_lists_all_that_scripts_use(used: set[tuple[str, str, str]]) -> None:
    assert {
        (o, m, k) for o, m, k in used if m not in INTERFACE.calls[o] or (k and k not in INTERFACE.calls[o][m])
    } == set()
