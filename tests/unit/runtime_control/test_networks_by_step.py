"""Networks that act on some of the steps, and block by block."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from pathlib import Path

import torch

import paramc
from paramc.ir.plan import ApplyNetwork, Sample
from paramc.passes.plan import plan_job
from paramc.runtime.execute.runner import Runner
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_models.tiny import filled, save

pytestmark = pytest.mark.sdk

SETTINGS = "Steps: 4, Sampler: Euler, Schedule type: Uniform, CFG scale: 5, Seed: 7, Size: 64x64, Model: tiny, RNG: CPU"
NAME = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"
TEXT = "lora_te_text_model_encoder_layers_0_mlp_fc1"


@pytest.fixture(scope="module")
def runner(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    shapes = {
        f"{NAME}.lora_up.weight": (32, 2),
        f"{NAME}.lora_down.weight": (2, 32),
        f"{TEXT}.lora_up.weight": (1536, 2),
        f"{TEXT}.lora_down.weight": (2, 768),
    }
    ink = {name: 20 * part for name, part in filled(shapes, 3).items()}
    word = filled({"": (2, 768)}, 5)[""]
    save(models / "Lora" / "ink.safetensors", ink)
    save(models / "Lora" / "bringing.safetensors", ink | {"bundle_emb.zorblax.string_to_param.*": word})
    save(models / "embeddings" / "zorblay.safetensors", {"emb_params": word})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        return Runner([models], device="cpu", rng="cpu")


def seen(runner: Runner, tag: str, steps: str = SETTINGS) -> Recorder:
    recorder = Recorder()
    runner.run(paramc.parse(f"a cat {tag}\nNegative prompt: dog\n{steps}, Version: 1.10.1"), recorder)
    return recorder


def latents(runner: Runner, tag: str) -> list[torch.Tensor]:
    """The latents that enter each step, and the last one."""
    found = seen(runner, tag)
    return [*found.entering, found.latents[-1]]


def test_before_its_first_step_a_network_changes_nothing_and_behind_its_last_step_nothing_more(runner: Runner) -> None:
    without, late = latents(runner, "<lora:ink:0:1>"), latents(runner, "<lora:ink:0:1:start=2>")
    none = latents(runner, "")
    assert [torch.equal(mine, theirs) for mine, theirs in zip(late, none, strict=True)] == [True] * 3 + [False] * 2
    early = latents(runner, "<lora:ink:0:1:stop=2>")
    assert [torch.equal(mine, theirs) for mine, theirs in zip(early, without, strict=True)] == [True] * 3 + [False] * 2


def test_the_next_job_has_the_whole_network_again(runner: Runner) -> None:
    before = latents(runner, "<lora:ink:0:1>")
    latents(runner, "<lora:ink:0:1:start=1:stop=2>")
    assert torch.equal(latents(runner, "<lora:ink:0:1>")[-1], before[-1])


def test_blocks_of_weight_zero_leave_the_picture_as_it_is(runner: Runner) -> None:
    none, weighed = latents(runner, ""), latents(runner, "<lora:ink:1:lbw=NONE>")
    assert torch.equal(none[-1], weighed[-1])


def test_the_first_weight_is_that_of_the_text_encoder(runner: Runner) -> None:
    alone = seen(runner, "<lora:ink:1:0>")
    first = seen(runner, f"<lora:ink:1:1:lbw=1{',0' * 16}>")
    assert torch.equal(alone.latents[-1], first.latents[-1])
    assert not torch.equal(alone.tokens[0], seen(runner, "").tokens[0])


def test_a_word_that_a_network_brings_along_is_one_of_the_prompt(runner: Runner) -> None:
    brought = seen(runner, "zorblax <lora:bringing:1>")
    assert torch.equal(brought.tokens[0], seen(runner, "zorblay <lora:ink:1>").tokens[0])
    assert not torch.equal(brought.tokens[0], seen(runner, "zorblax <lora:ink:1>").tokens[0])


HIRES = SETTINGS + ", Denoising strength: 0.6, Hires upscale: 1.5, Hires upscaler: Latent, Hires steps: 2"


@pytest.mark.parametrize(
    ("tag", "laid"),
    [("<lora:ink:0.9:1>", [(0.9, 1.0)]), ("", []), ("<lora:ink:-1><lora:ink:-1>", [(-1.0, -1.0)] * 2)],
)
def test_a_second_prompt_has_the_networks_that_it_names(tag: str, laid: list[tuple[float, float]]) -> None:
    text = f'a cat <lora:ink:0.5>\n{HIRES}, Hires prompt: "a dog {tag}", Version: 1.10.1'
    ops = plan_job(paramc.parse(text)).ops
    networks = {f"{op.id}.model": op for op in ops if isinstance(op, ApplyNetwork)}
    first, second = (op for op in ops if isinstance(op, Sample))
    found, model = [], second.model
    while model in networks:
        found.append((networks[model].clip_strength, networks[model].model_strength))
        model = networks[model].model
    assert (found, model) == (laid, "checkpoint.model")
    assert first.model == "network1.model"


def test_the_second_pass_is_painted_with_the_networks_of_its_own_prompt(runner: Runner) -> None:
    def painted(tag: str) -> Recorder:
        return seen(runner, "<lora:ink:0.5>", f'{HIRES}, Hires prompt: "a cat {tag}"')

    same, other, none = painted("<lora:ink:0.5>"), painted("<lora:ink:0:0.9>"), painted("")
    assert torch.equal(same.entering[3], other.entering[3])
    assert torch.equal(same.entering[3], none.entering[3])
    assert len({float(each.latents[-1].sum()) for each in (same, other, none)}) == 3
