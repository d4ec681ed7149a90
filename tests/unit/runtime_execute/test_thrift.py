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
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.thrift import SPENDING, Offload, Thrift, Turns, bytes_of, take_turns
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
        ("auto", CARD, 4 * GIB, 16 * GIB, False),
        ("auto", CARD, 7 * GIB, 8 * GIB, True),
        ("auto", CARD, 7 * GIB, None, False),
        ("model", CARD, 1 * GIB, 16 * GIB, True),
        ("none", CARD, 20 * GIB, 8 * GIB, False),
        ("model", CPU, 20 * GIB, 8 * GIB, False),
    ],
)
def test_models_take_turns_where_they_are_told_to_or_do_not_fit(
    offload: Offload, device: torch.device, needed: int, free: int | None, *, expected: bool
) -> None:
    assert take_turns(offload, device, needed, free) is expected


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


def test_the_memory_of_a_file_is_that_of_its_numbers_in_the_type_they_are_loaded_in(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(10, 3, dtype=torch.float16), "y": torch.zeros(2)}, file)
    assert bytes_of((file,), torch.float32) == 32 * 4
    assert bytes_of((file, file), torch.float16) == 64 * 2
