"""What goes in is damaged, of another kind, or asks for what cannot be: each is named, and nothing else is painted."""

import math
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import paramc
from paramc.diagnostics.model import ParamcError
from paramc.ir.job import Job, Producer
from paramc.ir.stages import Further
from paramc.runtime.execute.runner import NumberType, Runner

SETTINGS = "Steps: 2, Sampler: Euler, CFG scale: 5, Seed: 7, Size: {size}, Model: {model}, RNG: CPU, Version: 1.10.1"


Open = Callable[[], Runner]


def job(model: str = "tiny", prompt: str = "a cat", size: str = "64x64") -> Job:
    return paramc.parse(f"{prompt}\n{SETTINGS.format(model=model, size=size)}")


@pytest.fixture
def own(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a runner that sees the files of the test as well, those that were written by then."""
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    (tmp_path / "files").mkdir()
    return lambda: Runner([models, tmp_path / "files"], device="cpu", rng="cpu")


def refused(runner: Runner, asked: Job) -> str:
    """The code of the error, which has a remedy."""
    with pytest.raises(ParamcError) as caught:
        runner.run(asked)
    (error,) = (item for item in caught.value.diagnostics if item.severity == "error")
    assert error.help
    return error.code


def tensors(models: Path) -> dict[str, Tensor]:
    return load_file(models / "tiny.safetensors")


def write(tmp_path: Path, name: str, content: dict[str, Tensor]) -> None:
    save_file(content, tmp_path / "files" / f"{name}.safetensors")


def test_a_checkpoint_that_is_cut_short(models: Path, tmp_path: Path, own: Open) -> None:
    short = tmp_path / "files" / "short.safetensors"
    short.write_bytes((models / "tiny.safetensors").read_bytes()[:-100])
    assert refused(own(), job("short").replace({"assets.checkpoint.path": str(short)})) == "PC522"


def test_a_checkpoint_of_another_architecture(tmp_path: Path, own: Open) -> None:
    write(tmp_path, "strange", {"layers.0.weight": torch.zeros(4, 4)})
    strange = tmp_path / "files" / "strange.safetensors"
    assert refused(own(), job("strange").replace({"assets.checkpoint.path": str(strange)})) == "PC525"


def test_a_checkpoint_without_a_vae(models: Path, tmp_path: Path, own: Open) -> None:
    kept = {name: value for name, value in tensors(models).items() if not name.startswith("first_stage_model.")}
    write(tmp_path, "bare", kept)
    assert refused(own(), job("bare")) == "PC528"


def test_a_network_of_another_family(tmp_path: Path, own: Open) -> None:
    name = "lora_unet_double_blocks_0_img_attn_proj"
    parts = {
        "lora_down.weight": torch.zeros(4, 3072),
        "lora_up.weight": torch.zeros(3072, 4),
        "alpha": torch.tensor(4.0),
    }
    write(tmp_path, "flux_style", {f"{name}.{part}": value for part, value in parts.items()})
    assert refused(own(), job(prompt="a cat <lora:flux_style:1>")) == "PC530"


def plainly_pickled(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=4))


@pytest.mark.parametrize("writes", [torch.save, plainly_pickled])
def test_a_pickle_that_runs_code(tmp_path: Path, own: Open, writes: Callable[[object, Path], None]) -> None:
    writes({"state_dict": nn.Linear(2, 2)}, tmp_path / "files" / "evil.ckpt")
    asked = job("evil").replace({"assets.checkpoint.path": str(tmp_path / "files" / "evil.ckpt")})
    assert refused(own(), asked) == "PC524"


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "a/../../b"])
def test_a_network_whose_name_leaves_the_folders(own: Open, name: str) -> None:
    assert refused(own(), job(prompt=f"a cat <lora:{name}:1>")) == "PC520"


@pytest.mark.parametrize(
    "size",
    ["7x64", "1x1", "0x0", "-64x64", "64x64, Denoising strength: 0.5, Hires upscaler: Latent, Hires resize: 4x4"],
)
def test_no_room_for_a_latent(runner: Runner, size: str) -> None:
    assert refused(runner, job(size=size)) == "PC536"


@pytest.mark.parametrize("scale", ["0", "-2", "1e9"])
def test_a_second_pass_of_no_size(runner: Runner, scale: str) -> None:
    size = f"64x64, Denoising strength: 0.5, Hires upscaler: Latent, Hires upscale: {scale}"
    assert refused(runner, job(size=size)) == "PC537"
    assert refused(runner, job(size="100000x100000")) == "PC537"


@pytest.mark.parametrize(("factor", "code"), [("0.001", "PC536"), ("100000", "PC537"), ("1e9", "PC537")])
def test_an_enlargement_of_no_size(runner: Runner, factor: str, code: str) -> None:
    size = f"64x64, Postprocess upscale by: {factor}, Postprocess upscaler: Lanczos"
    assert refused(runner, job(size=size)) == code


@pytest.mark.parametrize(
    ("upscaler", "factor", "code"),
    [
        ("latent:bilinear", 0.01, "PC536"),
        ("latent:bilinear", -2.0, "PC536"),
        ("latent:bilinear", 1e9, "PC537"),
        ("latent:bilinear", math.inf, "PC537"),
        ("image:bilinear", 0.01, "PC536"),
        ("image:bilinear", 0.1, "PC536"),
        ("image:bilinear", math.nan, "PC537"),
    ],
)
@pytest.mark.parametrize("producer", ["a1111", "comfyui"])
def test_one_more_pass_of_no_size(runner: Runner, upscaler: str, factor: float, code: str, producer: str) -> None:
    asked = job().model_copy(
        update={
            "stages": (Further(upscaler=upscaler, scale=factor, strength=0.5),),
            "producer": Producer(dialect=producer),
        }
    )
    assert refused(runner, asked) == code


def test_no_steps(runner: Runner) -> None:
    asked = paramc.parse(f"a cat\n{SETTINGS.format(model='tiny', size='64x64')}".replace("Steps: 2", "Steps: 0"))
    assert refused(runner, asked) == "PC561"


@pytest.mark.parametrize(("strength", "told"), [(0.0, True), (1.0, False)])
def test_the_ends_of_strength(runner: Runner, tmp_path: Path, strength: float, told: bool) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "init.png")
    asked = paramc.parse(
        f"a cat\n{SETTINGS.format(model='tiny', size='64x64')}".replace("CFG", "Denoising strength: 0.5, CFG")
    )
    ran = runner.run(asked.replace({"task.init.path": str(tmp_path / "init.png"), "task.strength": strength}))
    assert ran.images[0].size == (64, 64)
    assert ("PC562" in {item.code for item in ran.diagnostics}) is told


def test_a_picture_too_large_for_the_memory_is_decoded_in_tiles(own: Open) -> None:
    asked = job(size="640x64")
    runner = own()
    decoder = runner.shelf.weights(job().assets.checkpoint).checkpoint.vae.decoder

    def refuse(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].shape[-1] > 64:
            raise torch.OutOfMemoryError

    handle = decoder.register_forward_pre_hook(refuse)
    ran = runner.run(asked)
    handle.remove()
    assert ran.images[0].size == (640, 64)
    assert "PC557" in {item.code for item in ran.diagnostics}


def test_memory_that_never_suffices_is_said(own: Open) -> None:
    runner = own()
    decoder = runner.shelf.weights(job().assets.checkpoint).checkpoint.vae.decoder

    def refuse(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        raise torch.OutOfMemoryError

    decoder.register_forward_pre_hook(refuse)
    assert refused(runner, job()) == "PC555"


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def narrow(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: NumberType) -> Runner:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    return Runner([models], device="cpu", rng="cpu", dtype=dtype)


@pytest.mark.parametrize(("dtype", "levels"), [("float16", 3), ("bfloat16", 12)])
def test_half_precision_paints_nearly_the_same(
    runner: Runner, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: NumberType, levels: int
) -> None:
    ran = narrow(models, tmp_path, monkeypatch, dtype).run(job())
    assert np.abs(pixels(ran.images[0]) - pixels(runner.run(job()).images[0])).max() <= levels


def test_a_vae_that_overflows_is_run_again_in_full_precision(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = narrow(models, tmp_path, monkeypatch, "float16")
    vae = own.shelf.weights(job().assets.checkpoint).checkpoint.vae
    vae.decoder.conv_in.weight.data.fill_(3e4)
    ran = own.run(job())
    assert "PC570" in {item.code for item in ran.diagnostics}
    assert vae.dtype == torch.float32


@pytest.mark.parametrize("blur", [1025, 1e9, math.inf])
def test_a_mask_blurred_beyond_all_pictures(runner: Runner, tmp_path: Path, blur: float) -> None:
    for name, colour in (("init", "red"), ("mask", "white")):
        Image.new("RGB", (64, 64), colour).save(tmp_path / f"{name}.png")
    asked = job(size="64x64, Denoising strength: 0.6, Mask blur: 4").replace(
        {"task.init.path": str(tmp_path / "init.png"), "task.mask.path": str(tmp_path / "mask.png")}
    )
    task = asked.task.model_copy(update={"mask_blur": blur})
    assert refused(runner, asked.model_copy(update={"task": task})) == "PC598"


def test_a_schedule_between_levels_that_repeat(own: Open) -> None:
    values = {"sampling.schedule": "normal", "sampling.zero_terminal_snr": True, "sampling.downcasts_alphas": True}
    assert refused(own(), job().replace(values)) == "PC577"


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("model.diffusion_model.", "PC554"),
        ("first_stage_model.decoder.", "PC578"),
        ("first_stage_model.encoder.", "PC578"),
        ("cond_stage_model.", "PC579"),
    ],
)
def test_weights_that_are_no_numbers(models: Path, tmp_path: Path, own: Open, part: str, code: str) -> None:
    content = tensors(models)
    damaged = [name for name in content if name.startswith(part) and name.endswith("weight")][1]
    write(tmp_path, "damaged", {**content, damaged: torch.full_like(content[damaged], torch.nan)})
    Image.new("RGB", (64, 64), "red").save(tmp_path / "init.png")
    asked = job("damaged", size="64x64, Denoising strength: 0.6").replace(
        {"task.init.path": str(tmp_path / "init.png")}
    )
    assert refused(own(), asked) == code
