"""Units that let a model look at a picture, against a loop that keeps attention's inputs with processors of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor

import paramc
from paramc.diagnostics.model import RunError
from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.passes.plan import plan_job
from paramc.runtime.control.references import Reference
from paramc.runtime.control.steering import Steering
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.execute.checks import check_plan
from paramc.runtime.execute.network import UnetCall
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.watch import UNWATCHED
from paramc.runtime.models import latents
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_control.test_running import HIRES, SETTINGS, codes, distance, picture, seen_hint, seen_of
from tests.unit.runtime_models.tiny import filled, save, sdxl_shapes

pytestmark = pytest.mark.sdk
__all__ = ["picture"]  # a fixture

CFG = 5.0


@pytest.fixture(scope="module")
def checkpoint(models: Path) -> Checkpoint:
    return load_checkpoint(models / "tiny.safetensors")


def job(picture: str, module: str = "reference_only", *, model: str = "tiny", more: str = "", **said: str) -> Job:
    words = {"Weight": "1.0", "Guidance Start": "0.0", "Guidance End": "1.0", "Control Mode": "Balanced"}
    words |= {key.replace("_", " "): value for key, value in said.items()}
    unit = ", ".join(f"{key}: {value}" for key, value in words.items())
    settings = SETTINGS.replace("Model: tiny", f"Model: {model}")
    text = f'a cat\nNegative prompt: dog\n{settings}, ControlNet 0: "Module: {module}, Model: None, {unit}"{more}'
    return paramc.parse(f"{text}, Version: 1.10.1").replace({"controls.controlnet.image.path": picture})


class Linked(AttnProcessor2_0):
    """Self-attention that keeps what it is given, or looks at what was kept."""

    def __init__(self, alone: float) -> None:
        super().__init__()
        self.alone, self.kept, self.keeps = alone, torch.zeros(0), True

    def __call__(self, attn: Attention, hidden_states: Tensor, *args: object, **more: object) -> Tensor:
        x = hidden_states
        if self.keeps:
            self.kept = x
            return super().__call__(attn, x)
        both = super().__call__(attn, x, encoder_hidden_states=torch.cat([x, self.kept], dim=1))
        alone = super().__call__(attn, x[1:])  # the second row is the negative's
        return torch.cat([both[:1], self.alone * alone + (1 - self.alone) * both[1:]])


@contextmanager
def linked(unet: UNet2DConditionModel, alone: float, share: float) -> Iterator[list[Linked]]:
    names = [name for name in unet.attn_processors if name.endswith("attn1.processor")]
    widths = {name: unet.get_submodule(name.removesuffix(".processor")).to_q.in_features for name in names}
    order = sorted(names, key=lambda name: -widths[name])
    links = {name: Linked(alone) for name in order[: round(len(order) * share)]}
    before = unet.attn_processors
    unet.set_attn_processor({name: links.get(name, old) for name, old in before.items()})
    yield list(links.values())
    unet.set_attn_processor(before)


def final_latent(
    checkpoint: Checkpoint,
    seen: Recorder,
    picture: str,
    *,
    alone: float = 0.5,
    share: float = 1.0,
    steps: tuple[int, ...] = (0, 1, 2, 3),
) -> Tensor:
    """Euler's method from the same start; on some of the steps the picture goes through the model first."""
    unet, vae = checkpoint.unet, checkpoint.vae
    assert isinstance(unet, UNet2DConditionModel)
    with torch.inference_mode(), linked(unet, alone, share) as links:
        clean, _ = latents.encoded(vae, seen_hint(picture) * 2 - 1)
        clean = latents.scaled(vae, clean)
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
        x, levels = seen.entering[0], [*seen.levels, 0.0]
        for step, sigma in enumerate(levels[:-1]):
            times, tokens = torch.tensor(seen.timesteps[step]), seen.tokens[step]

            def called(x: Tensor, *, keeps: bool) -> Tensor:
                for link in links:
                    link.keeps = keeps
                return unet(torch.cat([x] * 2), times, encoder_hidden_states=tokens).sample  # noqa: B023

            scale = (sigma**2 + 1) ** 0.5
            called((clean + sigma * noise) / scale, keeps=True)
            found = called(x / scale, keeps=step not in steps)
            x = x + (levels[step + 1] - sigma) * (found[1:] + CFG * (found[:1] - found[1:]))
    return x


@pytest.mark.parametrize(
    ("said", "alone"),
    [
        ({}, 0.5),
        pytest.param({"Threshold_A": "0.2"}, 0.2, marks=pytest.mark.slow),
        pytest.param(
            {"Threshold_A": "0.2", "Control_Mode": "My prompt is more important"}, 0.0, marks=pytest.mark.slow
        ),
        ({"Threshold_A": "0.2", "Control_Mode": "ControlNet is more important"}, 1.0),
    ],
)
def test_attention_looks_at_the_picture_and_negatives_do_in_part(
    runner: Runner, checkpoint: Checkpoint, picture: str, said: dict[str, str], alone: float
) -> None:
    seen = seen_of(runner, job(picture, **said))
    assert distance(seen.latents[-1], final_latent(checkpoint, seen, picture, alone=alone)) <= 1e-5


def test_half_the_weight_lets_the_widest_half_look(runner: Runner, checkpoint: Checkpoint, picture: str) -> None:
    seen = seen_of(runner, job(picture, Weight="0.5"))
    found, expected = seen.latents[-1], final_latent(checkpoint, seen, picture, share=0.5)
    assert distance(found, expected) <= 1e-5
    assert distance(found, final_latent(checkpoint, seen, picture)) > 1e-4


def test_the_model_looks_on_a_share_of_the_steps(runner: Runner, checkpoint: Checkpoint, picture: str) -> None:
    seen = seen_of(runner, job(picture, Guidance_Start="0.25", Guidance_End="0.6"))
    assert distance(seen.latents[-1], final_latent(checkpoint, seen, picture, steps=(1, 2))) <= 1e-5


@pytest.mark.slow
def test_sdxl_looks_as_well(tmp_path: Path) -> None:
    found, expected = (load_checkpoint(save(tmp_path / "large.safetensors", filled(sdxl_shapes()))) for _ in range(2))
    x, tokens, vector, latent = (torch.randn(size) for size in ((2, 4, 8, 8), (2, 77, 2048), (2, 1280), (1, 4, 8, 8)))
    times, size = torch.tensor([500.0, 500.0]), Size(64, 64)
    unit = Reference(ControlNet(), lambda size: latent)
    steering = Steering([unit], size, by_time=False, noised=lambda clean, noise, times: clean)
    more = {"text_embeds": vector, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2)}
    unet = expected.unet
    assert isinstance(unet, UNet2DConditionModel)
    with torch.inference_mode(), linked(unet, 0.5, 1.0) as links:
        made = UnetCall(found, UNWATCHED, None, size, steering)(x, times, Conditioning(tokens, vector, against=1))
        for rows, keeps in ((latent.expand(2, -1, -1, -1), True), (x, False)):
            for link in links:
                link.keeps = keeps
            last = unet(rows, times, encoder_hidden_states=tokens, added_cond_kwargs=more).sample
    assert distance(made, last) <= 1e-5


def test_a_model_that_has_looked_paints_as_before(runner: Runner, picture: str) -> None:
    plain = job(picture).replace({"controls": ()})
    before = seen_of(runner, plain).latents[-1]
    without = seen_of(runner, job(picture, Weight="0.0")).latents[-1]
    looked = seen_of(runner, job(picture, more=HIRES)).latents[-1]
    assert looked.shape[-1] == 12
    assert torch.equal(before, without)
    assert torch.equal(before, seen_of(runner, plain).latents[-1])


def test_a_transformer_has_nothing_that_looks(picture: str) -> None:
    plan = plan_job(job(picture))
    with pytest.raises(RunError) as error:
        check_plan(plan.model_copy(update={"base": "flux"}))
    assert codes(error) == {"PC511"}


@pytest.mark.parametrize("module", ["reference_adain", "reference_adain+attn"])
def test_statistics_of_a_picture_are_refused_by_name(runner: Runner, picture: str, module: str) -> None:
    with pytest.raises(RunError) as error:
        runner.run(job(picture, module))
    assert codes(error) == {"PC515"}
