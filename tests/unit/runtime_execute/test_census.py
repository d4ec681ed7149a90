"""Every op of the Plan, each of its fields and each flag of the loop is met by a job that the runner paints."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, get_args

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import paramc
from paramc.backends.legalise import legalise
from paramc.backends.registry import find_target
from paramc.ir.job import Job, Producer
from paramc.ir.plan import Op, Plan, Sample
from paramc.passes.complete import complete_job
from paramc.passes.plan import plan_job
from paramc.runtime.execute.runner import Runner
from tests.unit.runtime_execute.families import flux_file
from tests.unit.runtime_execute.tiny import write_tiny_model
from tests.unit.runtime_models.test_upscaler import model as upscaling
from tests.unit.runtime_models.test_upscaler import named
from tests.unit.runtime_models.tiny import filled, save

pytestmark = pytest.mark.sdk

VAE: Final = "first_stage_model."
WAYS: Final = ("up", "down")
FLAGS: Final = re.compile(r"flags` are quirks by name:\n(.*?)\n\n    `refined_by`", re.DOTALL)
RUN: Final = find_target("run")
NAMES: Final = frozenset({"id", "because", "op"})


class Asked(NamedTuple):
    """A job: the program that wrote it, and what differs from the plainest one."""

    producer: Producer
    values: Mapping[str, object]


A1111: Final = Producer(dialect="a1111", version=(1, 10, 1, 0, 0))
FORGE: Final = Producer(dialect="forge")
COMFYUI: Final = Producer(dialect="comfyui")
PICTURE: Final = {"task": {"kind": "image_to_image", "init": {"path": "init.png"}, "strength": 0.6}}
MASK: Final = {**PICTURE["task"], "kind": "inpaint", "mask": {"path": "mask.png"}}
SOFT: Final = {"mask_influence": 0.5}
HIRES: Final = {"kind": "hires", "strength": 0.6, "scale": 1.5}
REFINER: Final = {"kind": "refiner", "checkpoint": {"name": "other"}, "switch_at": 0.5}
VARIED: Final = {"seed": 3, "strength": 0.4}
REFERENCE: Final = {"preprocessor": "reference_only", "image": {"path": "init.png"}}
FLUX: Final = {"assets.checkpoint.name": "flux", "sampling.schedule": "simple", "sampling.cfg_scale": 1.0}
JOBS: Final[dict[str, Asked]] = {
    "plain": Asked(A1111, {}),
    "odd latents": Asked(A1111, {"size": "72x72"}),
    "texts": Asked(A1111, {"prompt": "a [cat:dog:0.5] AND a (tree:1.3) :0.6", "negative": "zorblax", "text.layer": -2}),
    "long": Asked(A1111, {"prompt": "a, " * 90, "text.padding": "empty_chunks", "text.backtrack": 5}),
    "emphasis": Asked(A1111, {"prompt": "a (cat:1.5)", "text.emphasis": "no_norm"}),
    "network": Asked(A1111, {"prompt": "a cat <lora:ink:0.7:dyn=1:start=1:stop=2:lbw=1,0.5>"}),
    "noise": Asked(A1111, {"noise.variation": VARIED, "noise.resized_from": "96x96", "noise.delta": 31337}),
    "place in a batch": Asked(A1111, {"noise.variation": VARIED, "batch.size": 2, "batch.position": 1}),
    "one stream": Asked(A1111, {"noise.per_batch": True, "batch.size": 2}),
    "picture": Asked(A1111, {**PICTURE, "noise.multiplier": 0.8, "noise.extra": 0.3, "noise.scales_by_vp": True}),
    "cropped": Asked(A1111, {"task": {**PICTURE["task"], "resize": "crop"}}),
    "batch": Asked(A1111, {**PICTURE, "batch.size": 2}),
    "mask": Asked(A1111, {"task": {**MASK, "soft": SOFT}}),
    "levels": Asked(A1111, {"sampling.schedule": "beta", "sampling.beta_alpha": 0.9, "sampling.beta_beta": 0.3}),
    "curve": Asked(A1111, {"sampling.rho": 3.0, "sampling.sigma_min": 0.2, "sampling.sigma_max": 9.0}),
    "one left out": Asked(A1111, {"sampling.drops_penultimate_sigma": True}),
    "tables": Asked(A1111, {"sampling.zero_terminal_snr": True, "sampling.quantizes_timesteps": True}),
    "old": Asked(A1111, {"sampling.downcasts_alphas": True, "sampling.quantizes_timesteps": True}),
    "guidance": Asked(A1111, {"sampling.skip_early_cfg": 0.3, "sampling.cfg_rescale": 0.5}),
    "seldom": Asked(A1111, {"sampling.min_uncond_sigma": 9.0, "sampling.min_uncond_every_step": True}),
    "eta": Asked(A1111, {"sampling.sampler": "euler_ancestral", "sampling.eta": 0.5, "sampling.s_noise": 1.1}),
    "churn": Asked(A1111, {"sampling.s_churn": 2.0, "sampling.s_tmin": 0.5, "sampling.s_tmax": 9.0}),
    "unipc": Asked(A1111, {"sampling.sampler": "unipc", "sampling.unipc_variant": "bh2"}),
    "unipc spacing": Asked(A1111, {"sampling.sampler": "unipc", "sampling.unipc_spacing": "logSNR"}),
    "unipc order": Asked(A1111, {"sampling.sampler": "unipc", "sampling.steps": 6, "sampling.unipc_order": 2}),
    "unipc end": Asked(A1111, {"sampling.sampler": "unipc", "sampling.unipc_lower_order_final": False}),
    "cfg++": Asked(A1111, {"sampling.sampler": "euler_cfg_pp"}),
    "idle noise": Asked(A1111, {"sampling.sampler": "dpm_2_ancestral"}),
    "logs": Asked(A1111, {"sampling.sampler": "dpmpp_2s_ancestral"}),
    "to zero": Asked(A1111, {"sampling.sampler": "dpmpp_sde"}),
    "refiner": Asked(A1111, {"stages": [REFINER]}),
    "refiner by steps": Asked(A1111, {"stages": [{**REFINER, "counts_steps": True}], "sampling.steps": 6}),
    "hires": Asked(A1111, {"stages": [{**HIRES, "size": "96x72", "scale": None}]}),
    "hires by picture": Asked(A1111, {"stages": [{**HIRES, "upscaler": "image:lanczos", "size": "96x72"}]}),
    "own vae": Asked(A1111, {"assets.vae.name": "own"}),
    "in parts": Asked(A1111, {"assets.modules": [{"name": "own"}], "assets.weight_dtype": "fp8"}),
    "word": Asked(A1111, {"prompt": "a zorblax", "assets.embeddings": [{"name": "zorblax"}]}),
    "instructed": Asked(A1111, {**PICTURE, "assets.checkpoint.name": "editor", "sampling.image_cfg_scale": 1.5}),
    "distilled": Asked(FORGE, {**FLUX, "sampling.distilled_cfg_scale": 2.0}),
    "shifted": Asked(FORGE, {**FLUX, "sampling.shift": 2.0}),
    "reference": Asked(A1111, {"controls": [REFERENCE]}),
    "areas": Asked(COMFYUI, {"prompt": "a AND b", "patches": [{"kind": "prompt_area", "width": 32, "height": 32}]}),
    "tiling": Asked(A1111, {"patches": [{"kind": "tiling"}]}),
    "forge": Asked(FORGE, {"task": MASK, "sampling.sampler": "ddim"}),
    "forge without guidance": Asked(FORGE, {"sampling.cfg_scale": 1.0, "prompt": "a, " * 90}),
    "forge's levels": Asked(FORGE, {"sampling.sampler": "dpm_2_ancestral", "negative": "b, " * 90}),
    "comfyui": Asked(COMFYUI, {"task": {**MASK, "fill": "original"}, "prompt": "b, " * 90}),
    "comfyui by ancestors": Asked(COMFYUI, {"sampling.sampler": "euler_ancestral", "batch.size": 2}),
    "comfyui ddim": Asked(COMFYUI, {"sampling.sampler": "ddim", "sampling.cfg_scale": 1.0}),
    "comfyui lcm": Asked(COMFYUI, {"sampling.sampler": "lcm"}),
    "comfyui fast": Asked(COMFYUI, {"sampling.sampler": "dpm_fast"}),
    "comfyui zero": Asked(COMFYUI, {"sampling.zero_terminal_snr": True, "sampling.cfg_rescale": 0.4}),
    "comfyui part": Asked(COMFYUI, {"sampling.first_step": 1, "sampling.last_step": 3, "sampling.steps": 4}),
    "comfyui share": Asked(COMFYUI, {"sampling.share": 0.6}),
    "comfyui exact": Asked(COMFYUI, {"task": {**PICTURE["task"], "exact_steps": True}}),
    "comfyui further": Asked(COMFYUI, {"stages": [{"kind": "further", "upscaler": "image:area", "scale": 1.5}]}),
    "comfyui latent": Asked(COMFYUI, {"stages": [{"kind": "further", "upscaler": "latent:bicubic", "scale": 1.5}]}),
    "comfyui model": Asked(
        COMFYUI, {"stages": [{"kind": "further", "upscaler": "model:2x-tiny", "resampling": "area", "size": "96x96"}]}
    ),
}


def documented_flags() -> set[str]:
    """The flags that the Plan's own description names."""
    found = FLAGS.search(Sample.__doc__ or "")
    lines = re.findall(r"^ {4}(?! )(.*?)(?: {2,}|$)", found[1] if found else "", re.MULTILINE)
    return {word for line in lines for word in line.split(", ")}


def job_of(name: str, folder: Path) -> Job:
    """The job, its pictures in a folder."""
    asked = JOBS[name]
    text = "a cat\nNegative prompt: dog\nSteps: 3, CFG scale: 5, Seed: 7, Size: 64x64, Model: tiny, RNG: CPU"
    job = paramc.parse(text).model_copy(update={"producer": asked.producer})
    values = {"sampling.sampler": "euler", "sampling.schedule": "karras", **asked.values}
    values = json.loads(json.dumps(values).replace('"init.png"', json.dumps(str(folder / "init.png"))))
    values = json.loads(json.dumps(values).replace('"mask.png"', json.dumps(str(folder / "mask.png"))))
    return job.replace(values)


def plan_of(job: Job) -> Plan:
    """What the runner performs."""
    return legalise(plan_job(complete_job(job)), RUN)


def met(plan: Plan) -> Iterator[str]:
    """The ops, those fields that a job need not set and this one does, and the flags."""
    for op in plan.ops:
        yield op.op
        for field, about in type(op).model_fields.items():
            if field not in NAMES and not about.is_required() and getattr(op, field) != about.get_default():
                yield f"{op.op}.{field}"
        if isinstance(op, Sample):
            yield from (f"sample.flags.{flag}" for flag in op.flags)


def everything() -> set[str]:
    """What there is to meet, of the ops that the runner performs."""
    ops = {kind.model_fields["op"].default: kind for kind in get_args(get_args(Op)[0])}
    legal = {name: kind for name, kind in ops.items() if name in RUN.legal}
    fields = {
        f"{name}.{field}"
        for name, kind in legal.items()
        for field, about in kind.model_fields.items()
        if field not in NAMES and not about.is_required() and field != "mode"  # of which there is one alone
    }
    return {*legal, *fields, *(f"sample.flags.{flag}" for flag in documented_flags())}


@pytest.fixture(scope="module")
def all_met() -> dict[str, str]:
    """By what is met, a job that meets it."""
    return {item: name for name in JOBS for item in met(plan_of(job_of(name, Path())))}


def test_every_op_field_and_flag_of_the_plan_is_met_by_a_job(all_met: dict[str, str]) -> None:
    assert everything() - all_met.keys() == set()


def test_every_flag_is_described(all_met: dict[str, str]) -> None:
    assert all_met.keys() - everything() == set()


@pytest.fixture(scope="module")
def folder(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and the files that jobs name beside those of all tests."""
    folder = tmp_path_factory.mktemp("census")
    Image.effect_noise((64, 80), 90).convert("RGB").save(folder / "init.png")
    drawn = Image.new("L", (64, 80))
    drawn.paste(255, (16, 16, 40, 48))
    drawn.save(folder / "mask.png")
    whole = load_file(models / "tiny.safetensors")
    own = {key.removeprefix(VAE): 1.01 * value for key, value in whole.items() if key.startswith(VAE)}
    save(folder / "own.safetensors", own)
    up, down = (f"lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_{way}.weight" for way in WAYS)
    ink = filled({up: (32, 2), down: (2, 32)}, 3)
    save(folder / "Lora" / "ink.safetensors", {name: 20 * value for name, value in ink.items()})
    save(folder / "embeddings" / "zorblax.safetensors", {"emb_params": filled({"": (2, 768)}, 5)[""]})
    torch.save(named(upscaling(doublings=1).state_dict(), "third"), folder / "2x-tiny.pth")
    write_tiny_model(folder / "editor.safetensors", channels=8)
    flux_file(folder / "flux.safetensors")
    return folder


@pytest.fixture(scope="module")
def painter(models: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        yield Runner([models, folder], device="cpu", rng="cpu")


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_the_runner_paints_every_one(name: str, folder: Path, painter: Runner) -> None:
    ran = painter.run(job_of(name, folder))
    assert len(ran.images) == JOBS[name].values.get("batch.size", 1)
    assert all(image.getextrema() != ((0, 0),) * 3 for image in ran.images)
