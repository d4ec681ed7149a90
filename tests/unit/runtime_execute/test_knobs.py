"""Every knob for memory and speed on every kind of model: the latent stays, or moves by as much as is said here."""

import shutil
from argparse import Action
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from _pytest.mark.structures import ParameterSet
from torch import Tensor

import paramc
from paramc.commands.parser import parser_of
from paramc.ir.assets import AssetRef
from paramc.ir.job import Job
from paramc.passes.batches import joined
from paramc.runtime.execute.runner import NumberType, Runner
from paramc.runtime.execute.thrift import SPENDING, Thrift, bring_by_layers
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_execute.families import flux_file, sd3_file, sdxl_file
from tests.unit.runtime_execute.tiny import write_tiny_model
from tests.unit.runtime_models.tiny import filled, save

pytestmark = pytest.mark.sdk

SAME, ROUNDED = 0.0, 1e-5  # of the greatest number of the latent
FORGE = "Version: f2.0.1v1.10.1-previous-669-gdfdcbab6"
FAMILIES = ("sd1", "sdxl", "sd3", "flux")
QUICK = "flux"
UNTOLD = {  # options of painting that are no knobs
    "--output", "--force", "--models", "--model", "--vae", "--device", "--seed", "--rng", "--preview", "--axis",
    "--one-graph",
}  # fmt: skip


class Knob(NamedTuple):
    """A knob that is turned: what it does, and how far the latent may move.

    least: how far it does move, where that is much.
    """

    bar: float
    thrift: Thrift = SPENDING
    dtype: NumberType = "float32"
    least: float = 0.0


KNOBS: Mapping[str, Knob] = {
    "--offload=auto": Knob(SAME),
    "--offload=none": Knob(SAME, Thrift(offload="none")),
    "--offload=model": Knob(SAME, Thrift(offload="model")),
    "--offload=layers": Knob(SAME, Thrift(offload="layers")),
    "--weights=same": Knob(SAME),
    "--weights=float8": Knob(1e-1, Thrift(stored="float8"), least=1e-3),
    "--dtype=float32": Knob(SAME),
    "--dtype=float16": Knob(2e-3, dtype="float16", least=1e-5),
    "--dtype=bfloat16": Knob(2e-2, dtype="bfloat16", least=1e-4),
    "--tile-vae": Knob(SAME, Thrift(tiles_vae=True)),
    "--channels-last": Knob(ROUNDED, Thrift(channels_last=True)),
    "--compile": Knob(2e-5, Thrift(compiles=True)),
}
TOGETHER = "--batch"  # the knob that takes several jobs
NETWORKS = {  # a layer of each family, and how wide it is
    "sd1": ("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q", 64),
    "sdxl": ("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q", 64),
    "sd3": ("transformer.transformer_blocks.0.attn.to_q", 128),
    "flux": ("transformer.transformer_blocks.0.attn.to_q", 128),
}
SETTINGS = {
    "sd1": ("CFG scale: 1.5", "Version: v1.10.1"),
    "sdxl": ("CFG scale: 1.5", "Version: v1.10.1"),
    "sd3": ("CFG scale: 1.5", FORGE),
    "flux": ("CFG scale: 1, Distilled CFG Scale: 3.5", FORGE),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("knobs")
    write_tiny_model(folder / "tiny-sd1.safetensors")
    sdxl_file(folder / "tiny-sdxl.safetensors")
    sd3_file(folder / "tiny-sd3.safetensors")
    flux_file(folder / "tiny-flux.safetensors")
    return folder


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def job(family: str, seed: int = 7, prompt: str = "a cat") -> Job:
    scale, version = SETTINGS[family]
    return paramc.parse(
        f"{prompt}\nNegative prompt: dog\nSteps: 3, Sampler: Euler, Schedule type: Simple, {scale}, Seed: {seed}, "
        f"Size: 64x64, Model: tiny-{family}, RNG: CPU, {version}"
    )


def latent(runner: Runner, one: Job, *more: Job) -> Tensor:
    seen = Recorder()
    runner.run(joined([one, *more]) if more else one, seen)
    return seen.latents[-1]


def deviation(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


@pytest.fixture(scope="module")
def plain(folder: Path) -> Callable[[str], Tensor]:
    """The latent of a family with no knob turned."""
    runner = Runner([folder], device="cpu")
    return cache(lambda family: latent(runner, job(family)))


def cases() -> list[ParameterSet]:
    """Each knob on each family; what takes long, or shows nothing new of a family, only with --slow."""
    return [
        pytest.param(name, family, marks=[pytest.mark.slow] if family != QUICK or knob.thrift.compiles else [])
        for name, knob in KNOBS.items()
        for family in FAMILIES
    ]


SLOWLY = [pytest.param(family, marks=[] if family == QUICK else pytest.mark.slow) for family in FAMILIES]


def spelt(option: Action) -> list[str]:
    """An option with each of its values."""
    name = max(option.option_strings, key=len, default="")
    return [f"{name}={value}" for value in option.choices] if option.choices else [name]


def test_every_option_that_is_a_knob_is_tried() -> None:
    elsewhere = {word for option in parser_of("convert").arguments for word in option.option_strings}
    options = [option for option in parser_of("grid").arguments if not elsewhere.intersection(option.option_strings)]
    known = {word for option in options if not UNTOLD.intersection(option.option_strings) for word in spelt(option)}
    known.discard("")  # what is no option
    assert known == {*KNOBS, TOGETHER}


def test_every_way_to_save_something_is_tried() -> None:
    turned = {
        field.name
        for field in fields(Thrift)
        for knob in KNOBS.values()
        if getattr(knob.thrift, field.name) != field.default
    }
    assert turned == {field.name for field in fields(Thrift)}


@pytest.mark.filterwarnings("ignore")  # of the compiler's own making
@pytest.mark.parametrize(("name", "family"), cases())
def test_a_knob_moves_the_latent_by_no_more_than_is_said(
    name: str, family: str, folder: Path, plain: Callable[[str], Tensor]
) -> None:
    knob = KNOBS[name]
    if knob.thrift.compiles and shutil.which("g++") is None:
        pytest.skip("compiling needs a compiler")
    runner = Runner([folder], device="cpu", dtype=knob.dtype, thrift=knob.thrift)
    assert knob.least <= deviation(latent(runner, job(family)), plain(family)) <= knob.bar


@pytest.mark.parametrize("family", SLOWLY)
def test_layers_that_take_turns_leave_the_latent_alone(
    family: str, folder: Path, plain: Callable[[str], Tensor]
) -> None:
    runner = Runner([folder], device="cpu")
    weights = runner.shelf.weights(AssetRef(name=f"tiny-{family}"))
    bring_by_layers(weights.checkpoint.unet, torch.device("cpu"))
    assert deviation(latent(runner, job(family)), plain(family)) == SAME


@pytest.mark.parametrize("family", SLOWLY)
def test_jobs_at_once_and_what_is_kept_between_jobs_leave_the_latent_alone(
    family: str, folder: Path, plain: Callable[[str], Tensor], tmp_path: Path
) -> None:
    layer, width = NETWORKS[family]
    parts = filled({f"{layer}.lora_up.weight": (width, 2), f"{layer}.lora_down.weight": (2, width)})
    save(folder / "Lora" / f"{family}.safetensors", parts)
    runner = Runner([folder], device="cpu")
    changed = latent(runner, job(family, prompt=f"a cat <lora:{family}:1>"))
    assert not torch.equal(changed, plain(family))
    assert torch.equal(latent(runner, job(family)), plain(family))  # the network is gone, the text is kept
    assert torch.equal(latent(runner, job(family, prompt=f"a cat <lora:{family}:1>")), changed)
    both = latent(runner, job(family), job(family, seed=8))
    assert deviation(both[:1], plain(family)) <= ROUNDED
    assert deviation(both[1:], latent(runner, job(family, seed=8))) <= ROUNDED
