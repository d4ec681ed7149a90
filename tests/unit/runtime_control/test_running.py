"""Jobs with control units, against a loop over diffusers' own models written out step by step."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from PIL import Image
from torch import Tensor

import paramc
from paramc.diagnostics.model import RunError
from paramc.ir.job import Job
from paramc.runtime.control.nets import load_net
from paramc.runtime.execute.runner import Runner
from paramc.runtime.models.checkpoint import load_checkpoint
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_control.tiny import diffusers_adapter

pytestmark = pytest.mark.sdk

SETTINGS = "Steps: 4, Sampler: Euler, Schedule type: Uniform, CFG scale: 5, Seed: 7, Size: 64x64, Model: tiny, RNG: CPU"
A1111 = "1.10.1"
FORGE = "f2.0.1v1.10.1-previous-669-gdfdcbab6"
CFG = 5.0

Weights = Callable[[int, int], float]  # of an output, by the number of the step and of the output; negative step: none


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("pictures") / "control.png"
    rows, columns = np.mgrid[0:64, 0:64]
    values = np.stack([rows * 4, columns * 4, (rows * columns) % 256], axis=2).astype(np.uint8)
    Image.fromarray(values).save(path)
    return str(path)


def unit(model: str = "lines", number: int = 0, **settings: str) -> str:
    said = {
        "Module": "none",
        "Model": model,
        "Weight": "0.8",
        "Guidance Start": "0.0",
        "Guidance End": "1.0",
        "Control Mode": "Balanced",
        **{key.replace("_", " "): value for key, value in settings.items()},
    }
    return f', ControlNet {number}: "{", ".join(f"{key}: {value}" for key, value in said.items())}"'


def job(picture: str, *units: str, more: str = "", version: str = A1111, prompt: str = "a cat") -> Job:
    read = paramc.parse(f"{prompt}\nNegative prompt: dog\n{SETTINGS}{''.join(units)}{more}, Version: {version}")
    paths = [f"controls.controlnet[{number}].image.path" for number in range(len(units))]
    return read.replace(dict.fromkeys(paths, picture))


def seen_of(runner: Runner, asked: Job) -> Recorder:
    seen = Recorder()
    runner.run(asked, seen)
    return seen


def seen_hint(picture: str) -> Tensor:
    values = np.asarray(Image.open(picture).convert("RGB"))
    return torch.from_numpy(values.copy()).permute(2, 0, 1)[None].float() / 255


def final_latent(
    seen: Recorder,
    models: Path,
    hint: Tensor,
    nets: Sequence[tuple[str, Weights]],
    *,
    only_positive: bool = False,
    features: Sequence[Tensor] = (),
) -> Tensor:
    """Euler's method from the same start: each net's outputs weighed and added inside the UNet, and features, too."""
    unet = load_checkpoint(models / "tiny.safetensors").unet
    assert isinstance(unet, UNet2DConditionModel)
    loaded = [(control_net(models / "ControlNet" / f"{name}.safetensors"), weigh) for name, weigh in nets]
    x, levels = seen.entering[0], [*seen.levels, 0.0]
    with torch.inference_mode():
        for step, sigma in enumerate(levels[:-1]):
            inputs = torch.cat([x / (sigma**2 + 1) ** 0.5] * 2)
            times, tokens = torch.tensor(seen.timesteps[step]), seen.tokens[step]
            outputs = added(loaded, step, (inputs, times, tokens, hint))
            if only_positive:
                for output in outputs:
                    output[1:] = 0
            noise = unet(
                inputs,
                times,
                encoder_hidden_states=tokens,
                down_block_additional_residuals=outputs[:-1] or None,
                mid_block_additional_residual=outputs[-1] if outputs else None,
                down_intrablock_additional_residuals=list(features) or None,
            ).sample
            guided = noise[1:] + CFG * (noise[:1] - noise[1:])
            x = x + (levels[step + 1] - sigma) * guided
    return x


def control_net(path: Path) -> ControlNetModel:
    net = load_net(path, "sd1", dtype=torch.float32, device="cpu")
    assert isinstance(net, ControlNetModel)
    return net


def added(
    nets: Sequence[tuple[ControlNetModel, Weights]], step: int, inputs: tuple[Tensor, Tensor, Tensor, Tensor]
) -> list[Tensor]:
    x, times, tokens, hint = inputs
    total: list[Tensor] = []
    for net, weigh in nets:
        down, middle = net(x, times, tokens, hint.expand(2, -1, -1, -1), return_dict=False)
        outputs = [output * weigh(step, number) for number, output in enumerate([*down, middle])]
        total = [mine + theirs for mine, theirs in zip(total, outputs, strict=True)] if total else outputs
    return total


def distance(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def steady(step: int, number: int) -> float:
    return 0.8


def fading(step: int, number: int) -> float:
    return 0.8 * 0.825 ** (12 - number)


@pytest.mark.parametrize("net", ["lines", "depth"])
def test_a_balanced_unit_adds_its_outputs_on_both_sides(runner: Runner, models: Path, picture: str, net: str) -> None:
    seen = seen_of(runner, job(picture, unit(net)))
    expected = final_latent(seen, models, seen_hint(picture), [(net, steady)])
    assert distance(seen.latents[-1], expected) <= 1e-5
    assert distance(seen.latents[-1], final_latent(seen, models, seen_hint(picture), [])) > 1e-3


def test_a_prompt_that_is_more_important_softens_the_shallow_outputs(
    runner: Runner, models: Path, picture: str
) -> None:
    seen = seen_of(runner, job(picture, unit(Control_Mode="My prompt is more important")))
    expected = final_latent(seen, models, seen_hint(picture), [("lines", fading)])
    assert distance(seen.latents[-1], expected) <= 1e-5


def test_a_unit_that_is_more_important_leaves_the_negative_alone(runner: Runner, models: Path, picture: str) -> None:
    seen = seen_of(runner, job(picture, unit(Control_Mode="ControlNet is more important")))
    expected = final_latent(seen, models, seen_hint(picture), [("lines", fading)], only_positive=True)
    assert distance(seen.latents[-1], expected) <= 1e-5


def test_a_unit_acts_on_its_share_of_the_steps(runner: Runner, models: Path, picture: str) -> None:
    seen = seen_of(runner, job(picture, unit(Guidance_Start="0.25", Guidance_End="0.6")))

    def weigh(step: int, number: int) -> float:
        return 0.8 if step in (1, 2) else 0.0

    expected = final_latent(seen, models, seen_hint(picture), [("lines", weigh)])
    assert distance(seen.latents[-1], expected) <= 1e-5


def test_forge_counts_shares_of_the_timesteps(runner: Runner, models: Path, picture: str) -> None:
    asked = job(picture, unit(Guidance_Start="0.2", Guidance_End="0.5"), version=FORGE)
    seen = seen_of(runner, asked.replace({"sampling.schedule": "karras"}))
    acts = [0.2 <= 1 - times[0] / 999 <= 0.5 for times in seen.timesteps]
    assert acts != [0.2 <= step / 4 <= 0.5 for step in range(4)]

    def weigh(step: int, number: int) -> float:
        return 0.8 if acts[step] else 0.0

    expected = final_latent(seen, models, seen_hint(picture), [("lines", weigh)])
    assert distance(seen.latents[-1], expected) <= 1e-5


def test_comfyui_enlarges_the_middle_of_the_picture_by_whole_pixels(
    runner: Runner, models: Path, tmp_path: Path
) -> None:
    values = np.random.default_rng(4).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "small.png")
    asked = job(str(tmp_path / "small.png"), unit()).replace({"producer.dialect": "comfyui"})
    nearest = ((np.arange(64) + 0.5) * 20 / 64).astype(int)
    hint = torch.from_numpy(values[5 + nearest][:, nearest].copy()).permute(2, 0, 1)[None].float() / 255
    seen = seen_of(runner, asked)
    assert distance(seen.latents[-1], final_latent(seen, models, hint, [("lines", steady)])) <= 1e-5


def test_several_units_add_up(runner: Runner, models: Path, picture: str) -> None:
    seen = seen_of(runner, job(picture, unit(), unit("depth", 1, Weight="0.3")))

    def weak(step: int, number: int) -> float:
        return 0.3

    expected = final_latent(seen, models, seen_hint(picture), [("lines", steady), ("depth", weak)])
    assert distance(seen.latents[-1], expected) <= 1e-5


@pytest.mark.parametrize(
    ("mode", "scales"),
    [("Balanced", (1.0,) * 4), ("My prompt is more important", (0.25, 0.62, 0.825, 1.0))],
)
def test_an_adapter_adds_its_features_inside_each_level(
    runner: Runner, models: Path, picture: str, mode: str, scales: tuple[float, ...]
) -> None:
    seen = seen_of(runner, job(picture, unit("sketch", Control_Mode=mode), unit("lines", 1)))
    hint = seen_hint(picture)
    with torch.inference_mode():
        made = diffusers_adapter()(hint)
    features = [part * 0.8 * scale for part, scale in zip(made, scales, strict=True)]
    expected = final_latent(seen, models, hint, [("lines", steady)], features=features)
    assert distance(seen.latents[-1], expected) <= 1e-5


@pytest.mark.parametrize(("corrections", "whole"), [("rank", "ranked"), ("diff", "differed")])
def test_corrections_steer_as_the_net_that_they_make_of_the_model(
    runner: Runner, picture: str, corrections: str, whole: str
) -> None:
    found, expected, without = (
        seen_of(runner, job(picture, *units)).latents[-1] for units in ((unit(corrections),), (unit(whole),), ())
    )
    assert distance(found, expected) <= 1e-5
    assert distance(found, without) > 1e-3


def test_corrections_are_laid_on_the_model_without_the_networks_of_the_job(models: Path, picture: str) -> None:
    found = []
    for name in ("rank", "ranked"):
        asked = job(picture, unit(name), prompt="a cat <lora:ink:1>")
        found.append(seen_of(Runner([models], device="cpu", rng="cpu"), asked).latents[-1])
    assert distance(found[0], found[1]) <= 1e-5


def test_a_unit_of_weight_zero_changes_no_bit(runner: Runner, picture: str) -> None:
    without, with_it = (seen_of(runner, job(picture, *units)) for units in ((), (unit(Weight="0.0"),)))
    assert torch.equal(without.latents[-1], with_it.latents[-1])


def test_edges_are_found_before_they_steer(runner: Runner, models: Path, picture: str) -> None:
    asked = job(picture, unit(Module="canny", Processor_Res="64", Threshold_A="50.0", Threshold_B="150.0"))
    seen = seen_of(runner, asked)
    from paramc.runtime.control.canny import edges  # held by a test of its own

    lines = edges(np.asarray(Image.open(picture)), 50, 150)
    hint = torch.from_numpy(lines.copy())[None, None].float().expand(-1, 3, -1, -1) / 255
    assert 0 < hint.mean() < 0.9
    assert distance(seen.latents[-1], final_latent(seen, models, hint, [("lines", steady)])) <= 1e-5


HIRES = ", Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: Latent"


@pytest.mark.parametrize(("passes", "first", "second"), [("both", 1, 1), ("first", 1, 0), ("second", 0, 1)])
def test_a_unit_steers_the_passes_that_it_is_for(
    runner: Runner, picture: str, passes: str, first: int, second: int
) -> None:
    plain = seen_of(runner, job(picture, more=HIRES))
    steered = seen_of(runner, job(picture, unit(), more=HIRES).replace({"controls.controlnet.passes": passes}))
    assert (not torch.equal(plain.entering[1], steered.entering[1])) == bool(first)
    start = 4  # calls of the first pass; from the same start, the step to the next call tells
    moved = [seen.entering[start + 1] - seen.entering[start] for seen in (plain, steered)]
    if not first:
        assert (not torch.equal(*moved)) == bool(second)


def test_the_second_pass_is_steered_also_where_its_texts_are_encoded_anew(runner: Runner, picture: str) -> None:
    more = f"{HIRES}, Hires prompt: a bird"
    plain = seen_of(runner, job(picture, more=more))
    asked = job(picture, unit(), more=more).replace({"controls.controlnet.passes": "second"})
    steered = seen_of(runner, asked)
    assert torch.equal(plain.entering[4], steered.entering[4])
    assert not torch.equal(plain.entering[5], steered.entering[5])


def test_a_refiner_is_steered_as_the_model_before_it(runner: Runner, picture: str) -> None:
    alone = seen_of(runner, job(picture, unit()))
    in_turn = seen_of(runner, job(picture, unit(), more=", Refiner: tiny, Refiner switch at: 0.3"))
    assert torch.equal(alone.latents[-1], in_turn.latents[-1])


def inpainting(picture: str, folder: Path, unit_: str, *, area: str = "") -> Job:
    """A job that paints the square [16, 48) anew."""
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 16, 48, 48))
    mask.save(folder / "mask.png")
    more = f", Denoising strength: 1, Mask blur: 0{area}"
    masks = {"task.init.path": picture, "task.mask.path": str(folder / "mask.png")}
    return job(picture, unit_, more=more).replace(masks)


def shown(runner: Runner, asked: Job) -> Tensor:
    """The picture that the net is shown."""
    seen: list[Tensor] = []
    forward = ControlNetModel.forward

    def noted(self: ControlNetModel, *args: Tensor, **inputs: Tensor) -> object:
        seen.append(inputs["controlnet_cond"])
        return forward(self, *args, **inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ControlNetModel, "forward", noted)
        runner.run(asked)
    return seen[0][:1]


@pytest.mark.parametrize("module", ["inpaint_only", "inpaint_global_harmonious"])
def test_a_net_for_inpainting_does_not_see_what_is_painted_anew(
    runner: Runner, picture: str, tmp_path: Path, module: str
) -> None:
    found = shown(runner, inpainting(picture, tmp_path, unit(Module=module)))
    expected = seen_hint(picture)
    expected[:, :, 16:48, 16:48] = -1
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("resize", "hidden"), [("stretch", (slice(16, 48), slice(24, 40))), ("crop", (slice(16, 48), slice(16, 48)))]
)
def test_what_is_painted_anew_is_hidden_where_the_mask_lies_in_the_job(
    runner: Runner, picture: str, tmp_path: Path, resize: str, hidden: tuple[slice, slice]
) -> None:
    asked = inpainting(picture, tmp_path, unit(Module="inpaint_only")).replace({"task.resize": resize})
    mask = Image.new("L", (128, 64))
    mask.paste(255, (48, 16, 80, 48))
    mask.save(tmp_path / "mask.png")
    covered = shown(runner, asked)[0].amax(dim=0) < 0
    expected = torch.zeros(64, 64, dtype=torch.bool)
    expected[hidden] = True
    assert torch.equal(covered, expected)


def test_a_net_sees_the_part_that_is_painted_alone(runner: Runner, picture: str, tmp_path: Path) -> None:
    area = ", Inpaint area: Only masked, Masked area padding: 0"
    found = shown(runner, inpainting(picture, tmp_path, unit(), area=area))
    part = Image.open(picture).convert("RGB").crop((16, 16, 48, 48)).resize((64, 64), Image.Resampling.LANCZOS)
    assert torch.equal(found, torch.from_numpy(np.array(part)).permute(2, 0, 1)[None].float() / 255)


def test_a_picture_to_paint_over_steers_where_the_unit_has_none(runner: Runner, picture: str) -> None:
    asked = job(picture, unit(), more=", Denoising strength: 0.9").replace({"task.init.path": picture})
    own = seen_of(runner, asked)
    borrowed = seen_of(runner, asked.replace({"controls.controlnet.image.path": None}))
    assert torch.equal(own.latents[-1], borrowed.latents[-1])


def codes(error: pytest.ExceptionInfo[RunError]) -> set[str]:
    return {item.code for item in error.value.diagnostics if item.severity == "error"}


def test_a_preprocessor_that_is_not_built_in_is_named(runner: Runner, picture: str) -> None:
    with pytest.raises(RunError) as error:
        runner.run(job(picture, unit(Module="openpose_full")))
    assert codes(error) == {"PC589"}


def test_a_unit_without_a_picture_is_refused(runner: Runner, picture: str) -> None:
    with pytest.raises(RunError) as error:
        runner.run(job(picture, unit()).replace({"controls.controlnet.image.path": None}))
    assert codes(error) == {"PC551"}
