"""Memory and time that are saved leave the latent as it is."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import paramc
from paramc.passes.batches import joined
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.thrift import SPENDING, Offload, Thrift, Turns, bring_by_layers, bytes_of, level_of
from paramc.runtime.execute.watch import Unwatched
from tests.demo.painting import Shipped

CPU, CARD = torch.device("cpu"), torch.device("cuda")
JOB = paramc.parse(
    "red circle\nSteps: 3, Sampler: Euler, Schedule type: Karras, CFG scale: 1, Seed: 3, Size: 64x64, Model: demo, "
    "RNG: CPU, Version: v1.10.1"
)
GIB = 2**30


class Last(Unwatched):
    """Keeps the finished latent."""

    latent = torch.zeros(())

    def decodes(self, latent: Tensor) -> None:
        self.latent = latent


def painted(thrift: Thrift) -> tuple[Tensor, list[str]]:
    """The finished latent, and what was said."""
    watch = Last()
    ran = Runner([], device="cpu", finder=Shipped(), thrift=thrift).run(JOB, watch)
    return watch.latent, [item.code for item in ran.diagnostics]


@pytest.fixture(scope="module")
def plain() -> Tensor:
    return painted(SPENDING)[0]


def test_on_a_processor_turns_change_nothing_and_that_is_said(plain: Tensor) -> None:
    latent, said = painted(Thrift(offload="model"))
    assert torch.equal(latent, plain)
    assert "PC576" in said


def test_a_vae_in_tiles_leaves_the_latent_alone(plain: Tensor) -> None:
    runner, watch = Runner([], device="cpu", finder=Shipped(), thrift=Thrift(tiles_vae=True)), Last()
    runner.run(JOB, watch)
    assert torch.equal(watch.latent, plain)
    assert JOB.assets.checkpoint is not None
    assert runner.shelf.weights(JOB.assets.checkpoint).checkpoint.vae.use_tiling is True


def test_channels_that_lie_last_leave_the_latent_alone(plain: Tensor) -> None:
    runner = Runner([], device="cpu", finder=Shipped(), thrift=Thrift(channels_last=True))
    watch = Last()
    runner.run(JOB, watch)
    assert JOB.assets.checkpoint is not None
    kernel = runner.shelf.weights(JOB.assets.checkpoint).checkpoint.unet.get_parameter("conv_in.weight")
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    assert (watch.latent - plain).abs().max() <= 1e-5 * plain.abs().max()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a compiler")
@pytest.mark.filterwarnings("ignore")  # of the compiler's own making
def test_a_compiled_model_leaves_the_latent_alone(plain: Tensor) -> None:
    latent, _ = painted(Thrift(compiles=True))
    assert (latent - plain).abs().max() <= 1e-5 * plain.abs().max()


@pytest.mark.parametrize(
    ("offload", "device", "needed", "free", "expected"),
    [
        ("auto", CARD, 4 * GIB, 16 * GIB, "none"),
        ("auto", CARD, 7 * GIB, 8 * GIB, "model"),
        ("auto", CARD, 12 * GIB, 4 * GIB, "layers"),
        ("auto", CARD, 7 * GIB, None, "none"),
        ("model", CARD, 1 * GIB, 16 * GIB, "model"),
        ("layers", CARD, 1 * GIB, 16 * GIB, "layers"),
        ("none", CARD, 20 * GIB, 8 * GIB, "none"),
        ("model", CPU, 20 * GIB, 8 * GIB, "none"),
    ],
)
def test_models_take_turns_where_they_are_told_to_or_do_not_fit(
    offload: Offload, device: torch.device, needed: int, free: int | None, expected: Offload
) -> None:
    assert level_of(offload, device, needed, needed // 2, free) == expected


def shipped_unet(thrift: Thrift) -> tuple[Runner, nn.Module]:
    """A runner that has loaded the demo model."""
    runner = Runner([], device="cpu", finder=Shipped(), thrift=thrift)
    assert JOB.assets.checkpoint is not None
    return runner, runner.shelf.weights(JOB.assets.checkpoint).checkpoint.unet


def test_layers_that_take_turns_leave_the_latent_alone(plain: Tensor) -> None:
    runner, unet = shipped_unet(SPENDING)
    bring_by_layers(unet, CPU)
    watch = Last()
    runner.run(JOB, watch)
    assert (watch.latent - plain).abs().max() <= 1e-5 * plain.abs().max()


def test_weights_in_eight_bits_paint_as_weights_rounded_to_them() -> None:
    runner, unet = shipped_unet(Thrift(stored="float8"))
    stored = {name for name, weight in unet.named_parameters() if weight.dtype == torch.float8_e4m3fn}
    assert sum(unet.get_parameter(name).numel() for name in stored) > 0.9 * sum(w.numel() for w in unet.parameters())
    other, rounded = shipped_unet(SPENDING)
    with torch.no_grad():
        for name in stored:
            weight = rounded.get_parameter(name)
            weight.copy_(weight.to(torch.float8_e4m3fn).float())
    latents = []
    for each in (runner, other):
        watch = Last()
        each.run(JOB, watch)
        latents.append(watch.latent)
    assert (latents[0] - latents[1]).abs().max() <= 1e-5 * latents[1].abs().max()


def test_a_network_comes_and_goes_on_weights_in_eight_bits() -> None:
    runner, _ = shipped_unet(Thrift(stored="float8"))
    with_network = JOB.replace({"prompt": paramc.parse("red circle <lora:demo-grey:1>").prompt})
    latents = []
    for job in (JOB, with_network, JOB):
        watch = Last()
        runner.run(job, watch)
        latents.append(watch.latent)
    assert torch.equal(latents[0], latents[2])
    assert not torch.equal(latents[0], latents[1])


def test_weights_in_eight_bits_paint_nearly_the_same(plain: Tensor) -> None:
    latent, _ = painted(Thrift(stored="float8"))
    deviation = (latent - plain).abs().max() / plain.abs().max()
    assert 1e-4 < deviation < 0.2  # 0.096 with the demo model


class Moved(nn.Module):
    """Remembers where it was put."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def to(self, *args: torch.device) -> "Moved":  # type: ignore[override]  # the only form that is used here
        self.places.append(str(args[0]))
        return self


def test_the_model_in_use_is_the_only_one_on_the_device() -> None:
    text, unet, vae, resident = Moved(), Moved(), Moved(), Moved()
    turns = Turns(CARD)
    turns.join((text, unet, vae))
    for model in (text, unet, unet, resident, vae, unet):
        turns.bring(model)
    assert text.places == ["cuda", "cpu"]
    assert unet.places == ["cuda", "cpu", "cuda"]
    assert vae.places == ["cuda", "cpu"]
    assert resident.places == []


def test_what_takes_no_turns_has_the_device_without_those_that_do() -> None:
    text, resident = Moved(), Moved()
    turns = Turns(CARD)
    turns.join((text,))
    turns.bring(text)
    turns.bring(resident)
    assert text.places == ["cuda", "cpu"]


def test_the_memory_of_a_file_is_that_of_its_numbers_in_the_type_they_are_loaded_in(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(10, 3, dtype=torch.float16), "y": torch.zeros(2)}, file)
    assert bytes_of((file,), torch.float32) == 32 * 4
    assert bytes_of((file, file), torch.float16) == 64 * 2


@pytest.mark.parametrize(
    ("sampler", "more"),
    [
        ("Euler a", ""),
        ("DPM++ SDE", ""),
        ("DPM++ 2M SDE", ""),
        ("Heun", ""),
        ("Euler a", ", Denoising strength: 0.6, Hires upscale: 1.5, Hires upscaler: Latent"),
    ],
)
def test_pictures_that_are_painted_at_once_have_the_latents_of_single_ones(sampler: str, more: str) -> None:
    runner = Runner([], device="cpu", finder=Shipped())
    text = (
        "red circle\nNegative prompt: blue\nSteps: 4, Sampler: {}, CFG scale: 1.5, Seed: {}, Size: 64x64, Model: demo{}, "
        "RNG: CPU, Version: v1.10.1"
    )
    jobs = [paramc.parse(text.format(sampler, seed, more)) for seed in (4, 5)]
    alone, together = [], Last()
    for job in jobs:
        watch = Last()
        runner.run(job, watch)
        alone.append(watch.latent)
    runner.run(joined(jobs), together)
    assert (torch.cat(alone) - together.latent).abs().max() <= 1e-5 * together.latent.abs().max()


def test_a_link_that_leads_nowhere_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "loop.safetensors").symlink_to("loop.safetensors")
    assert bytes_of((tmp_path,), torch.float32) == 0
